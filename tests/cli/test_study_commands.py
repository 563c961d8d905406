"""The commands about counts and releases, as an operator runs them."""

import json
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from consent.adapters.sql.tables import releases
from consent.cli.errors import NOT_FOUND, NOT_VERIFIED, REFUSED, USAGE
from tests.cli.desk import Desk
from tests.cli.test_commands import refused
from tests.cli.test_job_commands import working
from tests.services.house import DICTIONARY, INDEX, PARAMETERS, House, Template, identifier_of


@pytest.fixture(scope="module")
def trained(consenting: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Fifty people consent and allow being counted; the study has a release."""
    home = tmp_path_factory.mktemp("trained") / "home"
    with House.copied(consenting, home) as house:
        house.open.preferences.prefer(house.people[:50], house.clock(), counted=True)
        house.open.training.train("kidneys", DICTIONARY, PARAMETERS)
        house.publish()
    return Template(home, consenting.wallets)


@pytest.fixture
def desk(trained: Template, tmp_path: Path) -> Desk:
    return Desk.copied(trained, tmp_path / "home")


def query(desk: Desk, years: int) -> Path:
    file = desk.home.parent / f"older-{years}.json"
    where = {"demographics": {"age": [years, None]}}
    file.write_text(json.dumps({"version": 1, "index": {"day": INDEX.isoformat()}, "where": where}))
    return file


def test_a_count_says_whom_it_means_how_many_they_are_and_what_is_left(desk: Desk) -> None:
    said = desk.done("local count", "kidneys", query(desk, 60)).stdout
    assert "People aged 60 or more" in said
    assert "People who allow being counted:" in said
    assert "Epsilon spent 0.5; left in this period 2.5." in said
    again = desk.done("local count", "kidneys", query(desk, 60)).stdout
    assert again == said.replace("Epsilon spent 0.5", "Told before, so nothing was spent")
    spent = {"CONSENTRY_COUNT_BUDGET": "0.6"}
    refused(desk.run("local count", "kidneys", query(desk, 61), **spent), REFUSED, "the budget is spent until")
    refused(desk.run("local count", "hearts", query(desk, 60)), NOT_FOUND, "no such study")


def test_a_query_that_breaks_a_rule_is_named_by_its_place(desk: Desk) -> None:
    file = query(desk, 60)
    file.write_text('{"version": 1, "index": {"day": "1994-01-12"}, "where": {"sum": []}}')
    refused(desk.run("local count", "kidneys", file), USAGE, "where")
    file.write_bytes(b"\xff")
    refused(desk.run("local count", "kidneys", file), USAGE, "cannot be read")


@pytest.mark.parametrize("value", ["0", "-1", "nan", "1e3", "two", "11"])
def test_a_budget_that_is_none_is_refused(desk: Desk, value: str) -> None:
    ran = desk.run("local count", "kidneys", query(desk, 60), CONSENTRY_COUNT_BUDGET=value)
    refused(ran, USAGE, "CONSENTRY_COUNT_BUDGET is a decimal number")


def test_a_preference_is_written_down_for_whom_an_identifier_names(desk: Desk) -> None:
    said = desk.done("prefer", "--identifier", identifier_of(3), "--not-counted").stdout
    assert said == "From now on they are not counted."
    assert desk.done("prefer", "--subject", desk.subject(3), "--counted").stdout == "From now on they are counted."
    refused(desk.run("prefer", "--subject", "f" * 32, "--counted"), NOT_FOUND, "no such person")


def test_releases_say_how_the_current_one_stands_and_when_it_is_due(desk: Desk) -> None:
    stale = {"CONSENTRY_MAX_STALENESS": "86400"}
    said = desk.done("local releases", "kidneys", **stale).stdout
    assert "about 50" in said
    assert "Release 1 is ACTIVE; no retraining is due." in said
    desk.done("stop", "--identifier", identifier_of(3))
    assert "no retraining is due" in desk.done("local releases", "kidneys", **stale).stdout
    said = desk.done("local releases", "kidneys", **stale, CONSENTRY_RELEASE_CHANGES="1").stdout
    assert "Release 1 is ACTIVE; retrain due: 1 people or more left it." in said
    refused(desk.run("local releases", "hearts"), NOT_FOUND, "no such study")


def test_a_review_is_an_operators_word(desk: Desk) -> None:
    review = ("local model review", "kidneys", "--release", 1)
    refused(desk.run(*review, "--activate", "--reason", "fine"), REFUSED, "suspended")
    said = desk.done(*review, "--retire", "--reason", "a better one comes").stdout
    assert "served no more" in said
    assert "RETIRED" in desk.done("local releases", "kidneys").stdout


def test_a_worker_trains_anew_what_is_due(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.done("stop", "--identifier", identifier_of(3))
    for name, value in {"MAX_STALENESS": "86400", "RELEASE_CHANGES": "1"}.items():
        monkeypatch.setenv(f"CONSENTRY_{name}", value)
    with working(desk.home) as worker:
        waiting = time.monotonic() + 60
        while "done" not in desk.done("jobs").stdout:
            assert time.monotonic() < waiting
            time.sleep(0.5)
        worker.send_signal(signal.SIGTERM)
        said = worker.communicate(timeout=20)[1]
    assert [json.loads(line)["event"] for line in said.splitlines()][:3] == ["worker runs", "releases due", "job ended"]
    assert "Release 2 is ACTIVE" in desk.done("local releases", "kidneys").stdout


def test_a_release_is_verified_and_what_does_not_hold_exits_with_6(desk: Desk) -> None:
    stale = {"CONSENTRY_MAX_STALENESS": "86400"}
    said = desk.done("local model verify", "kidneys", **stale).stdout
    assert "release.1.refitted" in said
    assert "a fresh process fits 50 rows to the same" in said
    assert said.endswith("checks hold.")
    refused(desk.run("local model verify", "kidneys", "--release", 2, **stale), NOT_FOUND, "no such release")
    desk.done("stop", "--identifier", identifier_of(3))
    said = desk.done("local model verify", "kidneys", "--release", 1, **stale).stdout
    assert "nobody was read: 0 rows erased, 1 consents ended since; lineage holds" in said
    with House.opened(desk.home, desk.template.wallets) as house, house.open.store.begin() as unit:
        unit.connection.execute(update(releases).values(evaluation=b"{}"))
    refused(desk.run("local model verify", "kidneys", **stale), NOT_VERIFIED, "release.1.kept does not hold")
