"""`consentry bundle`: one file, for its owner's eyes, whole or not there, and in the log."""

import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from consent.cli.errors import BROKEN, NOT_FOUND, REFUSED, USAGE
from consent.demo.auditor import VIEW, policy
from consent.wiring.chain_views import chain_to_view, view_of_chain
from tests.cli.desk import Desk
from tests.cli.test_commands import consentry, refused
from tests.services.house import DICTIONARY, PARAMETERS, House, Template


@pytest.fixture(scope="module")
def trained(consenting: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Fifty people consent, the study has a release, and an auditor has a policy."""
    home = tmp_path_factory.mktemp("trained") / "home"
    with House.copied(consenting, home) as house:
        house.open.training.train("kidneys", DICTIONARY, PARAMETERS)
        house.anchor()
        with chain_to_view(home) as chain:
            view = view_of_chain(chain)
        (home / VIEW).write_bytes(view.to_bytes())
        (home / "policy.toml").write_text(policy(house.open, view, []))
    return Template(home, consenting.wallets)


@pytest.fixture
def desk(trained: Template, tmp_path: Path) -> Desk:
    return Desk.copied(trained, tmp_path / "home")


def entries(desk: Desk) -> list[dict[str, Any]]:
    with House.without_ledger(desk.home, {}) as house:
        return house.log()


def scope_of(file: Path) -> dict[str, Any]:
    with zipfile.ZipFile(file) as archive:
        contents: dict[str, Any] = json.loads(archive.read("bundle.json"))
    return {"kind": contents["kind"], **contents["scope"]}


def test_it_is_written_for_its_owner_and_the_log_has_its_hash(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "bundle.zip"
    said = desk.done("bundle", file, "--study", "kidneys").stdout
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert digest in said
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("bundle.zip")] == ["bundle.zip"]
    entry = entries(desk)[-1]
    assert (entry["action"], entry["verdict"], entry["facts"]["sha256"]) == ("export", "BUNDLE", digest)


def test_each_kind_can_be_asked_for(desk: Desk, tmp_path: Path, trained: Template) -> None:
    subject = next(iter(trained.wallets))
    [model] = [entry["facts"]["model"] for entry in entries(desk) if entry["action"] == "train"]
    asked: dict[str, tuple[str, ...]] = {
        "patient": ("--patient", subject),
        "model": ("--model", model.upper()),
        "period": ("--period", "2020-01-01", "2100-01-01"),
        "everything": ("--everything", "--since", "20"),
    }
    for name, options in asked.items():
        desk.done("bundle", tmp_path / f"{name}.zip", *options)
    assert scope_of(tmp_path / "patient.zip") == {"kind": "patient", "subject": subject}
    assert scope_of(tmp_path / "model.zip") == {"kind": "model", "model": model}
    period, everything = scope_of(tmp_path / "period.zip"), scope_of(tmp_path / "everything.zip")
    assert (period["kind"], period["first"], everything["first"]) == ("period", 0, 0)
    assert everything["last"] == period["last"] + 1  # the entry of the one before
    with zipfile.ZipFile(tmp_path / "everything.zip") as archive:
        assert 20 in [json.loads(line)["old"] for line in archive.read("consistency.ndjson").splitlines()]


def test_an_auditor_checks_it_offline(desk: Desk, tmp_path: Path) -> None:
    desk.done("bundle", tmp_path / "bundle.zip", "--everything")
    ran = consentry("verify", tmp_path / "bundle.zip", "--policy", desk.home / "policy.toml")
    assert (ran.returncode, "All checks that could be made hold" in ran.stdout) == (0, True)


REFUSED_ASKINGS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "nothing": ((), USAGE, "name one of"),
    "two things": (("--study", "kidneys", "--everything"), USAGE, "name one of"),
    "no days": (("--period", "yesterday", "today"), USAGE, "two days"),
    "a day before anything": (("--period", "2019-01-01", "2019-02-01"), NOT_FOUND, "nothing was logged"),
    "nobody": (("--patient", "00" * 16), NOT_FOUND, "no such person"),
    "no study": (("--study", "hearts"), NOT_FOUND, "no such study"),
    "no model": (("--model", "00" * 32), NOT_FOUND, "no training of this model"),
    "no checkpoint": (("--everything", "--at", "3"), REFUSED, "no checkpoint of this size"),
    "a log that is longer": (("--everything", "--since", "100000"), REFUSED, "more entries than are signed"),
    "two checkpoints": (("--everything", "--newest", "--at", "3"), USAGE, "name one of --at and --newest"),
}


@pytest.mark.parametrize("name", REFUSED_ASKINGS)
def test_what_cannot_be_made_leaves_nothing(desk: Desk, tmp_path: Path, name: str) -> None:
    options, code, told = REFUSED_ASKINGS[name]
    before = len(entries(desk))
    refused(desk.run("bundle", tmp_path / "bundle.zip", *options), code, told)
    assert not [path.name for path in tmp_path.iterdir() if re.match("bundle", path.name)]
    assert len(entries(desk)) == before


def test_a_file_that_is_there_stays_as_it_is(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "bundle.zip").write_bytes(b"another bundle")
    refused(desk.run("bundle", tmp_path / "bundle.zip", "--everything"), USAGE, "a file of this name is there already")
    assert (tmp_path / "bundle.zip").read_bytes() == b"another bundle"


def test_a_folder_that_is_not_there_is_said_in_one_sentence(desk: Desk, tmp_path: Path) -> None:
    refused(desk.run("bundle", tmp_path / "none" / "bundle.zip", "--everything"), BROKEN, "the system says")
