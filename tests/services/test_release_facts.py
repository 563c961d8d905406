"""What a model card says of a release comes from what is kept of it, for retired releases too."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from analytics import CohortQuery
from consent.adapters.sql.tables import releases
from consent.ports import ModelStatus
from consent.services.studies.approved import StudyNotApprovedError
from consent.services.studies.release_facts import NoCardError, ReleaseRoom
from tests.services.house import DICTIONARY, INDEX, PARAMETERS, STUDY, House, Template
from tests.services.served import BEDSIDE, SERVED, built, size


@pytest.fixture(scope="module")
def served(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Fifty people allow training and predictions, and the first release is ACTIVE."""
    return built(template, tmp_path_factory.mktemp("served") / "home")


@pytest.fixture
def house(served: Template, tmp_path: Path) -> Iterator[House]:
    with House.copied(served, tmp_path / "home") as opened:
        yield opened


def room(house: House) -> ReleaseRoom:
    return ReleaseRoom(house.open.store, house.open.projection)


def test_a_release_is_told_with_all_that_its_training_kept_and_nobody_is_read(house: House) -> None:
    before = size(house)
    facts = room(house).facts(BEDSIDE)
    assert (facts.study, facts.release, facts.status) == (SERVED, 1, ModelStatus.ACTIVE)
    assert facts.manifest["rows"] == 50
    assert facts.dictionary == DICTIONARY
    assert facts.flow == {"NO_GRANT": 10, "NO_ROW": None, "PERMIT": 50}
    assert 0 <= facts.evaluation.auroc.estimate <= 1
    assert facts.gate.rows == 50
    assert facts.cohort == ""
    assert size(house) == before


def test_a_retired_release_keeps_its_card(house: House) -> None:
    house.stop(house.people[0])
    query = CohortQuery.everyone(INDEX)
    house.open.training.train(BEDSIDE, DICTIONARY, PARAMETERS, cohort=query)
    house.publish()
    first, second = room(house).facts(BEDSIDE, 1), room(house).facts(BEDSIDE)
    assert (first.status, second.status) == (ModelStatus.RETIRED, ModelStatus.ACTIVE)
    assert (second.release, second.cohort) == (2, query.english())
    assert first.manifest != second.manifest
    assert json.dumps(second.manifest)


@pytest.mark.sqlite_only
def test_a_card_tells_of_the_parts_of_the_people_that_are_large_enough(tmp_path: Path) -> None:
    many = Template.built(tmp_path / "many", range(180))
    with House.copied(many, tmp_path / "home") as house:
        house.grant(*house.people)
        house.publish()
        house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS)
        parts = room(house).facts(STUDY.reference.id).evaluation.subgroups
    assert [part.title for part in parts] == ["Age 45 to 64", "Age 65 to 79"]


def test_what_has_no_card_is_told(house: House) -> None:
    with pytest.raises(StudyNotApprovedError):
        room(house).facts("livers")
    with pytest.raises(NoCardError, match="no such release"):
        room(house).facts(BEDSIDE, 2)
    with house.open.store.begin() as unit:
        unit.connection.execute(update(releases).values(dictionary=""))
    with pytest.raises(NoCardError):
        room(house).facts(BEDSIDE, 1)


@pytest.mark.parametrize("column", ["evaluation", "gate", "manifest"])
def test_figures_that_were_altered_at_rest_have_no_card(house: House, column: str) -> None:
    with house.open.store.begin() as unit:
        [stored] = unit.studies.releases(BEDSIDE)
        better = getattr(stored, column).replace(b"50", b"59")
        assert better != getattr(stored, column)
        unit.connection.execute(update(releases).values({column: better}))
    with pytest.raises(NoCardError, match="not what the log says"):
        room(house).facts(BEDSIDE, 1)
