"""What a person sees of their consents is what holds now, in whichever process they ask."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from consent import wiring
from consent.services.portal.overview import Overview, Status
from consent.settings import WebSettings
from tests.services.house import House, Template


@pytest.fixture
def house(template: Template, tmp_path: Path) -> Iterator[House]:
    with House.copied(template, tmp_path / "home") as house:
        yield house


def overview(house: House) -> Overview:
    return wiring.portal_room(house.open, WebSettings.read(8000, {}), house.settings.max_staleness).overview


def statuses(house: House, here: Overview) -> list[Status]:
    return [one.status for one in here.given(house.people[0], house.clock(), 1, 20).given]


def test_a_consent_waits_for_the_ledger_is_on_and_is_stopped(house: House) -> None:
    here = overview(house)
    house.grant(house.people[0])
    assert statuses(house, here) == [Status.WAITING]
    house.publish()
    assert statuses(house, here) == [Status.ON]
    house.stop(house.people[0])
    assert statuses(house, here) == [Status.STOPPED]


def test_nothing_is_in_use_while_the_ledger_is_not_known_and_all_can_be_stopped(house: House) -> None:
    here, subject = overview(house), house.people[0]
    house.grant(subject)
    house.publish()
    house.clock.ahead = timedelta(hours=1)
    seen = here.running(subject, house.clock())
    assert (seen.total, seen.using, seen.given[0].status) == (1, 0, Status.HELD)
    assert len(here.stop_everything(subject, house.clock())) == 1


def test_a_study_that_was_edited_since_it_was_approved_can_use_nothing(house: House) -> None:
    house.grant(house.people[0])
    house.publish()
    house.open.book.approved["kidneys"] = "00" * 32
    assert statuses(house, overview(house)) == [Status.IDLE]


def test_another_process_sees_grants_stops_and_receipts_at_once(house: House, template: Template) -> None:
    subject, home = house.people[0], house.open.places.home
    with House.without_ledger(home, template.wallets) as other:
        there = overview(other)
        house.grant(subject)
        assert there.given(subject, house.clock(), 1, 20).total == 1
        [receipt] = house.stop(subject)
        [entry] = house.open.book.entries(subject)
        assert there.stop_receipt(subject, entry.id) == receipt


def test_a_long_list_comes_in_pages_and_a_page_too_far_is_the_last(house: House) -> None:
    here, subject = overview(house), house.people[0]
    for _ in range(3):
        house.grant(subject)
    first, far = (here.given(subject, house.clock(), page, 2) for page in (1, 9))
    assert (len(first.given), first.pages, first.total) == (2, 2, 3)
    assert (len(far.given), far.page) == (1, 2)
