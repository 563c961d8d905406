"""Following the chain: what differs from the contract's own history refuses every decision, and so does silence."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from consent import wiring
from consent.domain.decision import Deny, Reason
from consent.domain.terms import SubjectId
from consent.ports import ModelStatus, ProjectionHead, Registration, Revocations, StatusChange
from consent.services.gate import ConsentGate
from tests.services.house import DICTIONARY, STUDY, Clock, House, Template, settings_of
from vault import Access


def stored_head(house: House) -> ProjectionHead:
    with house.open.store.reading() as unit:
        head = unit.projection.head()
    assert head is not None
    return head


def test_a_grant_counts_once_its_block_was_read(house: House) -> None:
    subject = house.people[0]
    house.follow()
    house.grant(subject)
    assert house.verdict(subject) == "NOT_FINAL"
    house.publish()
    assert house.verdict(subject) == "PERMIT"


def test_nothing_is_decided_before_the_first_reading(template: Template, tmp_path: Path) -> None:
    home, subject = Path(shutil.copytree(template.home, tmp_path / "home")), next(iter(template.wallets))
    assert verdict_elsewhere(home, subject) == "LEDGER_STALE"


@pytest.mark.parametrize("part", ["history", "block"])
def test_a_kept_block_that_was_altered_refuses_every_decision(template: Template, tmp_path: Path, part: str) -> None:
    home, subject = tmp_path / "home", next(iter(template.wallets))
    with House.copied(template, home) as house:
        house.grant(subject)
        house.publish()
        with house.open.store.begin() as unit:
            [kept] = unit.projection.kept()
            wrong = replace(kept.block, hash=bytes(32))
            unit.projection.keep(
                [replace(kept, history=bytes(32)) if part == "history" else replace(kept, block=wrong)]
            )
    with House.opened(home, template.wallets) as house:
        assert not house.follow().matches
        assert {house.verdict(person) for person in house.people[:3]} == {"LEDGER_MISMATCH"}
        assert not house.follow().matches, "reading on does not heal it"
    with House.opened(home, template.wallets) as house:
        assert house.verdict(subject) == "LEDGER_MISMATCH", "nor does opening again"
        house.open.rebuild(house.clock())
        assert house.follow().matches, "somebody looked, and said so"
        assert house.verdict(subject) == "PERMIT"


def test_an_older_chain_is_found_out_though_the_kept_blocks_are_taken_out(template: Template, tmp_path: Path) -> None:
    home, subject = tmp_path / "home", next(iter(template.wallets))
    with House.copied(template, home) as house:
        house.grant(subject)
        house.publish()
    older = Path(shutil.copy(home / "chain.sqlite", tmp_path / "older.sqlite"))
    with House.opened(home, template.wallets) as house:
        [entry] = house.open.book.entries(subject)
        own = house.wallets[subject].revoke(entry.commitment, house.open.domain)
        house.open.ledger.send(Revocations([own]))
        house.follow()
        with house.open.store.begin() as unit:
            unit.projection.keep([])
    shutil.copy(older, home / "chain.sqlite")
    for _ in range(2):
        with House.opened(home, template.wallets) as house:
            assert house.verdict(subject) == "LEDGER_MISMATCH"


def test_a_clock_that_was_set_back_makes_a_reading_stale(house: House) -> None:
    house.grant(house.people[0])
    house.clock.ahead = timedelta(days=1)
    house.publish()
    assert house.verdict(house.people[0]) == "PERMIT"
    house.clock.ahead = timedelta(0)
    assert house.verdict(house.people[0]) == "LEDGER_STALE"


def test_a_node_that_hides_a_models_withdrawal_is_found_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    model, ledger = bytes([7]) * 32, house.open.ledger
    ledger.send(Registration(model, bytes(32)))
    assert house.follow().matches
    ledger.send(StatusChange(model, ModelStatus.RETIRED))
    monkeypatch.setattr(ledger, "model_changes", lambda *_: [])
    assert not house.follow().matches
    monkeypatch.undo()
    assert house.follow().matches
    assert house.open.projection.model_status(model) is ModelStatus.RETIRED


ALTERED: dict[str, str] = {
    "a revocation taken back": "UPDATE projected_grants SET revoked_block = NULL",
    "a later end": "UPDATE projected_grants SET expires = expires + 1000000000",
    "a row taken out": "DELETE FROM projected_grants",
    "a fresher head": "UPDATE projection_head SET read_at = read_at + 100000",
    "a later final block": "UPDATE projection_head SET final_block = final_block + 9",
    "a head that says it matches": "UPDATE projection_head SET seal = :zeros",
}


@pytest.mark.parametrize("name", ALTERED)
def test_a_stored_reading_that_was_altered_refuses_every_decision(
    template: Template, tmp_path: Path, name: str
) -> None:  # fmt: skip
    """The ledger's process writes the rows; whoever writes to the database without the keys is found out."""
    home, people = tmp_path / "home", list(template.wallets)[:2]
    with House.copied(template, home) as house:
        house.grant(*people)
        house.publish()
        [entry] = house.open.book.entries(people[1])
        own = house.wallets[people[1]].revoke(entry.commitment, house.open.domain)
        house.open.ledger.send(Revocations([own]))
        house.follow()
        assert [house.verdict(person) for person in people] == ["PERMIT", "REVOKED"]
        with house.open.store.begin() as unit:
            unit.connection.execute(text(ALTERED[name]), {"zeros": bytes(32)})
    assert [verdict_elsewhere(home, person) for person in people] == ["LEDGER_MISMATCH"] * 2
    with House.opened(home, template.wallets) as house:
        assert [house.verdict(person) for person in people] == ["PERMIT", "REVOKED"], "the chain was read again"


def verdict_elsewhere(home: Path, subject: SubjectId) -> str:
    """Return the verdict of a process that does not run the ledger."""
    clock = Clock()
    with wiring.opened(settings_of(home), clock) as here:
        gate = ConsentGate(here.store, here.log, here.book, here.projection, STUDY, clock, 120)
        access = Access("study:kidneys", "kidneys", "train", DICTIONARY.required, DICTIONARY.optional)
        with here.store.reading() as unit:
            decision = gate.decide_all(unit, [subject], access, clock())[subject]
    return decision.reason.name if isinstance(decision, Deny) else "PERMIT"


def test_a_ledger_that_was_not_read_for_two_minutes_refuses(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.publish()
    house.clock.ahead = timedelta(seconds=100)
    assert house.verdict(subject) == "PERMIT"
    house.clock.ahead = timedelta(seconds=125)
    assert house.verdict(subject) == "LEDGER_STALE"


def test_an_idle_chain_beats_and_stays_fresh(house: House) -> None:
    house.clock.ahead = timedelta(seconds=house.open.ledger.head().time - house.clock().timestamp() + 10)
    before = house.open.ledger.head().number
    house.follow()
    assert house.open.ledger.head().number == before, "it is young: no need to beat"
    house.clock.ahead += timedelta(seconds=31)
    house.follow()
    assert house.open.ledger.head().number == before + 1


def test_the_projection_of_a_reopened_installation_goes_on_where_it_stopped(template: Template, tmp_path: Path) -> None:
    home, people = tmp_path / "home", list(template.wallets)[:4]
    with House.copied(template, home) as house:
        house.grant(*people[:2])
        house.publish()
        rows = dict(house.open.projection.rows)
    with House.opened(home, template.wallets) as house:
        assert house.open.projection.rows == rows
        house.grant(*people[2:])
        house.publish()
        assert stored_head(house).history == house.open.ledger.history(stored_head(house).block.number)
        assert len(house.open.projection.rows) == len(people)


def test_what_waits_has_no_trace_of_when_it_came(house: House) -> None:
    """Entries of the log have a time and a subject; until the chain shows an address, no row does."""
    for subject in house.people[:5]:
        house.grant(subject)
        house.follow()
    with house.open.store.reading() as unit:
        assert unit.connection.exec_driver_sql("SELECT * FROM projected_grants").all() == []
    assert house.publish() == 5
    assert {house.verdict(subject) for subject in house.people[:5]} == {"PERMIT"}


def test_a_decision_of_the_past_is_the_one_that_was_made_then(house: House) -> None:
    subject = house.people[0]
    blocks = [house.follow().block]
    house.grant(subject)
    house.publish()
    blocks.append(house.follow().block)
    house.clock.ahead += timedelta(days=40)
    [entry] = house.open.book.entries(subject)
    own = house.wallets[subject].revoke(entry.commitment, house.open.domain)
    house.open.ledger.send(Revocations([own]))
    blocks.append(house.follow().block)
    access = Access("study:kidneys", "kidneys", "train", DICTIONARY.required, DICTIONARY.optional)
    then = [house.gate().decisions_as_of([subject], access, block)[subject] for block in blocks]
    assert [d.reason.name if isinstance(d, Deny) else "PERMIT" for d in then] == ["NOT_FINAL", "PERMIT", "REVOKED"]
    late = replace(blocks[1], time=int(entry.terms.expires.timestamp()))
    assert house.gate().decisions_as_of([subject], access, late)[subject] == Deny(Reason.EXPIRED)
