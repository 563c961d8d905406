"""Records with names: what comes again is nothing new, what changed is a next version, a mistake is not read."""

import pytest
from sqlalchemy import select, update

from tests.vault.homes import ACCESS, DRUGS, LAB, Home, ListedGate, admitted, open_gate
from vault import Admitted, DecryptionError, Deposit, Deposited, History, Opening, Outcome, Refused, State
from vault.epoch import SubKey
from vault.tables import vault_records

ANNA, BEN = "a" * 32, "b" * 32
BLOOD = "Observation/7"


def blood(content: bytes, *, subject: str = ANNA, category: str = LAB, withdrawn: bool = False) -> Deposit:
    return Deposit(subject, category, content, BLOOD, withdrawn=withdrawn)


def outcomes(deposited: list[Deposited]) -> list[tuple[int, str]]:
    return [(one.version, one.outcome) for one in deposited]


def contents(openings: list[Opening]) -> list[bytes]:
    return [record.content for opening in openings for record in opening.records]


def rows(home: Home) -> list[tuple[int, str]]:
    with home.records().connect() as connection:
        found = connection.execute(select(vault_records.c.version, vault_records.c.state).order_by("version"))
        return [(row.version, row.state) for row in found]


def sealed(home: Home) -> list[bytes]:
    with home.records().connect() as connection:
        return list(connection.execute(select(vault_records.c.sealed)).scalars())


def test_a_first_deposit_is_stored_and_the_same_again_is_unchanged(home: Home) -> None:
    [first] = home.deposited(blood(b"11.2"))
    assert (first.version, first.outcome) == (1, Outcome.STORED)
    before = sealed(home)
    [again] = home.deposited(blood(b"11.2"))
    assert again == Deposited(first.record_id, 1, Outcome.UNCHANGED)
    assert sealed(home) == before


def test_what_changed_replaces_and_the_former_is_kept_as_superseded(home: Home) -> None:
    ids = {home.deposit(blood(content))[0] for content in (b"11.2", b"11.3", b"11.2")}
    assert len(ids) == 1
    assert rows(home) == [(1, "superseded"), (2, "superseded"), (3, "current")]
    assert contents(home.read(ANNA)) == [b"11.2"]


def test_another_category_is_a_change_and_the_record_leaves_the_former(home: Home) -> None:
    assert outcomes([*home.deposited(blood(b"x")), *home.deposited(blood(b"x", category=DRUGS))]) == [
        (1, "stored"),
        (2, "replaced"),
    ]
    [opening] = home.read(ANNA)
    assert [(record.category, record.version) for record in opening.records] == [(DRUGS, 2)]


def test_what_is_not_newer_is_outdated_and_nothing_of_it_is_kept(home: Home) -> None:
    home.deposit(blood(b"2"))
    vault, seen = home.vault(), []

    def newer(deposit: Deposit, stored: bytes) -> bool:
        seen.append((deposit.content, stored))
        return deposit.content > stored

    with home.writing() as connection:
        deposited = vault.deposit(connection, [blood(b"1"), blood(b"2"), blood(b"3"), blood(b"2")], newer)
    assert outcomes(deposited) == [(1, "outdated"), (1, "unchanged"), (2, "replaced"), (2, "outdated")]
    assert seen == [(b"1", b"2"), (b"3", b"2"), (b"2", b"3")]
    assert contents(home.read(ANNA)) == [b"3"]


def test_two_of_one_name_in_one_call_are_two_versions(home: Home) -> None:
    deposited = home.deposited(blood(b"1"), blood(b"2"), blood(b"2"), blood(b"3"))
    assert outcomes(deposited) == [(1, "stored"), (2, "replaced"), (2, "unchanged"), (3, "replaced")]
    assert rows(home) == [(1, "superseded"), (2, "superseded"), (3, "current")]


def test_a_withdrawn_record_is_not_read_until_a_later_version_comes(home: Home) -> None:
    home.deposit(blood(b"11.2"), Deposit(ANNA, LAB, b"other"))
    assert outcomes(home.deposited(blood(b"11.2", withdrawn=True))) == [(2, "replaced")]
    assert contents(home.read(ANNA)) == [b"other"]
    assert outcomes(home.deposited(blood(b"11.2", withdrawn=True))) == [(2, "unchanged")]
    home.deposit(blood(b"11.4"))
    assert set(contents(home.read(ANNA))) == {b"other", b"11.4"}


def test_what_comes_withdrawn_at_first_is_stored_and_not_read(home: Home) -> None:
    assert outcomes(home.deposited(blood(b"11.2", withdrawn=True))) == [(1, "stored")]
    assert contents(home.read(ANNA)) == []


def test_records_without_a_name_stand_by_themselves(home: Home) -> None:
    first, second = home.deposited(Deposit(ANNA, LAB, b"x"), Deposit(ANNA, LAB, b"x"))
    assert first.record_id != second.record_id
    assert contents(home.read(ANNA)) == [b"x", b"x"]


def test_one_name_is_another_record_for_another_person_and_its_id_says_nothing(home: Home) -> None:
    [anna, ben] = home.deposit(blood(b"x"), blood(b"x", subject=BEN))
    assert anna != ben
    assert all(len(bytes.fromhex(record_id)) == 16 for record_id in (anna, ben))
    assert anna != home.tree().unwrap([ANNA])[ANNA].sub_key(SubKey.INDEX)[:16].hex()


def test_a_stored_record_that_was_altered_stops_the_deposit(home: Home) -> None:
    home.deposit(blood(b"x"))
    with home.writing() as connection:
        connection.execute(update(vault_records).values(category=DRUGS))
    with pytest.raises(DecryptionError):
        home.deposit(blood(b"y"))
    assert rows(home) == [(1, "current")]


def test_many_names_are_looked_up_at_once(home: Home) -> None:
    deposits = [Deposit(subject, LAB, b"%d" % n, f"Observation/{n}") for n in range(1500) for subject in (ANNA, BEN)]
    assert {outcome for _, outcome in outcomes(home.deposited(*deposits))} == {"stored"}
    assert {outcome for _, outcome in outcomes(home.deposited(*deposits))} == {"unchanged"}


def test_the_history_holds_every_version_with_its_state(home: Home) -> None:
    [record_id] = home.deposit(blood(b"1"))
    home.deposit(blood(b"2", withdrawn=True))
    [other] = home.deposit(Deposit(ANNA, DRUGS, b"pill"))
    gate = open_gate(ANNA)
    with home.writing() as connection:
        history = home.vault().history(connection, gate, ACCESS, ANNA)
    assert gate.asked == [([ANNA], ACCESS)]
    assert isinstance(history, History)
    assert [tuple(version) for version in history.versions] == [
        (record_id, LAB, 1, State.SUPERSEDED, b"1", 0),
        (record_id, LAB, 2, State.WITHDRAWN, b"2", 0),
        (other, DRUGS, 1, State.CURRENT, b"pill", 0),
    ]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({ANNA: Refused("NO_GRANT")}, "NO_GRANT"),
        ({}, "CATEGORY"),
        ({ANNA: admitted(DRUGS)}, "CATEGORY"),
    ],
    ids=["refused", "no answer", "without the required category"],
)
def test_a_refused_history_is_a_refusal(home: Home, answers: dict[str, Admitted | Refused], reason: str) -> None:
    home.deposit(blood(b"1"))
    with home.writing() as connection:
        assert home.vault().history(connection, ListedGate(answers), ACCESS, ANNA) == Refused(reason)
