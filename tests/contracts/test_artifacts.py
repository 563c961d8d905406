"""The committed artefacts are what the sources compile to."""

import json
import shutil
from pathlib import Path

import pytest

import contracts
from contracts import build


def test_every_committed_artefact_is_fresh() -> None:
    assert build.stale() == []
    assert build.main(["--check"]) == 0


def test_building_writes_what_is_committed(tmp_path: Path) -> None:
    build.build(tmp_path)
    for name in contracts.NAMES:
        assert (tmp_path / f"{name}.json").read_text() == (build.ARTIFACTS / f"{name}.json").read_text()


@pytest.mark.parametrize("field", ["bytecode", "source_hash"])
def test_an_artefact_that_was_edited_is_stale(tmp_path: Path, field: str) -> None:
    shutil.copytree(build.ARTIFACTS, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "model_registry.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: "00"}, indent=1) + "\n")
    assert build.stale(tmp_path) == ["model_registry"]


def test_checking_says_what_to_do_about_a_stale_artefact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--check"], tmp_path) == 1
    assert "run python -m contracts.build" in capsys.readouterr().err


def test_another_source_has_another_hash() -> None:
    source = (build.SOURCES / "model_registry.vy").read_text()
    assert build.source_hash(source) == contracts.load("model_registry").source_hash.hex()
    assert build.source_hash(source + "\n") != build.source_hash(source)


def test_a_contract_that_does_not_exist_cannot_be_loaded() -> None:
    with pytest.raises(contracts.ArtifactError):
        contracts.load("../consent_registry")
