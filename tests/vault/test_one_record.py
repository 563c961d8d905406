"""One record: what its row says without a key, and its current version alone opened, through the gate."""

import pytest
from sqlalchemy import update

from tests.vault.homes import ACCESS, DRUGS, LAB, Home, ListedGate, admitted, open_gate
from vault import (
    Admitted,
    CurrentRecord,
    DecryptionError,
    Deposit,
    OpenedRecord,
    Opening,
    RecordNotFoundError,
    Refused,
)
from vault.tables import vault_records

ANNA, BEN = "a" * 32, "b" * 32


def blood(content: bytes, *, withdrawn: bool = False) -> Deposit:
    return Deposit(ANNA, LAB, content, "Observation/1", withdrawn=withdrawn)


def read_one(home: Home, subject: str, record_id: str, gate: ListedGate | None = None) -> Opening | Refused:
    with home.writing() as connection:
        return home.vault().read_record(connection, gate or open_gate(ANNA, BEN), ACCESS, subject, record_id)


def current(home: Home, subject: str, record_id: str) -> CurrentRecord | None:
    with home.writing() as connection:
        return home.vault().current(connection, subject, record_id)


def damage_all_but(home: Home, record_id: str, version: int) -> None:
    """Spoil every other row: whatever opens one of them fails."""
    other = (vault_records.c.record_id != record_id) | (vault_records.c.version != version)
    with home.writing() as connection:
        connection.execute(update(vault_records).where(other).values(sealed=bytes(100)))


def test_the_newest_version_of_one_record_is_opened_and_no_other_row(home: Home) -> None:
    [record_id] = home.deposit(blood(b"1"))
    home.deposit(blood(b"2"), Deposit(ANNA, LAB, b"another"), Deposit(ANNA, DRUGS, b"pill"))
    damage_all_but(home, record_id, 2)
    gate = open_gate(ANNA)
    found = read_one(home, ANNA, record_id, gate)
    assert gate.asked == [([ANNA], ACCESS)]
    assert isinstance(found, Opening)
    assert (found.subject, found.records) == (ANNA, (OpenedRecord(record_id, LAB, 2, b"2"),))


def test_what_is_not_there_is_not_found(home: Home) -> None:
    [record_id] = home.deposit(blood(b"1"))
    home.deposit(Deposit(BEN, LAB, b"x"))
    for subject, name in ((BEN, record_id), (ANNA, "0" * 32), (ANNA, "")):
        assert current(home, subject, name) is None
        with pytest.raises(RecordNotFoundError, match="list their records anew"):
            read_one(home, subject, name)


def test_what_was_withdrawn_is_not_found_until_a_later_version(home: Home) -> None:
    [record_id] = home.deposit(blood(b"1"))
    home.deposit(blood(b"2", withdrawn=True))
    assert current(home, ANNA, record_id) is None
    with pytest.raises(RecordNotFoundError):
        read_one(home, ANNA, record_id)
    home.deposit(blood(b"3"))
    assert current(home, ANNA, record_id) == CurrentRecord(LAB, 3, 0)
    found = read_one(home, ANNA, record_id)
    assert isinstance(found, Opening)
    assert [record.content for record in found.records] == [b"3"]


def test_a_row_tells_how_many_parts_stand_behind_it(home: Home) -> None:
    home.vault().enrol([ANNA])
    with home.writing() as connection:
        attached = home.vault().attach(connection, blood(b"a picture"), [b"bytes"])
    assert current(home, ANNA, attached.record_id) == CurrentRecord(LAB, 1, 1)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({ANNA: Refused("NO_GRANT")}, "NO_GRANT"),
        ({}, "CATEGORY"),
        ({ANNA: admitted(DRUGS)}, "CATEGORY"),
    ],
    ids=["refused", "no answer", "without the required category"],
)
def test_whom_the_gate_refuses_gets_a_refusal(
    home: Home, answers: dict[str, Admitted | Refused], reason: str
) -> None:  # fmt: skip
    [record_id] = home.deposit(blood(b"1"))
    assert read_one(home, ANNA, record_id, ListedGate(answers)) == Refused(reason)


def test_a_record_of_another_category_than_those_admitted_is_refused(home: Home) -> None:
    home.deposit(blood(b"1"))
    [pill] = home.deposit(Deposit(ANNA, DRUGS, b"pill"))
    assert read_one(home, ANNA, pill, ListedGate({ANNA: admitted(LAB)})) == Refused("CATEGORY")


def test_a_record_that_was_altered_is_not_given_out(home: Home) -> None:
    [record_id] = home.deposit(blood(b"1"))
    damage_all_but(home, "", 0)
    with pytest.raises(DecryptionError):
        read_one(home, ANNA, record_id)


def test_a_category_of_which_nothing_is_current_counts_none(home: Home) -> None:
    home.deposit(blood(b"1"), Deposit(ANNA, DRUGS, b"pill"), Deposit(ANNA, DRUGS, b"pills"))
    home.deposit(blood(b"2", withdrawn=True))
    with home.writing() as connection:
        assert home.vault().tally(connection, ANNA) == {LAB: 0, DRUGS: 2}
        assert home.vault().tally(connection, BEN) == {}
