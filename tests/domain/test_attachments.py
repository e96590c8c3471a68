"""What bytes are, told by themselves; and the payloads of problems and immunizations."""

from __future__ import annotations

import contextlib
import struct
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import attachments, problems
from app.domain.attachments import DocumentTooLarge, DocumentTypeUnknown, sniff
from app.domain.errors import BadInput
from tests.papers import JPEG, PDF, PNG, png

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(("data", "media_type"), [(PDF, "application/pdf"), (PNG, "image/png"), (JPEG, "image/jpeg")])
def test_a_file_is_what_its_bytes_say(data: bytes, media_type: str) -> None:
    assert sniff(data).media_type == media_type


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a" + bytes(40),
        b"PK\x03\x04" + bytes(40),
        b"   " + PDF,  # a header after other bytes: what a polyglot is made of
        PDF.replace(b"%%EOF", b""),
        PNG[:40],
        PNG[:-8],
        JPEG[:6],
        b"\xff\xd8\xff\xda" + bytes(40),
        b"\xff\xd8\xff\xe0\x00\x00" + bytes(40),
    ],
)
def test_what_is_no_whole_pdf_or_picture_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentTypeUnknown):
        sniff(data)


def test_a_picture_that_unfolds_to_more_than_a_phone_can_hold_is_refused() -> None:
    with pytest.raises(DocumentTypeUnknown):
        sniff(png(100_000, 100_000))
    assert sniff(png(8_000, 6_000)).width == 8_000


def test_a_file_is_refused_from_the_first_byte_over_the_limit() -> None:
    full = PDF + b"\n" * (attachments.MOST_BYTES - len(PDF) - 6) + b"%%EOF\n"
    assert len(full) == attachments.MOST_BYTES and sniff(full)
    with pytest.raises(DocumentTooLarge):
        sniff(b"%" + full)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"]))
def test_no_bytes_at_all_do_more_than_be_refused(data: bytes, head: bytes) -> None:
    with contextlib.suppress(DocumentTypeUnknown):
        assert sniff(head + data).media_type in attachments.SUFFIXES


def test_jpeg_segments_are_walked_to_the_frame_whatever_stands_before_it() -> None:
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, 30, 40, 3) + bytes(9)
    found = sniff(b"\xff\xd8\xff\xfe\x00\x04hi\xff\xff\xc4\x00\x03\x00" + frame)
    assert (found.width, found.height) == (40, 30)


def test_a_documents_payload_names_its_bytes() -> None:
    said = attachments.document(" 胸片 ", "report", PDF)
    assert said["title"] == "胸片" and said["size"] == len(PDF) and len(said["sha256"]) == 64
    for title, kind in (("", "report"), ("x" * 81, "report"), ("x", "virus")):
        with pytest.raises(BadInput):
            attachments.document(title, kind, PDF)


@pytest.mark.parametrize("onset", ["2026-03-03", "1899-12-31", "2026-02-30", "3/2/2026", "20260302", "２０２６-03-02"])
def test_a_day_that_is_none_or_to_come_is_refused(onset: str) -> None:
    with pytest.raises(BadInput) as refused:
        problems.problem("I10", onset=onset, today_on=TODAY)
    assert refused.value.field == "onset"


def test_a_problem_that_is_over_has_a_day_on_which_that_was_seen() -> None:
    hypertension = problems.problem("I10", onset="2019-05-01", today_on=TODAY)
    assert problems.ended(hypertension, "resolved", "", TODAY)["until_on"] == "2026-03-02"
    assert problems.ended(hypertension, "resolved", "2026-01-01", TODAY)["until_on"] == "2026-01-01"
    again = problems.ended({**hypertension, "until_on": "2026-01-01"}, "active", "", TODAY)
    assert again["until_on"] == "" and again["onset_on"] == "2019-05-01"
    with pytest.raises(BadInput):
        problems.ended(hypertension, "unknown", "", TODAY)


def test_a_vaccine_that_the_list_does_not_have_needs_its_name() -> None:
    assert problems.immunization("influenza", "1", "A123")["name_en"] == "Influenza vaccine"
    with pytest.raises(BadInput):
        problems.immunization("other")
    with pytest.raises(BadInput):
        problems.immunization("cowpox")
    assert problems.immunization("other", note="黄热病疫苗")["note"] == "黄热病疫苗"
