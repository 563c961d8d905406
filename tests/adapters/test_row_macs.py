"""Whoever writes to the records database, and holds no key, lets nobody in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from consent.adapters.sql import SqlStore, open_records
from consent.adapters.sql.row_macs import RowMacs
from consent.domain.terms import SubjectId
from consent.ports import Invitation, Passkey, StoredSession, StoredTicket
from tests.databases import new_records

OWN, OTHER = SubjectId("a" * 32), SubjectId("b" * 32)
DIGEST = b"\x01" * 32
KEY = RowMacs(b"\x05" * 32)
CHANGES = [
    "UPDATE sessions SET subject = :other",
    "UPDATE sessions SET kind = 'patient'",
    "UPDATE sessions SET expires = expires + 1",
    "UPDATE sessions SET state = x'7b7d20'",
    "UPDATE sessions SET mac = NULL",
    "UPDATE tickets SET subject = :other",
    "UPDATE tickets SET purpose = 'sign'",
    "UPDATE invitations SET subject = :other",
    "UPDATE invitations SET expires = expires + 1",
    "UPDATE invitations SET mac = NULL",
    "UPDATE credentials SET subject = :other",
    "UPDATE credentials SET public_key = x'00'",
    "UPDATE contacts SET subject = :other",
    "UPDATE contacts SET mac = x'00'",
    "UPDATE contacts SET seal = NULL",
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    engine = open_records(new_records("sqlite", tmp_path))
    store = SqlStore(engine, KEY)
    with store.begin() as unit:
        unit.sessions.put(StoredSession(DIGEST, "visitor", OWN, 1, 2))
        unit.sessions.add_ticket(StoredTicket(DIGEST, "in", DIGEST, OWN, 2))
        unit.accounts.invite(Invitation(DIGEST, OWN, 2))
        unit.accounts.add_passkey(Passkey(DIGEST, OWN, b"public", 1))
        unit.accounts.count_passkey(DIGEST, 2)
        unit.accounts.set_contact(OWN, DIGEST)
    yield store
    engine.dispose()


def there(store: SqlStore) -> list[str]:
    """Return the tables whose row is there; a ticket is taken by looking, and the transaction is given up."""
    with store.begin() as unit:
        found = {
            "sessions": unit.sessions.get(DIGEST),
            "tickets": unit.sessions.take_ticket(DIGEST),
            "invitations": unit.accounts.invitation(DIGEST),
            "credentials": unit.accounts.passkey(DIGEST) and unit.accounts.passkeys(OWN),
            "contacts": unit.accounts.by_contact(DIGEST),
        }
        return [table for table, row in found.items() if row]


def test_what_was_written_with_the_key_is_there(store: SqlStore) -> None:
    assert there(store) == ["sessions", "tickets", "invitations", "credentials", "contacts"]


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_was_changed_does_not_exist(store: SqlStore, change: str) -> None:
    with store.begin() as unit:
        unit.connection.execute(text(change), {"other": OTHER} if ":other" in change else {})
    changed = change.split()[1]
    assert changed not in there(store)


def test_another_key_sees_nothing_and_no_key_writes_nothing(store: SqlStore) -> None:
    assert there(SqlStore(store.engine, RowMacs(b"\x06" * 32))) == []
    with pytest.raises(RuntimeError), SqlStore(store.engine).begin() as unit:
        unit.sessions.put(StoredSession(DIGEST, "patient", OWN, 1, 2))


def test_rows_of_an_earlier_version_are_adopted_and_sessions_never(store: SqlStore) -> None:
    with store.begin() as unit:
        for statement in ("sessions SET mac", "invitations SET mac", "credentials SET mac", "contacts SET seal"):
            unit.connection.execute(text(f"UPDATE {statement} = NULL"))  # the texts above
        assert KEY.adopt(unit.connection) == 3
        assert KEY.adopt(unit.connection) == 0
    assert there(store) == ["tickets", "invitations", "credentials", "contacts"]
