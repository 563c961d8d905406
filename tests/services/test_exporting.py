"""Files that leave: only of an active release that passed the release gate, stripped, each an entry of the log."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from analytics import GateFigures, Model
from consent.adapters.sql.tables import releases
from consent.domain.hashing import canonical_json, sha256
from consent.domain.study import Study
from consent.ports import ModelStatus, StatusChange, StoredRelease
from consent.services.studies.approved import StudyNotApprovedError
from consent.services.studies.exporting import ExportRefusedError
from consent.services.studies.flow import participant_flow
from consent.services.studies.reviewing import ReviewError
from consent.services.studies.serving import ModelRefusedError
from tests.services.house import DICTIONARY, PARAMETERS, House, Template
from tests.services.served import BEDSIDE, built, predict, size


@pytest.fixture(scope="module")
def served(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Fifty people allow training and predictions, and the first release is ACTIVE."""
    return built(template, tmp_path_factory.mktemp("served") / "home")


@pytest.fixture
def house(served: Template, tmp_path: Path) -> Iterator[House]:
    with House.copied(served, tmp_path / "home") as opened:
        yield opened


def kept(house: House) -> StoredRelease:
    with house.open.store.reading() as unit:
        return unit.studies.releases(BEDSIDE)[-1]


def test_the_file_forecasts_as_the_release_does_and_the_log_has_its_hash(house: House) -> None:
    before, stored = size(house), kept(house)
    exported = house.open.exporting.export(BEDSIDE, 1, house.clock())
    assert exported.content != stored.model
    rows = [row.row for row in house.open.training.read(study(house), DICTIONARY).rows]
    released, left = Model.from_bytes(stored.model), Model.from_bytes(exported.content)
    assert left.predict(rows).tobytes() == released.predict(rows).tobytes()
    entry = house.log(before)[0]
    assert (entry["action"], entry["actor"], entry["verdict"]) == ("export", "operator", "EXPORTED")
    assert entry["facts"] == {"release": 1, "model": stored.model_hash.hex(), "file": exported.hash}
    assert exported.hash == sha256(exported.content).hex()


def study(house: House) -> Study:
    with house.open.store.reading() as unit:
        found = unit.studies.get(BEDSIDE)
        assert found is not None
        return found


def test_a_model_that_failed_the_release_gate_stays_and_the_figure_is_told(house: House) -> None:
    house.open.training.train(BEDSIDE, DICTIONARY, replace(PARAMETERS, depth=10, min_child_weight=0))
    house.publish()
    before = size(house)
    with pytest.raises(ExportRefusedError, match=r"fewer than 10 people \(\d\)"):
        house.open.exporting.export(BEDSIDE, 2, house.clock())
    [entry] = house.log(before)
    assert entry["verdict"] == "RELEASE_GATE"
    assert "fewer than 10 people" in entry["facts"]["failed"][0]


def test_figures_of_the_gate_that_were_altered_in_the_database_let_nothing_leave(house: House) -> None:
    """Nor be served or activated, though the ledger calls the bytes ACTIVE."""
    house.open.training.train(BEDSIDE, DICTIONARY, replace(PARAMETERS, depth=10, min_child_weight=0))
    house.publish()
    passing = replace(GateFigures.from_json(json.loads(kept(house).gate)), smallest_leaf=80)
    with house.open.store.begin() as unit:
        unit.connection.execute(update(releases).values(gate=canonical_json(passing.to_json())))
    with pytest.raises(ReviewError, match="not what the log says"):
        house.open.reviewing.activate(BEDSIDE, 2, "it passed")
    house.open.ledger.send(StatusChange(kept(house).model_hash, ModelStatus.ACTIVE))
    house.follow()
    with pytest.raises(ExportRefusedError, match="not what the log says"):
        house.open.exporting.export(BEDSIDE, 2, house.clock())
    with pytest.raises(ModelRefusedError, match="not what the log says"):
        predict(house, house.people[0])


def test_a_release_from_before_there_was_a_gate_stays(house: House) -> None:
    with house.open.store.begin() as unit:
        unit.connection.execute(update(releases).values(gate=b""))
    with pytest.raises(ExportRefusedError, match="before"):
        house.open.exporting.export(BEDSIDE, 1, house.clock())


def test_what_is_not_active_stays(house: House) -> None:
    house.open.ledger.send(StatusChange(kept(house).model_hash, ModelStatus.SUSPENDED))
    house.follow()
    before = size(house)
    with pytest.raises(ModelRefusedError, match="SUSPENDED"):
        house.open.exporting.export(BEDSIDE, 1, house.clock())
    assert [entry["verdict"] for entry in house.log(before)] == ["MODEL"]
    house.clock.ahead += timedelta(minutes=5)
    with pytest.raises(ModelRefusedError, match="LEDGER_STALE"):
        house.open.exporting.export(BEDSIDE, 1, house.clock())


def test_an_unknown_study_or_release_is_told(house: House) -> None:
    with pytest.raises(ExportRefusedError, match="no such release"):
        house.open.exporting.export(BEDSIDE, 2, house.clock())
    with pytest.raises(StudyNotApprovedError):
        house.open.exporting.export("livers", 1, house.clock())


def test_the_participant_flow_is_that_of_the_releases_own_last_reading(house: House) -> None:
    for subject in house.people[:12]:
        house.stop(subject)
    house.clock.watch({3: lambda: house.stop(house.people[12])})  # so that the training reads twice
    house.open.training.train(BEDSIDE, DICTIONARY, PARAMETERS)
    with house.open.store.reading() as unit:
        first = participant_flow(unit.log, BEDSIDE, 1, 50)
        second = participant_flow(unit.log, BEDSIDE, 2, 37)
        none = participant_flow(unit.log, BEDSIDE, 3, 37)
    assert first == {"NO_GRANT": 10, "NO_ROW": None, "PERMIT": 50}
    assert second == {"NO_GRANT": 10, "NO_ROW": None, "PERMIT": 35, "STOPPED": 15}
    assert none == {}
