"""An action whose entry cannot be written does not happen: the log takes no entry, and nothing else changes."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from consent.domain.erasure import Hold
from consent.domain.errors import RecordsUnavailableError
from consent.domain.request_file import RequestFile
from consent.domain.subject_request import RequestAction
from consent.domain.terms import StudyReference
from consent.services.bundles.scopes import Scope
from consent.wiring.console import console_of
from tests.services.bundles.lives import bundles_of, written
from tests.services.console.conftest import AUDREY
from tests.services.house import DICTIONARY, PARAMETERS, STUDY, House, Template, received
from tests.services.operators import FIRST, NOBODY, change, operators
from tests.services.served import BEDSIDE, built, predict

pytestmark = pytest.mark.sqlite_only
OTHER: Final = replace(STUDY, reference=StudyReference("livers", "Livers", "The Test Hospital"))
FULL: Final = "the log takes no entry"
REFUSING: Final = f"CREATE TRIGGER refusing BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, '{FULL}'); END"


@pytest.fixture(scope="module")
def served(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    return built(template, tmp_path_factory.mktemp("served") / "home")


@pytest.fixture
def house(served: Template, tmp_path: Path) -> Iterator[House]:
    with House.copied(served, tmp_path / "home") as opened:
        yield opened


def run_out(house: House) -> None:
    house.clock.ahead += timedelta(days=800)
    house.open.expiring.step()


ACTS: Final[dict[str, Callable[[House], Any]]] = {
    "a grant": lambda house: house.grant(house.people[55]),
    "a stop": lambda house: house.stop(house.people[0]),
    "a preference": lambda house: house.open.preferences.prefer([house.people[0]], house.clock(), counted=True),
    "records that come in": lambda house: house.open.records.deposit(received(900), house.clock()),
    "a study": lambda house: house.open.registration.approve(OTHER, house.clock()),
    "a study's end": lambda house: house.open.registration.close(BEDSIDE, house.clock()),
    "a training": lambda house: house.open.training.train(BEDSIDE, DICTIONARY, PARAMETERS),
    "a prediction": lambda house: predict(house, house.people[0]),
    "a file of a model": lambda house: house.open.exporting.export(BEDSIDE, 1, house.clock()),
    "a review": lambda house: house.open.reviewing.retire(BEDSIDE, 1, "it looked odd"),
    "a request to be erased": lambda house: house.open.erasures.request(house.ask(house.people[0])),
    "a legal hold": lambda house: house.open.erasures.hold(house.people[0], Hold("court-1")),
    "a copy of all records": lambda house: house.open.own_records.bundle(asked(house)),
    "an operator": lambda house: operators(house).change(change(house, FIRST), NOBODY, house.clock()),
    "consents that run out": run_out,
    "a bundle": lambda house: written(bundles_of(house), Scope.everything()),
    "an auditor's look": lambda house: console_of(house.open, house.clock).consents.look(AUDREY, consent_of(house)),
}


def asked(house: House) -> RequestFile:
    return house.ask(house.people[0], RequestAction.ACCESS)


def consent_of(house: House) -> str:
    return house.open.book.entries(house.people[0])[0].id


def rows(house: House) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of the records database, by table, but for checkpoints: what was written may be signed."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with closing(sqlite3.connect(house.settings.home / "records.sqlite")) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            if table != "checkpoints":
                found[table] = sorted(database.execute(f'SELECT * FROM "{table}"'), key=repr)  # noqa: S608
    return found


@pytest.mark.parametrize("act", ACTS)
def test_it_does_not_happen(house: House, act: str) -> None:
    with closing(sqlite3.connect(house.settings.home / "records.sqlite")) as database:
        database.execute(REFUSING)
    before = rows(house)
    with pytest.raises(RecordsUnavailableError) as refused:
        ACTS[act](house)
    assert FULL in str(refused.value.__cause__)
    assert rows(house) == before
