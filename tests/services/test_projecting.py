"""Following the chain: what differs from the contract's own history refuses every decision, and so does silence."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from consent.ports import ProjectionHead
from tests.services.house import House, Template


def tampered(house: House, head: ProjectionHead) -> None:
    with house.open.store.begin() as unit:
        unit.projection.save(head, [])


def stored_head(house: House) -> ProjectionHead:
    with house.open.store.reading() as unit:
        head = unit.projection.head()
    assert head is not None
    return head


def test_a_grant_counts_once_its_block_was_read(house: House) -> None:
    subject = house.people[0]
    house.open.projection.follow(house.clock())
    house.grant(subject)
    assert house.verdict(subject) == "NOT_FINAL"
    house.publish()
    assert house.verdict(subject) == "PERMIT"


def test_nothing_is_decided_before_the_first_reading(house: House) -> None:
    house.grant(house.people[0])
    house.open.projection.head = None
    assert house.verdict(house.people[0]) == "LEDGER_STALE"


@pytest.mark.parametrize("part", ["history", "block"])
def test_a_stored_head_that_was_altered_refuses_every_decision(template: Template, tmp_path: Path, part: str) -> None:
    home, subject = tmp_path / "home", next(iter(template.wallets))
    with House.copied(template, home) as house:
        house.grant(subject)
        house.publish()
        head = stored_head(house)
        changed = replace(head, history=bytes(32)) if part == "history" else replace(
            head, block=replace(head.block, hash=bytes(32))
        )  # fmt: skip
        tampered(house, changed)
    with House.opened(home, template.wallets) as house:
        assert not house.open.projection.follow(house.clock()).matches
        assert {house.verdict(person) for person in house.people[:3]} == {"LEDGER_MISMATCH"}
        assert not house.open.projection.follow(house.clock()).matches, "reading on does not heal it"
    with House.opened(home, template.wallets) as house:
        assert house.verdict(subject) == "LEDGER_MISMATCH", "nor does opening again"


def test_a_stored_row_that_was_altered_cannot_outlive_its_terms(template: Template, tmp_path: Path) -> None:
    """The history hash covers the events, not our rows; what the patient signed limits what a row can do."""
    home, subject = tmp_path / "home", next(iter(template.wallets))
    with House.copied(template, home) as house:
        house.grant(subject)
        house.publish()
        [row] = house.open.projection.rows.values()
        with house.open.store.begin() as unit:
            unit.projection.save(stored_head(house), [replace(row, expires=(row.expires or 0) + 10**9)])
    with House.opened(home, template.wallets) as house:
        house.clock.ahead = timedelta(days=800)
        house.open.projection.head = replace(
            stored_head(house), read_at=2**40, block=replace(stored_head(house).block, time=2**40)
        )
        assert house.verdict(subject) == "EXPIRED"


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
    house.open.projection.follow(house.clock())
    assert house.open.ledger.head().number == before, "it is young: no need to beat"
    house.clock.ahead += timedelta(seconds=31)
    house.open.projection.follow(house.clock())
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
