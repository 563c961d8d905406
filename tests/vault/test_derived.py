"""Derived rows: kept sealed, for exactly what was admitted of one person, until anything of theirs changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import pytest
from sqlalchemy import Connection, select, update

from tests.databases import bytes_at_rest
from tests.vault.homes import ACCESS, DRUGS, LAB, Home, ListedGate, admitted, open_gate
from vault import (
    Admitted,
    DecryptionError,
    Deposit,
    Derivation,
    Derived,
    EpochKeyLostError,
    KeyNotFoundError,
    Opening,
    Outcome,
    Refused,
    Unkept,
)
from vault.derived import MOST_KEPT
from vault.sql.derived import SealedRow, put_derived
from vault.tables import vault_derived, vault_records

ANNA, BEN, CARA = "a" * 32, "b" * 32, "c" * 32
SECRET = b"leucocytes 11.2"


@dataclass
class Summing:
    """Joins what an opening holds, and counts how often it was asked to."""

    name: bytes = b"joined"
    made: list[str] = field(default_factory=list)

    def make(self, opening: Opening) -> bytes:
        """Return the records' contents, joined."""
        self.made.append(opening.subject)
        return b"+".join(sorted(record.content for record in opening.records))

    def derivation(self) -> Derivation:
        """Return the derivation as the vault takes it."""
        return Derivation(self.name, self.make)


def derive(home: Home, summing: Summing, gate: ListedGate, *subjects: str, kept: bool = True) -> list[Derived]:
    """Derive for some subjects, and keep what is new."""
    vault = home.vault()
    with home.writing() as connection:
        rows = list(vault.derive(connection, gate, ACCESS, subjects, summing.derivation()))
    if kept:
        keep(home, [row.unkept for row in rows if row.unkept])
    return rows


def keep(home: Home, rows: Sequence[Unkept]) -> int:
    """Keep rows in a transaction of their own; say how many."""
    with home.writing() as connection:
        return home.vault().keep(connection, rows)


def stored(home: Home) -> list[SealedRow]:
    """Return every derived row at rest."""
    with home.writing() as connection:
        return [SealedRow._make(row) for row in connection.execute(select(vault_derived).order_by("subject"))]


def contents(rows: Sequence[Derived]) -> list[tuple[str, bytes]]:
    """Return what was derived of whom."""
    return [(row.subject, row.content) for row in rows]


@pytest.fixture
def full(home: Home) -> Home:
    """A vault with Anna's and Ben's records."""
    home.deposit(Deposit(ANNA, LAB, SECRET, "Observation/1"), Deposit(ANNA, DRUGS, b"drug"), Deposit(BEN, LAB, b"ben"))
    return home


def test_what_was_kept_is_given_again_and_not_made_again(full: Home) -> None:
    summing = Summing()
    first = derive(full, summing, open_gate(ANNA, BEN), ANNA, BEN)
    again = derive(full, summing, open_gate(ANNA, BEN), BEN, ANNA)
    assert contents(first) == [(ANNA, b"drug+" + SECRET), (BEN, b"ben")]
    assert contents(again) == contents(first)[::-1], "in the order that was asked for"
    assert summing.made == [ANNA, BEN]
    assert [row.unkept for row in again] == [None, None]
    assert [row.admitted for row in again] == [admitted(LAB, DRUGS)] * 2


def test_kept_rows_and_new_ones_come_in_the_order_that_was_asked_for(full: Home) -> None:
    full.deposit(Deposit(CARA, LAB, b"cara"))
    derive(full, Summing(), open_gate(BEN), BEN)
    rows = derive(full, Summing(), open_gate(ANNA, BEN, CARA), CARA, BEN, ANNA)
    assert [(row.subject, row.unkept is None) for row in rows] == [(CARA, False), (BEN, True), (ANNA, False)]


def test_the_gate_is_asked_once_for_all_whether_rows_are_kept_or_not(full: Home) -> None:
    for _ in range(2):
        gate = open_gate(ANNA, BEN)
        derive(full, Summing(), gate, ANNA, BEN, ANNA)
        assert gate.asked == [([ANNA, BEN], ACCESS)]


def test_a_kept_row_of_who_is_refused_does_not_come_out(full: Home) -> None:
    derive(full, Summing(), open_gate(ANNA, BEN), ANNA, BEN)
    gate = ListedGate({ANNA: Refused("REVOKED"), BEN: admitted(DRUGS)})
    assert derive(full, Summing(), gate, ANNA, BEN) == []


@pytest.mark.parametrize(
    "other",
    [
        admitted(LAB),
        replace(admitted(LAB, DRUGS), start=date(2020, 1, 1)),
        replace(admitted(LAB, DRUGS), end=date(2020, 1, 1)),
    ],
    ids=["fewer categories", "a later start", "an earlier end"],
)
def test_a_row_made_with_more_is_not_given_where_less_is_admitted(full: Home, other: Admitted) -> None:
    derive(full, Summing(), open_gate(ANNA), ANNA)
    summing = Summing()
    derive(full, summing, ListedGate({ANNA: other}), ANNA)
    assert summing.made == [ANNA]
    derive(full, summing, open_gate(ANNA), ANNA)
    assert summing.made == [ANNA], "each has a row of its own"


def test_a_category_that_was_not_asked_for_makes_no_row_of_its_own(full: Home) -> None:
    derive(full, Summing(), open_gate(ANNA), ANNA)
    [row] = derive(full, Summing(), ListedGate({ANNA: admitted(LAB, DRUGS, "genomics")}), ANNA)
    assert row.unkept is None


def test_another_consent_to_the_same_is_given_the_same_row(full: Home) -> None:
    derive(full, Summing(), open_gate(ANNA), ANNA)
    later = replace(admitted(LAB, DRUGS), commitment=b"\1" * 32)
    [row] = derive(full, Summing(), ListedGate({ANNA: later}), ANNA)
    assert row.unkept is None
    assert row.admitted == later


def test_another_name_is_another_row(full: Home) -> None:
    derive(full, Summing(b"one"), open_gate(ANNA), ANNA)
    other = Summing(b"two")
    derive(full, other, open_gate(ANNA), ANNA)
    assert other.made == [ANNA]


def later_version(home: Home) -> None:
    home.deposit(Deposit(ANNA, LAB, b"corrected", "Observation/1"))


def new_record(home: Home) -> None:
    home.deposit(Deposit(ANNA, LAB, b"new"))


def of_another_category(home: Home) -> None:
    home.deposit(Deposit(ANNA, "imaging", b"new"))


def withdrawal(home: Home) -> None:
    home.deposit(Deposit(ANNA, LAB, SECRET, "Observation/1", withdrawn=True))


def attachment(home: Home) -> None:
    with home.writing() as connection:
        home.vault().attach(connection, Deposit(ANNA, LAB, b"header", "Media/1"), [b"stream"])


CHANGES = pytest.mark.parametrize("change", [later_version, new_record, of_another_category, withdrawal, attachment])


@CHANGES
def test_whatever_comes_in_drops_the_rows_of_its_person_and_of_nobody_else(
    full: Home, change: Callable[[Home], None]
) -> None:  # fmt: skip
    derive(full, Summing(), open_gate(ANNA, BEN), ANNA, BEN)
    change(full)
    assert [row.subject for row in stored(full)] == [BEN]
    summing = Summing()
    [row] = derive(full, summing, open_gate(ANNA), ANNA)
    assert (summing.made, row.content) == ([ANNA], b"+".join(sorted(r.content for r in full.read(ANNA)[0].records)))


@CHANGES
def test_a_row_that_was_overtaken_is_not_kept(full: Home, change: Callable[[Home], None]) -> None:
    rows = derive(full, Summing(), open_gate(ANNA, BEN), ANNA, BEN, kept=False)
    change(full)
    assert keep(full, [row.unkept for row in rows if row.unkept]) == 1
    assert [row.subject for row in stored(full)] == [BEN]


def test_a_withdrawal_and_a_new_record_do_not_make_up_for_each_other(full: Home) -> None:
    [row] = derive(full, Summing(), open_gate(ANNA), ANNA, kept=False)
    withdrawal(full)
    new_record(full)
    assert row.unkept
    assert keep(full, [row.unkept]) == 0


def test_a_deposit_that_comes_in_while_records_are_read_is_noticed(full: Home) -> None:
    def make(opening: Opening) -> bytes:
        return b"%d" % len(opening.records)

    vault = full.vault()
    with full.records().connect() as connection:
        stream = vault.derive(connection, open_gate(ANNA, BEN), ACCESS, [ANNA, BEN], Derivation(b"count", make))
        anna = next(stream)
        connection.rollback()  # SQLite's reader would keep the depositor out
        new_record(full)
        later = [anna, *stream]
        connection.rollback()
    assert keep(full, [row.unkept for row in later if row.unkept]) == 1
    assert [row.subject for row in stored(full)] == [BEN]


def test_importing_the_same_again_drops_nothing(full: Home) -> None:
    derive(full, Summing(), open_gate(ANNA), ANNA)
    [done] = full.deposited(Deposit(ANNA, LAB, SECRET, "Observation/1"))
    assert done.outcome is Outcome.UNCHANGED
    assert [row.subject for row in stored(full)] == [ANNA]


def test_a_deposit_that_rolls_back_leaves_the_rows(full: Home) -> None:
    derive(full, Summing(), open_gate(ANNA), ANNA)
    vault = full.vault()
    with full.records().connect() as connection:
        vault.deposit(connection, [Deposit(ANNA, LAB, b"new")])
        connection.rollback()
    [row] = derive(full, Summing(), open_gate(ANNA), ANNA)
    assert row.unkept is None


def test_nothing_of_a_row_is_legible_at_rest_and_its_length_says_nothing(full: Home) -> None:
    same = Derivation(b"name-of-the-derivation", lambda opening: SECRET if opening.subject == ANNA else bytes(15))
    vault = full.vault()
    with full.writing() as connection:
        rows = list(vault.derive(connection, open_gate(ANNA, BEN), ACCESS, [ANNA, BEN], same))
    keep(full, [row.unkept for row in rows if row.unkept])
    anna, ben = stored(full)
    at_rest = bytes_at_rest(full.folder)
    assert anna.sealed in at_rest, "the search looks where the rows are"
    assert not [word for word in (SECRET, b"name-of-the-derivation") if word in at_rest]
    assert len(anna.sealed) == len(ben.sealed)
    assert anna.derived_id != ben.derived_id, "nobody sees who was admitted alike"


def moved(home: Home, change: Callable[[Connection], object]) -> list[Derived]:
    """Change the table, then derive again for Anna and Ben."""
    with home.writing() as connection:
        change(connection)
    return derive(home, Summing(), open_gate(ANNA, BEN), ANNA, BEN)


def test_a_row_in_anothers_place_counts_for_nothing_and_is_replaced(full: Home) -> None:
    right = contents(derive(full, Summing(), open_gate(ANNA, BEN), ANNA, BEN))
    anna, ben = stored(full)

    def swap(connection: Connection) -> None:
        for to, sealed in ((ANNA, ben.sealed), (BEN, anna.sealed)):
            connection.execute(update(vault_derived).where(vault_derived.c.subject == to).values(sealed=sealed))

    rows = moved(full, swap)
    assert contents(rows) == right
    assert all(row.unkept for row in rows)
    assert [row.unkept for row in moved(full, lambda _: None)] == [None, None]


@pytest.mark.parametrize("damaged", [b"", b"\x01", b"\x02" * 90, b"\x01" + bytes(100)])
def test_a_row_that_was_altered_counts_for_nothing(full: Home, damaged: bytes) -> None:
    right = contents(derive(full, Summing(), open_gate(ANNA, BEN), ANNA, BEN))
    assert contents(moved(full, lambda c: c.execute(update(vault_derived).values(sealed=damaged)))) == right


def test_a_flipped_bit_anywhere_counts_for_nothing(full: Home) -> None:
    derive(full, Summing(), open_gate(BEN), BEN)
    [row] = stored(full)
    for place in range(len(row.sealed)):
        flipped = bytearray(row.sealed)
        flipped[place] ^= 1
        with full.writing() as connection:
            connection.execute(update(vault_derived).values(sealed=bytes(flipped)))
        assert contents(derive(full, Summing(), open_gate(BEN), BEN, kept=False)) == [(BEN, b"ben")]


def test_a_row_put_under_another_name_does_not_open_there(full: Home) -> None:
    derive(full, Summing(b"wide"), open_gate(ANNA), ANNA)
    [wide] = stored(full)
    derive(full, Summing(b"wide"), ListedGate({ANNA: admitted(LAB)}), ANNA)
    with full.writing() as connection:
        connection.execute(update(vault_derived).values(sealed=wide.sealed))
    [row] = derive(full, Summing(b"wide"), ListedGate({ANNA: admitted(LAB)}), ANNA)
    assert row.content == SECRET, "what the narrow consent admits, made anew"


def test_no_derived_row_opens_through_the_door_that_asks_nobody(full: Home) -> None:
    derive(full, Summing(), open_gate(ANNA), ANNA)
    [row] = stored(full)
    for label in ("derived", "vault.derived.v1", "joined", row.derived_id):
        for context in (b"", b"joined"):
            with pytest.raises(DecryptionError):
                full.vault().unseal(ANNA, label, row.sealed, context)


def test_shredding_takes_the_rows_along(full: Home) -> None:
    derive(full, Summing(), open_gate(ANNA, BEN), ANNA, BEN)
    with full.writing() as connection:
        full.vault().shred(connection, [ANNA])
    assert [row.subject for row in stored(full)] == [BEN]
    with pytest.raises(KeyNotFoundError):
        derive(full, Summing(), open_gate(ANNA), ANNA)


def test_a_row_of_who_was_shredded_meanwhile_is_not_kept_even_without_records(home: Home) -> None:
    home.vault().enrol([ANNA, BEN])
    rows = derive(home, Summing(), open_gate(ANNA, BEN), ANNA, BEN, kept=False)
    with home.writing() as connection:
        home.vault().shred(connection, [ANNA])
    assert keep(home, [row.unkept for row in rows if row.unkept]) == 1
    assert [row.subject for row in stored(home)] == [BEN]


def test_who_has_nothing_but_a_derived_row_is_among_those_of_whom_something_lies_here(home: Home) -> None:
    home.vault().enrol([ANNA])
    derive(home, Summing(), open_gate(ANNA), ANNA)
    with home.writing() as connection:
        assert home.vault().among(connection, [ANNA, BEN]) == {ANNA}


def test_an_old_copy_of_both_databases_does_not_open_once_the_epoch_died(full: Home) -> None:
    derive(full, Summing(), open_gate(ANNA, BEN), ANNA, BEN)
    old = full.copy(full.folder.parent / "old")
    with full.writing() as connection:
        full.vault().shred(connection, [ANNA])
    full.vault().keys.turn()
    old.databases_into(full)
    assert [row.subject for row in stored(full)] == [ANNA, BEN], "the rows are there again"
    with pytest.raises(EpochKeyLostError):
        full.vault()


def test_an_old_row_of_who_was_shredded_does_not_open_when_it_is_put_back(full: Home) -> None:
    derive(full, Summing(), open_gate(ANNA), ANNA)
    [old] = stored(full)
    with full.writing() as connection:
        full.vault().shred(connection, [ANNA])
        put_derived(connection, [old])
    with pytest.raises(KeyNotFoundError):
        derive(full, Summing(), open_gate(ANNA), ANNA)
    full.vault().enrol([ANNA])
    assert contents(derive(full, Summing(), open_gate(ANNA), ANNA, kept=False)) == [(ANNA, b"")], "another key"


def test_rows_outlive_a_turn_of_the_epoch(full: Home) -> None:
    derive(full, Summing(), open_gate(ANNA), ANNA)
    full.vault().keys.turn()
    [row] = derive(full, Summing(), open_gate(ANNA), ANNA)
    assert row.unkept is None


def test_a_restored_older_database_has_rows_of_its_own_records(full: Home) -> None:
    derive(full, Summing(), open_gate(ANNA), ANNA)
    older = full.copy(full.folder.parent / "older")
    later_version(full)
    derive(full, Summing(), open_gate(ANNA), ANNA)
    older.databases_into(full)
    [row] = derive(full, Summing(), open_gate(ANNA), ANNA)
    assert (row.unkept, row.content) == (None, b"drug+" + SECRET)


def test_nobody_has_more_than_so_many_rows(full: Home) -> None:
    derive(full, Summing(), open_gate(BEN), BEN)
    for number in range(MOST_KEPT + 1):
        derive(full, Summing(b"%d" % number), open_gate(ANNA), ANNA)
        assert [row.subject for row in stored(full)].count(ANNA) == number % MOST_KEPT + 1
    assert [row.subject for row in stored(full)].count(BEN) == 1


def test_a_derivation_that_fails_keeps_nothing(full: Home) -> None:
    def fail(_: Opening) -> bytes:
        raise ValueError("no")

    with full.writing() as connection, pytest.raises(ValueError, match="no"):
        list(full.vault().derive(connection, open_gate(ANNA), ACCESS, [ANNA], Derivation(b"x", fail)))
    assert stored(full) == []


def test_records_that_were_altered_make_no_row(full: Home) -> None:
    with full.writing() as connection:
        connection.execute(update(vault_records).where(vault_records.c.subject == BEN).values(category=DRUGS))
    gate = ListedGate({BEN: admitted(LAB, DRUGS)})
    with pytest.raises(DecryptionError):
        derive(full, Summing(), gate, BEN)
