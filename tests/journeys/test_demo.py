"""The whole story, told by the very command that a new user runs, on fewer patients."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PATIENTS = 400
COMMAND = (sys.executable, "-c", "from consent.cli import main; main()")


def consentry(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demo was told once."""
    home = tmp_path_factory.mktemp("demo") / "home"
    told = consentry("demo", "--home", home, "--patients", str(PATIENTS))
    assert told.returncode == 0, told.stderr
    return home


@pytest.fixture(scope="module")
def summary(home: Path) -> dict[str, object]:
    """The figures that the demo wrote."""
    summary: dict[str, object] = json.loads((home / "summary.json").read_text())
    return summary


def test_the_summary_holds_every_published_figure(summary: dict[str, object]) -> None:
    published = {
        "patients", "grants", "batches", "gas_per_grant", "trained_rows", "auroc_model", "auroc_physicians", "stopped",
        "rows_after_stop", "stopped_in_training", "unlearning_byte_identical", "erased_unreadable",
        "erased_unreadable_from_old_copy", "rows_replayed", "rows_without_valid_consent", "model_sha256", "seconds",
    }  # fmt: skip
    assert published <= summary.keys()


def test_nothing_in_the_story_went_wrong(summary: dict[str, object]) -> None:
    assert summary["patients"] == PATIENTS
    assert summary["rows_replayed"] == summary["trained_rows"]
    assert summary["rows_without_valid_consent"] == 0
    assert summary["stopped_in_training"] == 0
    assert summary["audit_findings_failed"] == 0
    assert summary["unlearning_byte_identical"] is True
    assert summary["erased_unreadable"] is True
    assert summary["erased_unreadable_from_old_copy"] is True
    assert summary["models_refused"] == 2


def test_those_who_stopped_are_missing_from_the_next_release(summary: dict[str, int]) -> None:
    assert summary["rows_after_stop"] == summary["trained_rows"] - summary["stopped"] > 0


def test_fewer_rows_than_grants_because_some_withhold_what_the_study_needs(summary: dict[str, int]) -> None:
    assert 0 < summary["trained_rows"] < summary["grants"] < summary["patients"]


def test_the_report_is_one_page_that_fetches_nothing(home: Path) -> None:
    page = (home / "report.html").read_text()
    assert page.count("<svg") >= 4
    assert "<script" not in page
    assert not [part for part in ('src="http', 'href="http', "url(http", "@import") if part in page]


def test_what_the_demo_left_is_for_its_owner_only(home: Path) -> None:
    assert {path.stat().st_mode & 0o077 for path in (home, *home.rglob("*"))} == {0}


def test_an_auditor_verifies_what_the_demo_left(home: Path) -> None:
    verified = consentry("verify", home)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "FAILS" not in verified.stdout


def test_what_the_auditor_took_home_is_checked_without_the_folder(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "auditor", tmp_path / "auditor")
    receipts = shutil.copy(home / "patients" / "receipts.jsonl", tmp_path)
    bundle, policy = (tmp_path / "auditor" / name for name in ("bundle.zip", "policy.toml"))
    verified = consentry("verify", bundle, "--policy", policy, "--receipts", receipts)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "1 is open" in verified.stdout  # nobody certified a checkpoint


def test_a_receipt_for_a_grant_that_is_nowhere_is_found_out(home: Path, tmp_path: Path) -> None:
    """What kills of a demo are checked with can fail: verify does notice an acknowledged grant that was lost."""
    shutil.copytree(home, tmp_path / "home")
    path = tmp_path / "home" / "patients" / "receipts.jsonl"
    lines = path.read_text().splitlines()
    lost = json.loads(lines[0]) | {"commitment": "ab" * 32}
    path.write_text("\n".join([json.dumps(lost), *lines[1:]]) + "\n")
    verified = consentry("verify", tmp_path / "home")
    assert verified.returncode == 6
    assert "receipts" in verified.stderr


def test_a_second_demo_starts_afresh_and_gives_the_same_model(home: Path, summary: dict[str, object]) -> None:
    before = (home / "installation.json").read_bytes()
    assert consentry("demo", "--home", home, "--patients", str(PATIENTS)).returncode == 0
    again = json.loads((home / "summary.json").read_text())
    assert again["model_sha256"] == summary["model_sha256"]
    assert (home / "installation.json").read_bytes() != before


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    refused = consentry("demo", "--home", tmp_path)
    assert refused.returncode != 0
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    assert "Traceback" not in refused.stderr


def test_an_installation_that_is_no_demo_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "passphrase").write_text("correct horse battery staple\n")
    monkeypatch.setenv("CONSENTRY_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    home = tmp_path / "hospital"
    assert consentry("init", home).returncode == 0
    kept = (home / "operator" / "root-key.json").read_bytes()
    refused = consentry("demo", "--home", home, "--patients", "60")
    assert refused.returncode == 2
    assert (home / "operator" / "root-key.json").read_bytes() == kept
