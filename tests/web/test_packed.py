"""Files of the house go packed where that is taken, and are asked for again by what they were."""

from __future__ import annotations

import gzip

import pytest

SHEET = "/static/css/base.css"


def get(app, path: str = SHEET, **headers: str):
    with app.test_client().get(
        path, headers={name.replace("_", "-"): text for name, text in headers.items()}
    ) as answer:
        answer.get_data()
        return answer


def test_a_sheet_goes_packed_and_is_the_same_sheet(app):
    plain, packed = get(app), get(app, Accept_Encoding="gzip, deflate, br")
    again = get(app, Accept_Encoding="gzip")
    assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data == gzip.decompress(again.data)
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
    assert "Accept-Encoding" in plain.headers["Vary"] and "Accept-Encoding" in packed.headers["Vary"]


def test_what_a_browser_has_is_not_sent_again(app):
    packed = get(app, Accept_Encoding="gzip")
    unchanged = get(app, Accept_Encoding="gzip", If_None_Match=packed.headers["ETag"])
    assert (unchanged.status_code, unchanged.data) == (304, b"")


@pytest.mark.parametrize(
    "headers", [{"Accept_Encoding": "gzip;q=0"}, {"Accept_Encoding": "gzip", "Range": "bytes=0-9"}]
)
def test_who_takes_no_gzip_or_asks_for_a_part_gets_it_plain(app, headers):
    assert "Content-Encoding" not in get(app, **headers).headers


def test_a_page_is_never_packed(app):
    assert "Content-Encoding" not in get(app, "/sign-in", Accept_Encoding="gzip").headers
