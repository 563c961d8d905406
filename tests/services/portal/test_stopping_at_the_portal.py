"""Stopping at the portal: one or everything, at once, whatever else is away; and a receipt as often as one likes."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from consent.domain.data_use import DataUse
from consent.domain.errors import LedgerError
from consent.domain.receipt import Receipt
from consent.domain.terms import SubjectId, month_end_after
from consent.services.granting import UnknownConsentError
from consent.services.portal.overview import RUNNING, Status
from consent.signatures import verifies
from tests.services.house import House, Template
from tests.services.portal.patients import Portal


def is_signed(house: House, receipt: Receipt) -> bool:
    return verifies(house.open.log.signer.public_key, receipt.signed_bytes(), bytes.fromhex(receipt.signature))


def consents(portal: Portal, subject: SubjectId) -> dict[str, Status]:
    """Return how each of a person's consents stands, by id."""
    return {given.id: given.status for given in portal.room.overview.given(subject, portal.house.clock(), 1, 100).given}


@pytest.fixture
def subject(portal: Portal) -> SubjectId:
    """Somebody with one consent in force."""
    house = portal.house
    house.grant(house.people[0])
    house.publish()
    return house.people[0]


def test_one_is_stopped_at_once_and_the_others_go_on(portal: Portal, subject: SubjectId) -> None:
    house, overview = portal.house, portal.room.overview
    house.grant(subject)
    house.publish()
    first, second = consents(portal, subject)
    now, before = house.clock().replace(microsecond=0), house.state()
    [receipt] = overview.stop(subject, [first], now)
    assert consents(portal, subject) == {first: Status.STOPPED, second: Status.ON}
    assert house.verdict(subject) == "PERMIT", "the other covers it"
    given = overview.one(subject, first, now)
    assert given is not None
    assert (given.stopped, given.stopped_by, given.revoked) == (now, "patient", False)
    assert given.commitment == receipt.commitment
    [entry] = house.log(before.entries)
    assert (entry["verdict"], entry["consent"], entry["actor"]) == ("STOPPED", first, "patient")
    [last] = overview.stop(subject, [second], now)
    assert house.verdict(subject) == "STOPPED"
    assert all(is_signed(house, one) for one in (receipt, last))
    assert not is_signed(house, replace(receipt, commitment=last.commitment))
    house.publish()
    told = overview.one(subject, first, house.clock())
    assert told is not None
    assert told.revoked, "the ledger follows"


def test_a_second_stop_of_the_same_changes_nothing_and_the_receipt_is_the_first(
    portal: Portal, subject: SubjectId
) -> None:
    house, overview = portal.house, portal.room.overview
    [consent] = consents(portal, subject)
    [receipt] = overview.stop(subject, [consent, consent], house.clock())
    before = house.state()
    house.clock.ahead += timedelta(hours=1)
    assert overview.stop(subject, [consent], house.clock()) == []
    assert overview.stop_everything(subject, house.clock()) == []
    assert house.state() == before
    for _ in range(2):
        assert overview.stop_receipt(subject, consent) == receipt


def test_the_receipt_of_a_stop_is_the_same_after_closing_and_in_another_process(
    template: Template, tmp_path: Path
) -> None:
    subject = next(iter(template.wallets))
    with House.copied(template, tmp_path / "home") as house:
        house.grant(subject)
        portal = Portal.of(house)
        [consent] = consents(portal, subject)
        with House.without_ledger(house.settings.home, house.wallets) as other:
            beside = Portal.of(other)
            [receipt] = portal.room.overview.stop(subject, [consent], house.clock())
            assert beside.room.overview.stop_receipt(subject, consent) == receipt
    with House.opened(tmp_path / "home", template.wallets) as house:
        assert Portal.of(house).room.overview.stop_receipt(subject, consent) == receipt
        assert is_signed(house, receipt)


def test_a_stop_by_an_operator_says_so_to_the_patient_too(portal: Portal, subject: SubjectId) -> None:
    house = portal.house
    [consent] = consents(portal, subject)
    [receipt] = house.stop(subject, by="operator")
    given = portal.room.overview.one(subject, consent, house.clock())
    assert given is not None
    assert (given.status, given.stopped_by) == (Status.STOPPED, "operator")
    assert portal.room.overview.stop_receipt(subject, consent) == receipt


def test_everything_is_stopped_that_could_be_used_now_or_later(portal: Portal, subject: SubjectId) -> None:
    house, overview = portal.house, portal.room.overview
    house.grant(subject, expires=month_end_after(house.clock(), 1))
    house.grant(subject, data_use=DataUse(ancestry=True))
    house.publish()
    house.clock.ahead = month_end_after(house.clock(), 1) - house.clock() + timedelta(days=1)
    house.grant(subject)
    house.follow()
    before = consents(portal, subject)
    assert sorted(before.values()) == sorted([Status.ON, Status.IDLE, Status.WAITING, Status.ENDED])
    running = {given.id for given in overview.running(subject, house.clock()).given}
    receipts = overview.stop_everything(subject, house.clock())
    assert len(receipts) == len(running) == 3
    assert all(is_signed(house, receipt) for receipt in receipts)
    assert overview.running(subject, house.clock()).given == []
    after = consents(portal, subject)
    assert {consent for consent, status in after.items() if status is Status.STOPPED} == running
    assert house.verdict(subject) == "STOPPED"
    house.publish()
    assert overview.running(subject, house.clock()).given == [], "what waited is not published after all"
    assert overview.stop_everything(subject, house.clock()) == []


def test_what_was_given_up_is_stopped_with_everything_for_others_may_publish_it(
    portal: Portal, subject: SubjectId
) -> None:
    house = portal.house
    house.grant(subject)
    house.clock.ahead = timedelta(days=3)
    house.publish()
    assert sorted(consents(portal, subject).values()) == [Status.NEVER, Status.ON]
    assert len(portal.room.overview.stop_everything(subject, house.clock())) == 2
    assert set(consents(portal, subject).values()) == {Status.STOPPED}


def test_nobody_stops_or_sees_what_is_somebody_elses(portal: Portal, subject: SubjectId) -> None:
    house, overview, other = portal.house, portal.room.overview, portal.house.people[1]
    house.grant(other)
    house.publish()
    [own], [theirs] = consents(portal, subject), consents(portal, other)
    before, now = house.state(), house.clock()
    for ids in ([theirs], [own, theirs], ["0" * 32], [""]):
        with pytest.raises(UnknownConsentError):
            overview.stop(subject, ids, now)
    assert house.state() == before
    assert overview.one(subject, theirs, now) is None
    [receipt] = overview.stop(other, [theirs], now)
    with pytest.raises(UnknownConsentError):
        overview.stop(subject, [theirs], now)
    assert overview.stop_receipt(subject, theirs) is None
    assert overview.stop_receipt(subject, own) is None, "it was not stopped"
    assert overview.stop_receipt(other, theirs) == receipt
    assert overview.by_commitment(subject, bytes.fromhex(receipt.commitment)) is None
    assert overview.by_commitment(other, bytes.fromhex(receipt.commitment)) == theirs
    assert house.verdict(subject) == "PERMIT"


def test_what_another_process_took_in_a_moment_ago_is_stopped_here(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[0]
    with House.without_ledger(house.settings.home, house.wallets) as beside:
        beside.grant(subject)
        assert portal.room.overview.given(subject, house.clock(), 1, 1).total == 1
        assert len(portal.room.overview.stop_everything(subject, house.clock())) == 1
        beside.grant(subject)
        [consent] = [one.id for one in beside.open.book.entries(subject) if not one.stopped]
        assert len(portal.room.overview.stop(subject, [consent], house.clock())) == 1
        assert set(consents(Portal.of(beside), subject).values()) == {Status.STOPPED}


def test_those_that_run_come_first_and_the_newest_of_each_and_pages_are_parts_of_that(portal: Portal) -> None:
    house, subject, overview = portal.house, portal.house.people[0], portal.room.overview
    ids: list[str] = []
    for _ in range(5):
        house.grant(subject)
        ids.append(house.open.book.entries(subject)[-1].id)
    house.publish()
    overview.stop(subject, [ids[3], ids[0]], house.clock())
    now = house.clock()
    everything = overview.given(subject, now, 1, 100).given
    assert [given.id for given in everything] == [ids[place] for place in (4, 2, 1, 3, 0)]
    assert [given.status in RUNNING for given in everything] == [True] * 3 + [False] * 2
    pages = [overview.given(subject, now, page, 2).given for page in (1, 2, 3)]
    assert [given for page in pages for given in page] == everything
    assert overview.given(subject, house.clock(), 1, 1).total == 5
    assert overview.running(subject, now).given == everything[:3]


# ----------------------------------------------------------------------------------------------------- what may be away


def chain(house: House, elsewhere: Path) -> None:
    house.open.ledger.close()  # type: ignore[attr-defined]  # the embedded chain's own
    with pytest.raises(LedgerError):
        house.open.ledger.head()


def root_key_and_replicas(house: House, elsewhere: Path) -> None:
    for replica in house.settings.replicas:
        shutil.move(replica, elsewhere / replica.name)
    root = house.settings.home / "operator" / "root-key.json"
    shutil.move(root, elsewhere / root.name)


def keys_database(house: House, elsewhere: Path) -> None:
    for path in house.settings.home.glob("keys.sqlite*"):
        shutil.move(path, elsewhere / path.name)


AWAY = [
    pytest.param(chain, id="the chain"),
    pytest.param(root_key_and_replicas, id="the root key and the replicas"),
    pytest.param(keys_database, id="the keys database", marks=pytest.mark.sqlite_only),
]


@pytest.mark.parametrize("away", AWAY)
@pytest.mark.parametrize("one", [True, False])
def test_a_stop_acts_whatever_is_away(
    portal: Portal, subject: SubjectId, tmp_path: Path, away: Callable[[House, Path], None], *, one: bool
) -> None:
    house, overview = portal.house, portal.room.overview
    house.grant(subject)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    away(house, elsewhere)
    running = overview.running(subject, house.clock()).given
    assert [given.status for given in running] == [Status.WAITING, Status.ON]
    ids = [given.id for given in running]
    receipts = overview.stop(subject, ids, house.clock()) if one else overview.stop_everything(subject, house.clock())
    assert len(receipts) == 2
    assert all(is_signed(house, receipt) for receipt in receipts)
    assert set(consents(portal, subject).values()) == {Status.STOPPED}
    assert house.verdict(subject) == "STOPPED"
    assert {overview.stop_receipt(subject, consent) for consent in ids} == set(receipts)
    for path in elsewhere.iterdir():
        shutil.move(path, house.settings.home / ("operator" if "keys" not in path.name else ".") / path.name)
