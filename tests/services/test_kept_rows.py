"""Rows that are kept between trainings: one entry for each person each time, and never a row that is not today's."""

from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select, update

from consent.domain.terms import SubjectId, Window
from consent.services.studies.reading import RowsRead
from consent.services.studies.rows import VERSION
from tests.databases import bytes_at_rest
from tests.services.house import DICTIONARY, STUDY, House, Template, received
from vault import DecryptionError, Vault
from vault.tables import vault_derived, vault_records


@pytest.fixture
def house(consenting: Template, tmp_path: Path) -> Iterator[House]:
    """An open copy in which fifty people consent."""
    with House.copied(consenting, tmp_path / "home") as opened:
        yield opened


def read(house: House) -> RowsRead:
    """Read the rows that a training would have now."""
    return house.open.training.read(STUDY, DICTIONARY)


def rows(house: House) -> dict[SubjectId, bytes]:
    """Return those rows as bytes, by subject."""
    return {one.subject: one.row.to_bytes() for one in read(house).rows}


def kept(house: House) -> list[str]:
    """Return whose rows are kept, a subject for each row."""
    with house.open.store.reading() as unit:
        return list(unit.connection.scalars(select(vault_derived.c.subject).order_by(vault_derived.c.subject)))


def damage_records(house: House) -> None:
    """Let no record open any more."""
    with house.open.store.begin() as unit:
        unit.connection.execute(update(vault_records).values(sealed=b"\x01" + bytes(100)))


def forget(house: House) -> None:
    """Keep nothing."""
    with house.open.store.begin() as unit:
        unit.connection.execute(vault_derived.delete())


def test_a_second_training_opens_no_record_and_has_the_same_rows(house: House) -> None:
    first = rows(house)
    damage_records(house)
    assert rows(house) == first
    forget(house)
    with pytest.raises(DecryptionError):
        read(house)


def test_each_reading_is_one_entry_for_each_person_whether_rows_are_kept_or_not(house: House) -> None:
    for _ in range(3):
        before = len(house.log())
        read(house)
        asked = [entry["subject"] for entry in house.log(before) if entry["action"] == "read"]
        assert sorted(asked) == sorted(house.people)


def test_whoever_stopped_is_not_read_although_a_row_is_kept(house: House) -> None:
    read(house)
    person = house.people[0]
    house.stop(person)
    assert person in kept(house)
    assert person not in rows(house)


def test_a_new_record_counts_in_the_next_training(house: House) -> None:
    before, person = rows(house), house.people[3]
    house.open.records.deposit(received(3, creatinine=9.75), house.clock())
    assert person not in kept(house)
    after = rows(house)
    assert {subject for subject in before if before[subject] != after[subject]} == {person}
    forget(house)
    assert rows(house) == after


def test_a_record_that_comes_in_while_a_training_reads_leaves_no_stale_row(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    person = house.people[3]
    whole = Vault.derive

    def derive_then_deposit(vault: Vault, *rest: object) -> Iterator[object]:
        yield from list(whole(vault, *rest))  # type: ignore[arg-type]
        house.open.records.deposit(received(3, creatinine=9.75), house.clock())

    monkeypatch.setattr(Vault, "derive", derive_then_deposit)
    read(house)
    monkeypatch.setattr(Vault, "derive", whole)
    assert person not in kept(house)
    now = rows(house)
    forget(house)
    assert rows(house) == now


LESS = {
    "fewer categories": {"categories": frozenset(STUDY.required)},
    "days without a creatinine": {"window": Window(date(2020, 6, 16), None)},
}


@pytest.mark.parametrize("less", LESS.values(), ids=LESS)
def test_a_consent_to_less_is_not_given_the_row_that_was_made_with_more(house: House, less: dict[str, object]) -> None:
    before, person = rows(house), house.people[5]
    house.stop(person)
    house.grant(person, **less)
    house.publish()
    after = rows(house)
    assert after[person] != before[person]
    assert kept(house).count(person) == 2
    forget(house)
    assert rows(house) == after


def test_erasing_somebody_takes_their_rows_along(house: House) -> None:
    read(house)
    person = house.people[0]
    assert person in kept(house)
    house.erase(person)
    assert person not in kept(house)


def test_nothing_of_a_row_or_of_what_it_was_made_for_is_legible_at_rest(house: House) -> None:
    found = rows(house)
    at_rest = bytes_at_rest(house.settings.home)
    assert house.people[0].encode() in at_rest, "the search looks where the rows are"
    assert DICTIONARY.hash.encode() not in at_rest
    assert not [row for row in found.values() if row in at_rest]


def test_somebody_without_a_row_is_kept_as_somebody_with_one(house: House) -> None:
    """Whether an outcome is known, or somebody is in a cohort, is not seen by the length of what is kept."""
    read(house)
    with house.open.store.reading() as unit:
        lengths = {len(sealed) for sealed in unit.connection.scalars(select(vault_derived.c.sealed))}
    assert len(lengths) == 1


def test_rows_that_would_come_out_otherwise_have_another_version(house: House) -> None:
    """Rows are kept under the version of the code that worked them out.

    If this fails, raise the number in `rows.VERSION` and say so here: rows kept by the code before are worked out anew.
    """
    asked = house.open.training.read(STUDY, DICTIONARY)
    digest = sha256(b"".join(sorted(row.row.to_bytes() for row in asked.rows)))
    assert (VERSION, digest.hexdigest()[:16]) == ("consentry/row/v1", "ed3b640885c5218b")
