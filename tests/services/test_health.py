"""Health: each thing that can be wrong fails its own check, in a word that shows nothing."""

import re
from pathlib import Path

import pytest

from consent.services.health import Check, Limits
from tests.services.deployments import Deployment, health_of


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    (tmp_path / "root-key.json").write_text("{}")
    return tmp_path / "root-key.json"


def failed(checks: tuple[Check, ...]) -> dict[str, str]:
    return {check.name: check.word for check in checks if not check.ok}


def test_a_good_deployment_passes_every_check(key_file: Path) -> None:
    checks = health_of(Deployment(), key_file, keys=lambda: True).checks()
    assert failed(checks) == {}
    names = ["database", "ledger", "outbox", "jobs", "anchor", "key", "records-schema", "keys-schema"]
    assert [check.name for check in checks] == names


@pytest.mark.parametrize(
    ("changed", "name", "word"),
    [
        ({"head_age": 121}, "ledger", "stale"),
        ({"matches": False}, "ledger", "mismatch"),
        ({"matches": False, "head_age": None, "head_block": None}, "ledger", "unread"),
        ({"outbox_overdue": 3601}, "outbox", "overdue"),
        ({"oldest_waiting_job": 3601}, "jobs", "waiting"),
        ({"anchor_lag": 7201}, "anchor", "late"),
    ],
)
def test_a_condition_beyond_its_limit_fails_that_check_only(
    key_file: Path, changed: dict[str, object], name: str, word: str
) -> None:
    deployment = Deployment()
    deployment.becomes(**changed)
    assert failed(health_of(deployment, key_file).checks()) == {name: word}


def test_at_its_limit_all_is_still_good(key_file: Path) -> None:
    deployment = Deployment()
    deployment.becomes(head_age=120, outbox_overdue=3600, oldest_waiting_job=3600, anchor_lag=7200)
    assert failed(health_of(deployment, key_file).checks()) == {}


def test_the_ledgers_limit_is_the_one_that_decisions_have() -> None:
    from consent.settings import Settings

    assert Limits().head_age == Settings(Path(), b"", ()).max_staleness
    assert Limits().anchor == 2 * Settings(Path(), b"", ()).anchor_seconds


def test_a_database_that_does_not_answer_fails_all_that_rests_on_it(key_file: Path) -> None:
    unknown = {"ledger": "unknown", "outbox": "unknown", "jobs": "unknown", "anchor": "unknown"}
    assert failed(health_of(Deployment(None), key_file).checks()) == {"database": "unavailable"} | unknown


def test_a_schema_that_is_not_the_newest_fails(key_file: Path) -> None:
    health = health_of(Deployment(), key_file, records=False, keys=lambda: False)
    assert failed(health.checks()) == {"records-schema": "other", "keys-schema": "other"}


def test_a_missing_key_file_fails_and_a_folder_is_none(key_file: Path) -> None:
    for path in (key_file.with_name("none"), key_file.parent, key_file / "below"):
        assert failed(health_of(Deployment(), path).checks()) == {"key": "missing"}


def test_the_key_file_is_not_opened(key_file: Path) -> None:
    import os

    os.utime(key_file, (1, 1))
    assert failed(health_of(Deployment(), key_file).checks()) == {}
    assert key_file.stat().st_atime == 1


def test_every_word_is_short_and_says_nothing_of_anyone(key_file: Path) -> None:
    checks = [*health_of(Deployment(), key_file).checks(), *health_of(Deployment(None), key_file.parent).checks()]
    assert all(re.fullmatch("[a-z-]{1,16}", text) for check in checks for text in (check.name, check.word))


def test_one_round_of_checks_reads_the_database_once(key_file: Path) -> None:
    deployment = Deployment()
    health_of(deployment, key_file).checks()
    assert deployment.asked == 1
