"""What waits for the ledger names nobody: not in a row, not in a journal, not by what one transaction wrote."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from consent.adapters.sql.tables import outbox
from consent.domain.registry_replay import Key
from consent.ports import Errand, OutboxItem
from tests.databases import bytes_at_rest
from tests.services.house import House, Template


def forms(*parts: bytes) -> list[bytes]:
    """Return bytes as they could stand in a database: as they are, and in hex."""
    return [form for part in parts for form in (part, part.hex().encode())]


_BETWEEN = ("BEGIN", "COMMIT", "ROLLBACK", "SELECT pg_advisory_xact_lock")
"""How the statements begin that stand between two transactions, the last one on PostgreSQL."""


@dataclass(slots=True)
class Written:
    """What each transaction of a database wrote, as the bytes of its parameters."""

    transactions: list[list[bytes]] = field(default_factory=lambda: [[]])

    def take(self, statement: str, parameters: object) -> None:
        """Take up one statement."""
        if statement.startswith(_BETWEEN):
            self.transactions.append([])
        elif not statement.startswith("SELECT"):
            self.transactions[-1] += _flat(parameters)

    def with_any(self, parts: Sequence[bytes]) -> set[int]:
        """Return the numbers of the transactions that wrote any of these."""
        blobs = {number: b"|".join(written) for number, written in enumerate(self.transactions)}
        return {number for number, blob in blobs.items() if any(part in blob for part in parts)}


def _flat(parameters: object) -> Iterator[bytes]:
    if isinstance(parameters, (bytes, memoryview)):
        yield bytes(parameters)
    elif isinstance(parameters, (list, tuple, dict)):
        for one in parameters.values() if isinstance(parameters, dict) else parameters:
            yield from _flat(one)
    elif hasattr(parameters, "obj"):  # psycopg's Binary
        yield from _flat(parameters.obj)
    elif parameters is not None:
        yield str(parameters).encode()


@contextmanager
def watched(house: House) -> Iterator[Written]:
    """Watch what is written into the records database."""
    written, engine = Written(), house.open.store.engine

    def take(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        written.take(statement, parameters)

    event.listen(engine, "before_cursor_execute", take)
    yield written
    event.remove(engine, "before_cursor_execute", take)


def keys_of(house: House) -> list[Key]:
    return house.open.book.keys()


def revoke_own(house: House) -> None:
    """Let a person stop with their own key what they granted last."""
    subject = house.people[0]
    entry = house.open.book.entries(subject)[-1]
    own = house.wallets[subject].revoke(entry.commitment, house.open.domain)
    house.open.granting.stop(subject, [entry.id], house.clock(), revocations=[own])


def test_no_byte_of_database_or_journal_names_an_address_before_the_chain_does(house: House, tmp_path: Path) -> None:
    house.grant(*house.people[:5])
    house.grant(house.people[0])
    revoke_own(house)
    house.stop(house.people[1])
    with house.open.store.begin() as unit:  # so that the journal holds something
        unit.projection.keep([])
        assert unit.outbox.size() == 6
        with_rows = next(iter(unit.outbox.everything())).id
    at_rest = bytes_at_rest(tmp_path / "home")
    assert with_rows in at_rest
    parts = forms(*(part for key in keys_of(house) for part in key))
    assert len(parts) == 24
    assert [part for part in parts if part in at_rest] == []


def test_no_transaction_writes_a_subject_beside_an_address_or_a_commitment(house: House) -> None:
    subjects = [subject.encode() for subject in house.people]
    with watched(house) as written:
        house.grant(*house.people[:5])
        house.grant(house.people[0])
        house.publish()
        revoke_own(house)
        house.stop(house.people[1])
        house.publish()
        parts = forms(*(part for key in keys_of(house) for part in key))
        house.erase(house.people[2])
        house.grant(house.people[6])
        house.turn_epoch()
        house.publish()
        house.grant(house.people[7])
        house.clock.ahead = timedelta(days=3)
        house.publish()
    named, shown = written.with_any(subjects), written.with_any(parts)
    assert named, "the log names people"
    assert shown, "our copy of the chain shows addresses"
    assert named & shown == set()


def test_neither_the_order_on_chain_nor_that_of_changes_tells_which_row_was_which_event(house: House) -> None:
    """Old files show which rows a person's transaction wrote: a row whose event is known names their address."""
    house.grant(*house.people[:20])
    with house.open.store.reading() as unit:
        rows = [row.id for row in unit.outbox.everything()]
        places = {item.patient: place for place, item in enumerate(house.open.outbox.on(unit).everything())}
    with watched(house) as written:
        house.publish()
    events = house.open.ledger.events(0, house.open.ledger.head().number)
    shown = [places[event.patient] for event in events]
    assert sorted(shown) == list(range(20))
    assert shown != list(range(20))
    changed = [[part for part in parts if part in rows] for parts in written.transactions]
    assert max(map(len, changed)) == 20
    assert all(ids == sorted(ids) for ids in changed)


def test_an_item_goes_round_and_a_persons_slots_are_found(house: House) -> None:
    first, second = house.people[:2]
    items = [
        OutboxItem(errand, key[0], key[1], 5, 6, signature, due=9)
        for errand, signature in ((Errand.GRANT, b"\x07" * 64), (Errand.STOP, b""))
        for house_key in [house.signed(first)]
        for key in [(house_key.patient, house_key.details.commitment)]
    ]
    with house.open.store.begin() as unit:
        waiting = house.open.outbox.on(unit)
        waiting.add(first, items)
        waiting.add(first, items)
        assert sorted(waiting.everything(), key=lambda item: item.errand) == items
        assert [waiting.waiting(subject) for subject in (first, second)] == [2, 0]
        assert list(waiting.slots(first)) == [9, 9]
        assert waiting.due(Errand.GRANT, 8, 10) == []
        assert waiting.due(Errand.GRANT, 9, 10) == items[:1]
        waiting.remove(Errand.GRANT, [(items[0].patient, bytes(32))])
        assert waiting.waiting(first) == 2
        waiting.remove(Errand.GRANT, [(items[0].patient, items[0].commitment)])
        assert waiting.everything() == items[1:]


def test_rows_of_a_dead_epoch_may_be_anybodys(house: House) -> None:
    house.grant(house.people[0])
    house.turn_epoch()
    with house.open.store.reading() as unit:
        waiting = house.open.outbox.on(unit)
        assert waiting.everything() == []
        assert {waiting.waiting(subject) for subject in house.people} == {1}
    assert house.publish() == 1
    with house.open.store.reading() as unit:
        assert house.open.outbox.on(unit).waiting(house.people[0]) == 0


ALTERED: dict[str, dict[str, Any]] = {
    "bytes": {"sealed": bytes(200)},
    "errand": {"errand": "stop"},
    "format": {"sealed": b"\x02"},
    "owner": {"owner": bytes(32)},
    "slot": {"due": outbox.c.due - 1},
    "epoch": {"epoch": 7},
}


@pytest.mark.parametrize("name", ALTERED)
def test_what_somebody_altered_is_made_anew(house: House, name: str) -> None:
    house.grant(*house.people[:3])
    with house.open.store.begin() as unit:
        unit.connection.execute(outbox.update().values(ALTERED[name]))
    house.publish()
    assert {house.verdict(subject) for subject in house.people[:3]} == {"PERMIT"}
    assert house.state().outbox == 0


def test_rows_that_a_thief_moves_to_another_installation_open_nothing_there(template: Template, tmp_path: Path) -> None:
    with House.copied(template, tmp_path / "one") as one:
        one.grant(one.people[0])
        with one.open.store.reading() as unit:
            [row] = unit.outbox.everything()
    with House.copied(Template.built(tmp_path / "other", range(1)), tmp_path / "two") as other:
        with other.open.store.begin() as unit:
            unit.outbox.add([row])
            assert other.open.outbox.on(unit).everything() == []
        assert (other.publish(), other.state().outbox) == (0, 0)
