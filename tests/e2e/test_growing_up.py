"""A child turns eighteen: at the hospital's midnight the parent's phone lets go by itself, and the person's own takes over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.domain.calendar import ONE_DAY, day_bounds, hospital_day
from app.domain.documents import parse_resident_id
from app.services import booking, checkin, guardianship, people, proofs
from tests.e2e.clinic_site import ClinicSite
from tests.e2e.test_stop_clinic import phone_of
from tests.people import with_check

NAME = "李小明"


class MovingClock:
    """Time as it is, and ahead of it by what a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def pass_midnight(self) -> None:
        self.ahead += day_bounds(hospital_day(self()))[1] - self() + timedelta(seconds=1)


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def site(var: Path, clock: MovingClock) -> Iterator[ClinicSite]:
    with ClinicSite(var, seals=False, clock=clock) as live:
        yield live


@pytest.mark.parametrize("language", ["zh", "en"])
def test_at_midnight_of_the_eighteenth_birthday_the_guardianship_is_over(
    site: ClinicSite, clock: MovingClock, chromium: Browser, language: str
) -> None:
    ward = site.ward
    mother = ward.person("李明")
    born = hospital_day(ward.now) + ONE_DAY  # eighteen tomorrow; who is born on 29 February, on 1 March
    number = with_check(f"110105{born.year - 18}{born.month:02}{born.day:02}007")
    document = parse_resident_id(number, hospital_day(ward.now))
    with ward.house.writing_session() as session:
        link = people.bind(session, mother.actor, document, NAME, ward.now, relation="guardian", has_consented=True)
    ward.do(guardianship.verify_guardianship, ward.desk, link)
    with ward.house.reading_session() as session:
        child = next(v for v in people.links_of(session, str(mother.actor.ref)) if v.relation == "guardian").patient_ref
    held = ward.do(_hold, mother.actor, child, ward.free_slot(site.open_now))
    ward.do(checkin.check_in_at_desk, ward.desk, held)

    phone = phone_of(site, chromium, mother, language)
    queue = phone.go("/queue")
    expect(queue.locator("main")).to_contain_text(NAME)

    clock.pass_midnight()
    # The open page of the queue loses the grown-up by itself: the next poll is a question like any other.
    expect(queue.locator("main")).not_to_contain_text(NAME, timeout=60_000)
    for path in ("/", "/me", "/records", "/receipts", "/permits"):
        phone.go(path)
        assert NAME not in phone.page.content(), path
    refused = phone.page.request.get(f"{site.url}/visits/{held}")
    assert refused.status in (403, 404) and NAME not in refused.text()

    # The person signs in on their own phone, and proves with the desk's code who they are: everything is theirs.
    grown = ward.person("旁人").actor
    with ward.house.writing_session() as session:
        own = people.bind(session, grown, document, NAME, ward.now, relation="family", has_consented=True)
    ward.do(proofs.prove, grown, own, ward.do(proofs.issue_claim_code, ward.desk, child))
    theirs = phone_of(site, chromium, ward.people[-1], language)
    theirs.go("/receipts")
    expect(theirs.page.locator(".ih-timeline__item").first).to_be_visible()
    theirs.go("/me")
    expect(theirs.page.locator("main")).to_contain_text(NAME)
    phone.close()
    theirs.close()


def _hold(session, actor, patient_ref, slot, now):  # type: ignore[no-untyped-def]
    held = booking.hold(session, actor, patient_ref, slot, now)
    return str(booking.confirm(session, actor, held.id, now).id)
