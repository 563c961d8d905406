"""A researcher's and a clinician's verbs before the real door of a small hospital whose study serves predictions."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from consent.cli.errors import NOT_FOUND, NOT_VERIFIED, REFUSED, USAGE
from consent.services.desk.callers import Role
from tests.cli.door import Terminal, served
from tests.cli.test_commands import ROOT, refused
from tests.cli.test_study_files import FILE
from tests.databases import databases_of
from tests.services.house import DICTIONARY_TEXT, PASSPHRASE, House, Template, identifier_of
from tests.services.served import BEDSIDE, built
from tests.services.test_releasing import run_jobs

QUERY: Final = {"version": 1, "index": {"day": "2020-06-15"}, "where": {"demographics": {"age": [55, None]}}}


@pytest.fixture(scope="module")
def bedside(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Fifty people allow the study, and its first release is ACTIVE."""
    return built(template, tmp_path_factory.mktemp("bedside") / "home")


@pytest.fixture
def terminal(bedside: Template, tmp_path: Path) -> Iterator[Terminal]:
    """Whoever signs in, before the door of a copy whose people all allow being counted."""
    with House.copied(bedside, tmp_path / "installation") as house, served(house, tmp_path / "home") as found:
        house.open.preferences.prefer(house.people, house.clock(), counted=True)
        house.publish()
        house.follow()
        yield found


@pytest.fixture
def lab(terminal: Terminal) -> Terminal:
    """A researcher of the study."""
    terminal.sign_in("kidney-team", Role.RESEARCHER, BEDSIDE)
    return terminal


@pytest.fixture
def ward(terminal: Terminal) -> Terminal:
    """A clinician who may ask the study's model."""
    terminal.sign_in("ward-3", Role.CLINICIAN, BEDSIDE)
    return terminal


def written(terminal: Terminal, name: str, text: str) -> Path:
    file = terminal.home.parent / name
    file.write_text(text)
    return file


@contextmanager
def working(terminal: Terminal) -> Iterator[None]:
    """Run the hospital's worker, a process of its own, until the block ends."""
    home = terminal.house.settings.home
    (home / "operator" / "passphrase").write_bytes(PASSPHRASE + b"\n")
    there = databases_of(home)
    urls = {"CONSENTRY_RECORDS": there.records, "CONSENTRY_KEYS": there.keys} if there.records else {}
    command = [sys.executable, "-m", "consent.cli", "worker", str(home)]
    worker = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, env=os.environ | urls)
    try:
        yield
    finally:
        worker.kill()
        worker.wait()


def query(terminal: Terminal) -> Path:
    return written(terminal, "query.json", json.dumps(QUERY))


def said(terminal: Terminal, command: str, *arguments: object) -> dict[str, object]:
    """Return what a command prints as JSON."""
    value: dict[str, object] = json.loads(terminal.done(command, *arguments, "--json"))
    return value


# --- studies


def test_a_study_goes_from_its_file_to_an_operator(lab: Terminal) -> None:
    file = written(lab, "hearts.toml", FILE)
    drafted = said(lab, "study draft", file)
    assert (drafted["id"], drafted["state"]) == ("hearts", "draft")
    assert drafted["definition"] == said(lab, "study show", file), "the draft is the file"
    file.write_text(FILE.replace("in winter", "in summer"))
    assert "next consentry study submit hearts" in lab.done("study draft", file), "it takes the place of the first"
    assert "ill in summer" in lab.done("study show", "hearts")
    assert "state submitted" in lab.done("study submit", "hearts")
    listed = lab.done("study list")
    assert listed.index("hearts submitted") < listed.index("bedside recruiting")


def test_a_study_file_is_looked_at_without_a_server(terminal: Terminal) -> None:
    file = written(terminal, "hearts.toml", FILE)
    assert "They cannot take part without" in terminal.done("study show", file, "--ethics", "EC 2026/7")
    refused(terminal.run("study show", "./none.toml"), USAGE, "cannot be read")
    assert "next" not in terminal.done("study new", terminal.home.parent / "new.toml")


def test_a_study_of_others_is_not_there(lab: Terminal) -> None:
    refused(lab.run("study show", "kidneys"), NOT_FOUND, "not-found")
    refused(lab.run("study submit", "kidneys"), NOT_FOUND, "not-found")
    file = written(lab, "taken.toml", FILE.replace('"hearts"', '"kidneys"'))
    refused(lab.run("study draft", file), REFUSED, "conflict")


# --- cohorts and requests


def test_a_cohort_is_counted_once_and_kept(lab: Terminal) -> None:
    first = lab.done("cohort preview", query(lab))
    assert first.startswith("who People aged 55 or more.")
    assert "2.5 left in this period" in first
    assert lab.done("cohort preview", query(lab)) == first, "the same question has the same answer and costs nothing"
    kept = said(lab, "cohort save", query(lab), "--title", "Over 55")
    assert f"{kept['id']} Over 55" in lab.done("cohort list")
    assert lab.done("cohort show", kept["id"]).startswith(f"cohort {kept['id']} title Over 55 who People aged")


def test_a_query_that_means_nothing_is_refused_with_the_rule(lab: Terminal) -> None:
    file = written(lab, "query.json", json.dumps(QUERY | {"where": {"colour": "red"}}))
    refused(lab.run("cohort preview", file), USAGE, "malformed-cohort (422)")
    refused(lab.run("cohort save", file, "--title", "Red"), USAGE, "malformed-cohort (422)")


def test_a_budget_that_is_spent_is_a_refusal(lab: Terminal) -> None:
    for age in range(50, 56):
        file = written(lab, "query.json", json.dumps(QUERY | {"where": {"demographics": {"age": [age, None]}}}))
        assert lab.run("cohort preview", file).returncode in {0, REFUSED}
    ran = lab.run("cohort preview", written(lab, "query.json", json.dumps(QUERY | {"where": {"all": []}})))
    refused(ran, REFUSED, "budget-spent (409)")


def test_requests_are_listed_and_their_answers_counted(lab: Terminal) -> None:
    assert "SHA-256 of the text 1 2" in lab.done("request list")
    told = lab.done("request answers")
    assert told.startswith("allow it ")
    assert "may be asked" in told
    assert "2.5 left in this period" in told
    assert lab.done("request answers", 1) == told
    refused(lab.run("request send"), REFUSED, "conflict")


# --- trainings and models


def test_a_training_is_queued_watched_and_becomes_a_model(lab: Terminal) -> None:
    job = said(lab, "train", written(lab, "dictionary.toml", DICTIONARY_TEXT), "--rounds", 8)["id"]
    assert "state waiting" in lab.done("train --status", job)
    run_jobs(lab.house)
    lab.house.follow()
    done = lab.done("train --status", job, "--wait")
    assert done.startswith("release 2 model")
    listed = said(lab, "model list")["items"]
    assert isinstance(listed, list)
    assert [(one["release"], one["status"]) for one in listed] == [(2, "ACTIVE"), (1, "RETIRED")]
    assert listed[0]["model"] in done
    assert "Release 1 to 2" in lab.done("model releases")


def test_a_training_that_was_cancelled_is_a_refusal_to_whoever_waits(lab: Terminal) -> None:
    job = said(lab, "train", written(lab, "dictionary.toml", DICTIONARY_TEXT))["id"]
    assert "state cancelled" in lab.done("train --cancel", job)
    refused(lab.run("train --status", job, "--wait"), REFUSED, "was cancelled")
    refused(lab.run("train --status", "ab" * 16), NOT_FOUND, "not-found")


def test_a_dictionary_that_is_none_is_refused(lab: Terminal) -> None:
    refused(lab.run("train", written(lab, "dictionary.toml", "[")), USAGE, "malformed-dictionary")


def test_a_manifest_is_checked_against_the_list_and_against_ones_own_log_key(lab: Terminal) -> None:
    key = lab.house.open.log.signer.public_key.hex()
    assert f"signed by {key} which is the log key that you gave" in lab.done("model manifest", 1, "--log-key", key)
    assert "which is the log key that the server names" in lab.done("model manifest", 1)
    answer = said(lab, "model manifest", 1)
    assert answer.keys() == {"manifest", "hash", "envelope", "log_key"}
    assert answer["hash"] == said(lab, "model show", 1)["manifest"]
    refused(lab.run("model manifest", 1, "--log-key", "ab" * 32), NOT_VERIFIED, "another log key")
    refused(lab.run("model manifest", 2), NOT_FOUND, "not-found")


def test_a_card_and_its_figures_are_written_into_new_files(lab: Terminal) -> None:
    page, text, folder = (lab.home.parent / name for name in ("card.html", "card.md", "figures"))
    key = lab.house.open.log.signer.public_key.hex()
    lab.done("model card", 1, page, "--log-key", key)
    lab.done("model card", 1, text, "--markdown")
    assert (page.read_text()[:15].lower(), text.read_text()[:2]) == ("<!doctype html>", "# ")
    assert page.stat().st_mode & 0o777 == 0o600
    assert lab.done("model plots", 1, folder).startswith("folder")
    assert {file.suffix for file in folder.iterdir()} == {".svg"}
    refused(lab.run("model card", 1, page), USAGE, "there already")
    refused(lab.run("model plots", 1, folder), USAGE, "new folder")
    other = lab.home.parent / "other.html"
    refused(lab.run("model card", 1, other, "--log-key", "ab" * 32), NOT_VERIFIED, "do not use the model")
    assert not other.exists()


def test_what_is_known_of_a_model_fits_a_terminal(lab: Terminal) -> None:
    told = lab.done("model show", 1)
    assert told.startswith("release 1 of bedside status ACTIVE forecasts")
    assert said(lab, "model show", 1).keys() >= {"evaluation", "gate", "flow", "features"}


# --- predictions


def test_a_researcher_is_told_how_many_people_stand_where_once_a_worker_counted_them(lab: Terminal) -> None:
    with working(lab):
        told = lab.done("predict --aggregate")
        again = said(lab, "predict --aggregate")
    assert told.startswith("estimated risk people 0 to 20 % ")
    assert "2.5 left in this period" in told
    assert (again["release"], again["left"]) == (1, 2.5), "the same question costs nothing"


def test_a_clinician_is_told_of_one_person_and_a_researcher_is_not(ward: Terminal) -> None:
    told = ward.done("predict", "--identifier", identifier_of(0))
    assert told.startswith("risk ")
    assert "no diagnosis" in told
    assert said(ward, "predict", "--identifier", identifier_of(0))["study"] == BEDSIDE
    refused(ward.run("predict", "--identifier", identifier_of(59)), REFUSED, "prediction-refused")
    ward.sign_in("kidney-team", Role.RESEARCHER, BEDSIDE)
    refused(ward.run("predict", "--identifier", identifier_of(0)), REFUSED, "not-allowed")


def test_nothing_of_anybody_is_left_in_the_home_folder(ward: Terminal) -> None:
    ward.done("predict", "--identifier", identifier_of(0))
    [profile] = [path for path in ward.home.rglob("*") if path.is_file()]
    assert json.loads(profile.read_text()).keys() == {"version", "api", "client", "key", "study"}
    refused(ward.run("cohort list"), REFUSED, "not-allowed")
