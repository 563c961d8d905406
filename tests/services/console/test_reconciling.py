"""All consents at once: counts of each side, and each edit of the database found and named."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, delete, update

from consent.adapters.sql.tables import consents, entries, patients
from consent.services.console.console import Console
from consent.services.console.reconciling import Reconciled
from consent.services.console.sides import ConsentState, Difference
from consent.wiring.console import console_of
from tests.services.audited import AGREED, Past
from tests.services.house import House


def test_a_true_past_agrees(past: Past, console: Console) -> None:
    found = console.reconciling.all()
    standing = AGREED - 4
    assert found.differing == []
    assert found.matches
    assert (found.logged, found.rows, found.opened, found.granted) == (AGREED, AGREED - 1, AGREED - 1, AGREED - 1)
    assert found.states == {ConsentState.IN_FORCE: standing, ConsentState.STOPPED: 3, ConsentState.GONE: 1}
    assert (found.revoked, found.strangers) == (3, 1)


@pytest.fixture
def ids(house: House) -> Sequence[str]:
    """The consents of five people, in their order."""
    house.grant(*house.people[:5])
    house.stop(house.people[4])
    house.publish()
    return [entry.id for subject in house.people[:5] for entry in house.open.book.entries(subject)]


def reconciled(house: House) -> Reconciled:
    return console_of(house.open, house.clock).reconciling.all()


def edit(house: House, statement: object) -> None:
    with house.open.store.begin() as unit:
        connection: Connection = unit.connection
        connection.execute(statement)  # type: ignore[call-overload]  # one of SQLAlchemy's


def named(found: Reconciled) -> dict[str, tuple[Difference, ...]]:
    return {one.sides.id: one.differences for one in found.differing}


def test_edits_of_rows_are_named_by_consent(house: House, ids: Sequence[str]) -> None:
    assert named(reconciled(house)) == {}
    edit(house, update(consents).where(consents.c.id == ids[0]).values(stopped=True))
    edit(house, update(consents).where(consents.c.id == ids[1]).values(sealed=b"x" * 90))
    edit(house, delete(consents).where(consents.c.id == ids[2]))
    edit(house, update(consents).where(consents.c.id == ids[3]).values(subject=house.people[9]))
    edit(house, update(consents).where(consents.c.id == ids[4]).values(stopped=False))
    assert named(reconciled(house)) == {
        ids[0]: (Difference.STOP_NOT_LOGGED,),
        ids[1]: (Difference.UNREADABLE,),
        ids[2]: (Difference.ROW_MISSING,),
        ids[3]: (Difference.UNREADABLE,),
        ids[4]: (Difference.STOP_NOT_STORED,),
    }


def test_a_consent_that_was_moved_to_another_row_is_found(house: House, ids: Sequence[str]) -> None:
    with house.open.store.reading() as unit:
        [other] = unit.consents.of_ids([ids[1]])
    edit(house, update(consents).where(consents.c.id == ids[0]).values(subject=other.subject, sealed=other.sealed))
    assert named(reconciled(house)) == {ids[0]: (Difference.UNREADABLE,)}


def test_a_row_that_the_log_does_not_know_is_found(house: House, ids: Sequence[str]) -> None:
    first = next(one["index"] for one in house.log() if one["action"] == "grant")
    with house.open.store.reading() as unit:
        [entry] = unit.log.entries(first, first + 1)
    forged = entry.body.replace(b'"action":"grant"', b'"action":"prefer"')
    edit(house, update(entries).where(entries.c.index == first).values(body=forged))
    assert named(reconciled(house)) == {ids[0]: (Difference.NOT_LOGGED, Difference.CERTIFICATE)}


def test_people_who_are_only_marked_as_erased_are_not_passed_over(house: House, ids: Sequence[str]) -> None:
    edit(house, update(patients).where(patients.c.subject == house.people[0]).values(blocked=True))
    found = reconciled(house)
    assert found.states[ConsentState.GONE] == 0
    assert sum(found.states.values()) == 5
