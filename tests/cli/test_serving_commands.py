"""Predictions and aggregates from the command line: plain words, FHIR, and the reason for each refusal."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from fhir.resources.R4B.riskassessment import RiskAssessment

from consent.cli.errors import NOT_FOUND, REFUSED, USAGE
from tests.cli.desk import Desk
from tests.cli.test_commands import refused
from tests.services.house import STUDY, House, Template, identifier_of
from tests.services.served import BEDSIDE, built

WARD = ("--for", "treating:ward-3")


@pytest.fixture(scope="module")
def served(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Fifty people allow training and predictions, and the first release is ACTIVE."""
    return built(template, tmp_path_factory.mktemp("served") / "home")


@pytest.fixture
def desk(served: Template, tmp_path: Path) -> Desk:
    """A copy whose ledger was read just now, the test's own."""
    with House.copied(served, tmp_path / "home"):
        pass
    return Desk.at(tmp_path / "home", served)


def test_a_prediction_is_told_in_plain_words_and_as_fhir(desk: Desk) -> None:
    said = desk.done("local predict", BEDSIDE, "--subject", desk.subject(0), *WARD).stdout
    assert said.startswith("Death within 90 days:")
    assert "Creatinine:" in said
    assert "no diagnosis" in said
    fhir = desk.done("local predict", BEDSIDE, "--identifier", identifier_of(0), "--for", "patient", "--fhir").stdout
    assert RiskAssessment.model_validate_json(fhir).status == "final"


def test_a_refusal_is_told_with_its_reason(desk: Desk) -> None:
    person = ("--subject", desk.subject(0))
    refused(desk.run("local predict", BEDSIDE, *person, "--for", f"study:{BEDSIDE}"), REFUSED, "RESEARCHER")
    refused(desk.run("local predict", BEDSIDE, "--subject", desk.subject(-1), *WARD), REFUSED, "NO_GRANT")
    refused(desk.run("local predict", STUDY.reference.id, *person, *WARD), REFUSED, "OPERATION")
    refused(desk.run("local predict", BEDSIDE, *person, "--for", "Dr Who"), USAGE, "say which")
    refused(desk.run("local predict", BEDSIDE, "--subject", "0" * 32, *WARD), NOT_FOUND, "no such person")
    refused(desk.run("local predict", BEDSIDE, *person, *WARD, CONSENTRY_PREDICTIONS_AN_HOUR="0"), REFUSED, "RATE")
    refused(desk.run("local predict", BEDSIDE, *person, *WARD, CONSENTRY_PREDICTIONS_AN_HOUR="x"), USAGE, "AN_HOUR")


def test_an_aggregate_is_told_by_fifths_with_what_it_cost(desk: Desk, tmp_path: Path) -> None:
    said = desk.done("local aggregate", BEDSIDE).stdout
    assert "0 to 20 %" in said
    assert "80 to 100 % too few to tell" in said
    assert "Epsilon spent 0.5, left 2.5" in said
    query = tmp_path / "cohort.json"
    query.write_text(json.dumps({"version": 1, "index": {"day": "2020-06-15"}, "where": {"all": []}}))
    said = desk.done("local aggregate", BEDSIDE, "--cohort", query).stdout
    assert "left 2." in said
    query.write_bytes(b"\xff")
    refused(desk.run("local aggregate", BEDSIDE, "--cohort", query), USAGE, "cannot be read")
    refused(desk.run("local aggregate", STUDY.reference.id), REFUSED, "OPERATION")


def test_a_model_is_exported_to_a_new_file_whose_hash_is_told(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "model.ubj"
    said = desk.done("local model export", BEDSIDE, file, "--release", 1).stdout
    assert said.split()[0] == sha256(file.read_bytes()).hexdigest()
    assert file.stat().st_mode & 0o777 == 0o600
    refused(desk.run("local model export", BEDSIDE, file, "--release", 1), USAGE, "name a new one")
    refused(desk.run("local model export", BEDSIDE, tmp_path / "other", "--release", 2), REFUSED, "no such release")
    assert not (tmp_path / "other").exists()


def test_a_model_card_is_a_folder_with_page_text_and_figures(desk: Desk, tmp_path: Path) -> None:
    margins = tmp_path / "margins.toml"
    margins.write_text('source = "all admissions"\n[feature.age]\nmean = 61.0\nsd = 14.0\n')
    out = tmp_path / "card"
    said = desk.done("local model card", BEDSIDE, out, "--margins", margins).stdout
    assert said.strip() == str(out / "card.html")
    names = {file.name for file in out.iterdir()}
    assert {"card.html", "card.md", "roc.svg", "roc.png"} <= names
    text = (out / "card.md").read_text()
    assert "| said nothing, so nothing was read | 10 |" in text
    assert "all admissions" in text
    assert "author to supply" in text
    refused(desk.run("local model card", BEDSIDE, out), USAGE, "there is something already")
    refused(desk.run("local model card", BEDSIDE, tmp_path / "other", "--release", 7), NOT_FOUND, "no such release")
