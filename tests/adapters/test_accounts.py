"""What people sign in with, and who is signed in, on SQLite and on PostgreSQL."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from consent.adapters.sql import SqlStore, open_records
from consent.adapters.sql.account_tables import (
    contacts,
    credentials,
    declines,
    invitations,
    slots,
    tickets,
)
from consent.adapters.sql.row_macs import RowMacs
from consent.domain.errors import RecordsUnavailableError
from consent.domain.terms import SubjectId
from consent.ports import Invitation, Passkey, StoredSession, StoredSlot, StoredTicket
from tests.databases import KINDS, new_records

ANN, BEN = SubjectId("a" * 32), SubjectId("b" * 32)
NOW = 1_800_000_000


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """An empty records database, as the migrations make it."""
    engine = open_records(new_records(request.param, tmp_path))
    yield SqlStore(engine, RowMacs(bytes(32)))
    engine.dispose()


def session(number: int = 1, subject: SubjectId | None = ANN, expires: int = NOW + 60) -> StoredSession:
    return StoredSession(bytes([number]) * 32, "patient", subject, NOW, expires, b'{"draft":1}')


def ticket(number: int, asked: StoredSession, subject: SubjectId | None = ANN, expires: int = NOW + 60) -> StoredTicket:
    return StoredTicket(bytes([number]) * 32, "sign", asked.digest, subject, expires, b'{"study":"kidneys"}')


def invitation(number: int, subject: SubjectId = ANN) -> Invitation:
    return Invitation(bytes([number]) * 32, subject, NOW)


def passkey(number: int, subject: SubjectId = ANN) -> Passkey:
    return Passkey(bytes([number]) * 40, subject, b"cose", 0)


def slot(number: int, subject: SubjectId = ANN, kind: str = "recovery") -> StoredSlot:
    return StoredSlot(bytes([number]) * 32, subject, kind, b"sealed")


# ------------------------------------------------------------------------------------------------------------ sessions


def test_a_session_comes_back_as_it_was_stored_and_changes_but_for_its_beginning(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.sessions.put(session())
        unit.sessions.put(session(2, subject=None))
        later = StoredSession(session().digest, "visitor", BEN, NOW + 9, NOW + 99, b"{}")
        unit.sessions.put(later)
    with store.reading() as unit:
        assert unit.sessions.get(session().digest) == replace(later, created=NOW), "so nobody stays for ever"
        assert unit.sessions.get(bytes([2]) * 32) == session(2, subject=None)
        assert unit.sessions.get(bytes(32)) is None


def test_a_session_takes_the_tickets_with_it_that_it_asked_for(store: SqlStore) -> None:
    with store.begin() as unit:
        for each in (session(1), session(2)):
            unit.sessions.put(each)
            unit.sessions.add_ticket(ticket(each.digest[0] + 10, each, subject=None))
        unit.sessions.end(session(1).digest)
        unit.sessions.end(session(1).digest)
    with store.begin() as unit:
        assert unit.sessions.get(session(1).digest) is None
        assert unit.sessions.take_ticket(bytes([11]) * 32) is None
        assert unit.sessions.get(session(2).digest) == session(2)
        assert unit.sessions.take_ticket(bytes([12]) * 32) == ticket(12, session(2), subject=None)


def test_everything_of_a_person_ends_and_nothing_of_anybody_else(store: SqlStore) -> None:
    with store.begin() as unit:
        for number, subject in ((1, ANN), (2, ANN), (3, BEN), (4, None)):
            unit.sessions.put(session(number, subject))
            unit.sessions.add_ticket(ticket(number + 10, session(number), subject))
        unit.sessions.end_all(ANN)
        assert [unit.sessions.get(bytes([number]) * 32) is None for number in (1, 2, 3, 4)] == [
            True,
            True,
            False,
            False,
        ]
        taken = [unit.sessions.take_ticket(bytes([number + 10]) * 32) is None for number in (1, 2, 3, 4)]
        assert taken == [True, True, False, False]


def test_all_others_of_a_person_end_but_one_session_and_what_it_asked_for(store: SqlStore) -> None:
    with store.begin() as unit:
        for number, subject in ((1, ANN), (2, ANN), (3, BEN), (4, None)):
            unit.sessions.put(session(number, subject))
            unit.sessions.add_ticket(ticket(number + 10, session(number), subject))
        unit.sessions.end_others(ANN, session(1).digest)
        assert [unit.sessions.get(bytes([number]) * 32) is None for number in (1, 2, 3, 4)] == [
            False,
            True,
            False,
            False,
        ]
        taken = [unit.sessions.take_ticket(bytes([number + 10]) * 32) is None for number in (1, 2, 3, 4)]
        assert taken == [False, True, False, False]


def test_a_ticket_is_taken_once(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.sessions.add_ticket(ticket(9, session()))
        assert unit.sessions.take_ticket(bytes(32)) is None
    for expected in (ticket(9, session()), None):
        with store.begin() as unit:
            assert unit.sessions.take_ticket(bytes([9]) * 32) == expected


def test_of_two_who_take_a_ticket_at_once_one_gets_it(store: SqlStore) -> None:
    with store.begin() as unit:
        for number in range(20):
            unit.sessions.add_ticket(ticket(number, session()))
    taken: list[list[StoredTicket | None]] = [[None] * 20, [None] * 20]
    together = threading.Barrier(2, timeout=10)

    def take(mine: list[StoredTicket | None]) -> None:
        for number in range(20):
            together.wait()
            with store.begin() as unit:
                mine[number] = unit.sessions.take_ticket(bytes([number]) * 32)

    threads = [threading.Thread(target=take, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, pair in enumerate(zip(*taken, strict=True)):
        assert sorted(pair, key=bool) == [None, ticket(number, session())]


def test_a_ticket_that_was_taken_in_a_transaction_that_failed_is_there_again(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.sessions.add_ticket(ticket(9, session()))
    with pytest.raises(ZeroDivisionError), store.begin() as unit:  # noqa: PT012  # the transaction is what fails
        assert unit.sessions.take_ticket(bytes([9]) * 32)
        raise ZeroDivisionError
    with store.begin() as unit:
        assert unit.sessions.take_ticket(bytes([9]) * 32) == ticket(9, session())


def test_what_has_expired_is_cleared_at_that_second_and_what_lasts_stays(store: SqlStore) -> None:
    with store.begin() as unit:
        for number, expires in ((1, NOW - 1), (2, NOW), (3, NOW + 1)):
            unit.sessions.put(session(number, expires=expires))
            unit.sessions.add_ticket(ticket(number, session(number), expires=expires))
        unit.sessions.clear(NOW)
        assert [unit.sessions.get(bytes([number]) * 32) for number in (1, 2, 3)] == [
            None,
            None,
            session(3, expires=NOW + 1),
        ]
        kept = unit.connection.scalars(select(tickets.c.digest)).all()
        assert kept == [bytes([3]) * 32]


# ------------------------------------------------------------------------------------------------------------ accounts


def test_a_newer_invitation_takes_the_place_of_the_earlier_one_of_that_person(store: SqlStore) -> None:
    with store.begin() as unit:
        for each in (invitation(1), invitation(2, BEN), invitation(3)):
            unit.accounts.invite(each)
        assert unit.accounts.invitation(bytes([1]) * 32) is None
        assert unit.accounts.invitation(bytes([2]) * 32) == invitation(2, BEN)
        assert unit.accounts.invitation(bytes([3]) * 32) == invitation(3)
        unit.accounts.uninvite(ANN)
        assert unit.accounts.invitation(bytes([3]) * 32) is None
        assert unit.accounts.invitation(bytes([2]) * 32) == invitation(2, BEN)


def test_passkeys_are_found_by_credential_and_by_person_and_counted_each(store: SqlStore) -> None:
    long = Passkey(bytes(range(256)) * 4, ANN, b"k" * 2000, 2**32 - 1)
    with store.begin() as unit:
        for each in (passkey(2), passkey(1), passkey(3, BEN), long):
            unit.accounts.add_passkey(each)
        unit.accounts.count_passkey(passkey(1).credential, 7)
    with store.reading() as unit:
        assert unit.accounts.passkey(passkey(1).credential) == replace(passkey(1), count=7)
        assert unit.accounts.passkey(passkey(3).credential) == passkey(3, BEN)
        assert unit.accounts.passkey(b"") is None
        assert unit.accounts.passkeys(ANN) == [long, replace(passkey(1), count=7), passkey(2)]
        assert unit.accounts.passkeys(SubjectId("c" * 32)) == []


@pytest.mark.parametrize("taken", ["passkey", "slot"])
def test_what_is_somebodys_already_is_stored_for_nobody_else(store: SqlStore, taken: str) -> None:
    with store.begin() as unit:
        unit.accounts.add_passkey(passkey(1))
        unit.accounts.add_slots([slot(1)])
    with pytest.raises(RecordsUnavailableError), store.begin() as unit:  # noqa: PT012  # both fail it, and none is kept
        unit.accounts.add_slots([slot(2, BEN), slot(1, BEN)] if taken == "slot" else [slot(2, BEN)])
        unit.accounts.add_passkey(passkey(1, BEN))
    with store.reading() as unit:
        assert unit.accounts.slots(BEN) == []
        assert unit.accounts.passkey(passkey(1).credential) == passkey(1)


def test_slots_are_found_by_id_and_by_person(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.accounts.add_slots([])
        unit.accounts.add_slots([slot(2), slot(1, kind="passphrase"), slot(3, BEN, "passkey")])
        assert unit.accounts.slot(bytes([3]) * 32) == slot(3, BEN, "passkey")
        assert unit.accounts.slot(bytes(32)) is None
        assert unit.accounts.slots(ANN) == [slot(1, kind="passphrase"), slot(2)]


def test_an_address_may_be_a_familys_and_each_of_them_changes_theirs_alone(store: SqlStore) -> None:
    with store.begin() as unit:
        for subject in (BEN, ANN):
            unit.accounts.set_contact(subject, b"f" * 32)
        assert unit.accounts.by_contact(b"f" * 32) == [ANN, BEN]
        unit.accounts.set_contact(BEN, b"o" * 32)
        assert unit.accounts.by_contact(b"f" * 32) == [ANN]
        assert unit.accounts.by_contact(b"o" * 32) == [BEN]
        unit.accounts.set_contact(BEN, None)
        unit.accounts.set_contact(BEN, None)
        assert unit.accounts.by_contact(b"o" * 32) == []


def test_saying_no_twice_is_saying_it_once_and_can_be_forgotten(store: SqlStore) -> None:
    with store.begin() as unit:
        for study in ("hearts", "kidneys", "kidneys"):
            unit.accounts.decline(ANN, study)
        unit.accounts.decline(BEN, "kidneys")
        assert unit.accounts.declined(ANN) == {"hearts", "kidneys"}
        unit.accounts.undecline(ANN, "kidneys")
        unit.accounts.undecline(ANN, "kidneys")
        assert unit.accounts.declined(ANN) == {"hearts"}
        assert unit.accounts.declined(BEN) == {"kidneys"}


def test_forgetting_a_person_leaves_no_row_of_theirs_and_all_of_the_others(store: SqlStore) -> None:
    with store.begin() as unit:
        for number, subject in ((1, ANN), (2, BEN)):
            unit.accounts.invite(invitation(number, subject))
            unit.accounts.add_passkey(passkey(number, subject))
            unit.accounts.add_slots([slot(number, subject)])
            unit.accounts.set_contact(subject, bytes([number]) * 32)
            unit.accounts.decline(subject, "kidneys")
        unit.accounts.forget(ANN)
    with store.reading() as unit:
        for table in (invitations, credentials, slots, contacts, declines):
            assert unit.connection.scalars(select(table.c.subject)).all() == [BEN], table.name
