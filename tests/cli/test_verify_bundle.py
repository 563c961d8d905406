"""`consentry verify` takes a bundle too, with the auditor's own policy, as `python -m consent.verifier` does."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from consent.cli import app
from consent.cli.errors import NOT_VERIFIED, REFUSED, USAGE
from tests.verifier.workshop import Workshop, lines


@pytest.fixture
def life() -> Workshop:
    """Return a life with a consent and a reading."""
    life = Workshop()
    life.approve("heart")
    life.read(life.grant(life.enrol(), "heart"))
    return life


def _ran(*arguments: object) -> tuple[int, str, str]:
    ran = CliRunner().invoke(app, ["verify", *map(str, arguments)])
    return ran.exit_code, ran.stdout, ran.stderr


def test_a_bundle_is_checked_against_the_policy(life: Workshop, tmp_path: Path) -> None:
    """With receipts, as text or JSON; what fails is named, with 6."""
    bundle, policy = life.write(tmp_path / "bundle.zip"), life.write_policy(tmp_path)
    receipts = tmp_path / "receipts.jsonl"
    receipts.write_bytes(lines([receipt.to_json() for receipt in life.receipts]))
    code, told, _ = _ran(bundle, "--policy", policy, "--receipts", receipts)
    assert (code, told.splitlines()[-1][:36]) == (0, "All checks that could be made hold, ")
    code, told, _ = _ran(bundle, "--policy", policy, "--json")
    assert (code, json.loads(told)["holds"]) == (0, True)
    given = next(iter(life.consents))
    life.stop(given)
    index = life.read(given)
    code, _, why = _ran(life.write(bundle), "--policy", life.write_policy(tmp_path))
    assert (code, f"consentry: access.stopped does not hold: entry {index}" in why) == (NOT_VERIFIED, True)


def test_what_was_asked_wrongly_is_told(life: Workshop, tmp_path: Path) -> None:
    """A bundle needs a policy; what belongs to folders does not go with it, and the other way round."""
    bundle, policy = life.write(tmp_path / "bundle.zip"), life.write_policy(tmp_path)
    assert _ran(bundle)[0] == USAGE
    assert _ran(bundle, "--policy", policy, "--trusted", policy)[0] == USAGE
    assert _ran(tmp_path, "--policy", policy)[0] == USAGE
    assert _ran(tmp_path, "--json")[0] == USAGE
    assert _ran(tmp_path / "missing.zip", "--policy", policy)[0] == REFUSED
    assert _ran(bundle, "--policy", bundle)[0] == USAGE
