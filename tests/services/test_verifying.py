"""Verifying a release: fitted again through the gate, and nobody read where somebody of it is gone."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from consent.adapters.sql.tables import releases
from consent.services.studies.verifying import UnknownReleaseError
from tests.services.house import DICTIONARY, PARAMETERS, STUDY, House, Template, received
from vault import Deposit

PEOPLE = 50


@pytest.fixture(scope="module")
def trained(consenting: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Fifty people consent, and the study's first release is registered."""
    home = tmp_path_factory.mktemp("verifying") / "home"
    with House.copied(consenting, home) as house:
        house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS)
        house.publish()
    return Template(home, consenting.wallets)


def found(house: House, release: int | None = None) -> dict[str, bool | None]:
    """Return what holds, by the last part of each finding's name."""
    findings = house.open.verifying.of_release(STUDY.reference.id, release, house.open.ledger)
    return {finding.name.rpartition(".")[2]: finding.holds for finding in findings}


def seen(house: House) -> str:
    *_, refitted = house.open.verifying.of_release(STUDY.reference.id, None, house.open.ledger)
    return refitted.seen


def reads(house: House, before: int) -> list[str]:
    return [entry["subject"] for entry in house.log(before) if entry["action"] == "read"]


@pytest.fixture
def house(trained: Template, tmp_path: Path) -> Iterator[House]:
    with House.copied(trained, tmp_path / "home") as opened:
        yield opened


def test_a_release_that_is_whole_is_fitted_again_to_the_same_bytes(house: House) -> None:
    before = house.state().entries
    assert set(found(house).values()) == {True}
    assert sorted(reads(house, before)) == sorted(house.people[:PEOPLE]), "one entry for each person of the release"
    assert "a fresh process fits 50 rows to the same" in seen(house)


def test_people_who_came_after_a_release_are_not_read_for_it(house: House) -> None:
    house.grant(*house.people[PEOPLE : PEOPLE + 2])
    house.publish()
    before = house.state().entries
    assert found(house)["refitted"] is True
    assert sorted(reads(house, before)) == sorted(house.people[:PEOPLE])


def test_nobody_is_read_once_a_consent_ended_and_the_lineage_holds(house: House) -> None:
    for person in house.people[:2]:
        house.stop(person)
    house.publish()
    before = house.state().entries
    holds = found(house)
    assert holds.pop("refitted") is None
    assert set(holds.values()) == {True}
    assert reads(house, before) == []
    assert seen(house) == "nobody was read: 0 rows erased, 2 consents ended since; lineage holds"


def test_nobody_is_read_once_somebody_was_erased(house: House) -> None:
    house.erase(house.people[1])
    before = house.state().entries
    holds = found(house)
    assert holds.pop("refitted") is None
    assert set(holds.values()) == {True}
    assert reads(house, before) == []
    assert seen(house) == "nobody was read: 1 rows erased, 0 consents ended since; lineage holds"


def test_nobody_is_read_while_the_ledger_was_not(house: House) -> None:
    house.clock.watch({2: lambda: setattr(house.clock, "ahead", timedelta(minutes=5))})
    before = house.state().entries
    assert "LEDGER_STALE" in seen(house)
    assert reads(house, before) == []


COLUMNS: dict[str, tuple[Callable[[bytes], object], set[str]]] = {
    "model": (lambda content: content[:-1] + bytes([content[-1] ^ 1]), {"kept"}),
    "model_hash": (lambda _: bytes(32), {"kept"}),
    "evaluation": (lambda content: content.replace(b"auroc", b"AUROC"), {"kept"}),
    "gate": (lambda content: content.replace(b'"rows":50', b'"rows":51'), {"kept"}),
    "dictionary": (lambda _: "x", {"kept"}),
    "cohort": (lambda _: "{", {"kept"}),
    "manifest": (
        lambda content: content.replace(b'"rows":50', b'"rows":49'),
        {"signed", "registered", "rows", "reexecuted"},
    ),
    "envelope": (lambda content: content.replace(b'"sig":"', b'"sig":"AAAA'), {"signed"}),
}


@pytest.mark.parametrize("column", COLUMNS)
def test_what_was_altered_at_rest_is_named(house: House, column: str) -> None:
    alter, named = COLUMNS[column]
    with house.open.store.begin() as unit:
        [stored] = unit.studies.releases(STUDY.reference.id)
        unit.connection.execute(update(releases).values({column: alter(getattr(stored, column))}))
    assert {name for name, holds in found(house).items() if holds is False} == named


def test_a_training_that_the_log_does_not_have_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consent.services.studies.verifying.said", lambda _: None)
    assert {name for name, holds in found(house).items() if holds is False} == {"reexecuted"}


def test_a_release_that_is_not_there_is_told(house: House) -> None:
    with pytest.raises(UnknownReleaseError, match="lists what it has"):
        found(house, 7)


def test_a_row_that_its_records_never_gave_is_named(house: House) -> None:
    """Whoever holds the keys can put a record into the database; the log does not say that one came in."""
    [resource] = [one for one in received(0, creatinine=9.9) if one.category == "laboratory"]
    with house.open.store.begin() as unit:
        deposit = Deposit(house.people[0], "laboratory", resource.content, resource.name)
        house.open.vault.deposit(unit.connection, [deposit])
    assert found(house)["refitted"] is False
    assert "no record came in since" in seen(house)


def test_records_that_came_in_since_are_no_forgery(house: House) -> None:
    house.open.records.deposit(received(0, creatinine=9.9), house.clock())
    assert found(house)["refitted"] is None
    assert "1 rows are not what they were" in seen(house)
