"""An epoch dies and takes the outbox along: what must go on the ledger is made anew from what was signed, once each."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from consent.domain.erasure import Wait
from consent.domain.history import Revoked
from consent.ports import Errand
from tests.services.house import House, Template
from tests.services.restoring import backed_up, restored

WINDOW = 6 * 3600


def counted(house: House) -> Counter[str]:
    events = house.open.ledger.events(0, house.open.ledger.head().number)
    assert len({(type(one), one.commitment) for one in events}) == len(events), "nothing is doubled"
    return Counter(type(one).__name__ for one in events)


def revoked(house: House) -> list[Revoked]:
    events = house.open.ledger.events(0, house.open.ledger.head().number)
    return [one for one in events if isinstance(one, Revoked)]


def waiting(house: House) -> Counter[Errand]:
    with house.open.store.reading() as unit:
        return Counter(item.errand for item in house.open.outbox.on(unit).everything())


def renew(house: House) -> None:
    house.follow()
    house.open.relayer.renew(int(house.clock().timestamp()))


def mixed(house: House) -> None:
    """Let four people consent; one of them ends it with their key and one without, before or after it is on chain."""
    own, other, _, _ = house.people[:4]
    house.grant(*house.people[:3])
    house.publish()
    house.grant(house.people[3])
    [entry] = house.open.book.entries(own)
    revocation = house.wallets[own].revoke(entry.commitment, house.open.domain)
    house.open.granting.stop(own, [entry.id], house.clock(), revocations=[revocation])
    house.stop(other)


MIXED = Counter({Errand.GRANT: 1, Errand.REVOKE: 1, Errand.STOP: 1})


def test_after_a_turn_all_that_waited_goes_out_once(house: House) -> None:
    mixed(house)
    house.turn_epoch()
    assert waiting(house) == Counter()
    assert house.publish() == 3
    assert counted(house) == Counter(Granted=4, Revoked=2)
    verdicts = [house.verdict(subject) for subject in house.people[:4]]
    assert verdicts == ["STOPPED", "STOPPED", "PERMIT", "PERMIT"]
    assert (house.publish(), house.state().outbox) == (0, 0)


def test_the_patients_own_revocation_stays_their_own(house: House) -> None:
    mixed(house)
    house.turn_epoch()
    house.publish()
    own = revoked(house)[0]
    [entry] = house.open.book.entries(house.people[0])
    assert own.by == own.patient == entry.patient


def test_made_anew_twice_is_made_anew_once(house: House) -> None:
    mixed(house)
    before = waiting(house)
    for _ in range(2):
        renew(house)
        assert waiting(house) == before == MIXED, "what opens stays as it is"
    house.turn_epoch()
    for _ in range(2):
        renew(house)
        assert waiting(house) == before


def test_turn_after_turn_loses_nothing(house: House) -> None:
    mixed(house)
    for _ in range(3):
        house.turn_epoch()
        renew(house)
    assert waiting(house) == MIXED


def test_slots_are_drawn_anew_and_a_persons_are_apart(house: House) -> None:
    subject = house.people[0]
    for _ in range(6):
        house.grant(subject)
    house.turn_epoch()
    house.open.relayer.renewal = replace(house.open.relayer.renewal, publication_window=WINDOW)
    now = int(house.clock().timestamp())
    renew(house)
    with house.open.store.reading() as unit:
        slots = house.open.outbox.on(unit).slots(subject)
    assert len(set(slots)) == 6
    assert all(now < slot <= now + WINDOW for slot in slots)


def test_what_came_in_after_the_turn_is_not_touched(house: House) -> None:
    first, second = house.people[:2]
    house.grant(first)
    house.turn_epoch()
    house.grant(second)
    assert waiting(house) == {Errand.GRANT: 1}
    assert house.publish() == 2
    assert counted(house) == {"Granted": 2}


def test_a_grant_that_was_stopped_after_the_turn_never_goes_out(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.turn_epoch()
    house.stop(subject)
    assert house.publish() == 1
    assert counted(house) == {"Revoked": 1}
    assert house.state().outbox == 0


def test_a_grant_whose_time_passed_meanwhile_is_told_to_the_patient_once(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.turn_epoch()
    house.clock.ahead = timedelta(days=3)
    for _ in range(2):
        assert house.publish() == 0
        house.turn_epoch()
        renew(house)
    late = [entry for entry in house.log() if entry["verdict"] == "EXPIRED_UNPUBLISHED"]
    assert [entry["subject"] for entry in late] == [subject]
    assert house.state().outbox == 0


def test_the_stops_of_somebody_who_is_being_erased_outlive_anothers_erasure(template: Template, tmp_path: Path) -> None:
    home, people = tmp_path / "home", list(template.wallets)[:2]
    with House.copied(template, home) as house:
        house.grant(*people)
        house.publish()
        [entry] = house.open.book.entries(people[0])
    with House.without_ledger(home, template.wallets) as beside:
        beside.open.erasures.request(beside.ask(people[0]))
        beside.turn_epoch()
        beside.open.erasures.step(lambda: 10**9)
        assert beside.open.erasures.standing(10**9)[0][1] is Wait.CHAIN
    with House.opened(home, template.wallets) as house:
        house.anchor()
        house.open.keep_house()
        assert house.log()[-1]["verdict"] == "FINAL"
        assert counted(house) == Counter(Granted=2, Revoked=1)
        assert revoked(house)[0].commitment == entry.commitment
        assert house.verdict(people[1]) == "PERMIT"


@pytest.mark.parametrize("turned", [True, False])
def test_a_restored_backup_loses_and_doubles_nothing(template: Template, tmp_path: Path, turned: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """The records are those of before the turn and before anything went out; the chain and the keys go on."""
    home = tmp_path / "home"
    with House.copied(template, home) as house:
        mixed(house)
        backup = backed_up(house, tmp_path / "backup")
    with House.opened(home, template.wallets) as house:
        house.open.relayer.step(house.clock())
        if turned:
            house.turn_epoch()
    restored(home, backup.records)
    with House.opened(home, template.wallets) as house:
        house.publish()
        assert counted(house) == Counter(Granted=4, Revoked=2)
        assert [house.verdict(s) for s in house.people[:4]] == ["STOPPED", "STOPPED", "PERMIT", "PERMIT"]
        assert house.state().outbox == 0


def test_what_nobody_signed_is_not_put_there(house: House) -> None:
    """A restart, a turn and no consent at all: nothing goes out."""
    house.turn_epoch()
    renew(house)
    assert (waiting(house), house.publish()) == (Counter(), 0)
    assert counted(house) == Counter()
