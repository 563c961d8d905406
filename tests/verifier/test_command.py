"""The verifier as a command: what it prints, how it ends, and that no bytes make it lose its countenance."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from consent.verifier import command, report
from consent.verifier.findings import Finding
from consent.verifier.run import verify
from tests.verifier.plain import ORIGIN
from tests.verifier.workshop import Workshop, lines, pack

ROUNDS: Final = 300


@pytest.fixture
def life() -> Workshop:
    """Return a life with a release, a stop and an erasure."""
    life = Workshop()
    life.approve("heart")
    given = [life.grant(life.enrol(), "heart") for _ in range(3)]
    life.train("heart", given)
    life.predict(given[0], life.releases[0])
    life.stop(given[1])
    life.erase(life.consents[given[2]].person)
    life.tick(60)
    return life


def test_a_bundle_that_holds_ends_with_0_and_a_sentence(
    life: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing on standard error; each check on a line of its own that fits."""
    bundle, policy = life.write(tmp_path / "bundle.zip"), life.write_policy(tmp_path)
    assert command.main([str(bundle), "--policy", str(policy)]) == command.HOLDS
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.splitlines()[-1] == "All checks that could be made hold, 24 in all; 4 are open."
    assert max(map(len, told.out.splitlines())) <= report.WIDTH
    assert "  holds  access.consented            3 accesses, each with a consent that covers it" in told.out


def test_the_first_thing_that_fails_is_named_on_standard_error(
    life: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With 6; the report ends with it as well."""
    given = next(iter(life.consents))
    life.stop(given)
    index = life.read(given)
    bundle, policy = life.write(tmp_path / "bundle.zip"), life.write_policy(tmp_path)
    assert command.main([str(bundle), "--policy", str(policy)]) == command.FAILS
    told = capsys.readouterr()
    assert (
        told.err
        == f"consentry: access.stopped does not hold: entry {index}: entry {index - 1} had stopped its consent\n"
    )
    assert told.out.splitlines()[-1] == f"This bundle does not hold: access.stopped fails at entry {index}."


def test_programs_get_json(life: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object, with receipts that were brought looked for."""
    bundle, policy = life.write(tmp_path / "bundle.zip"), life.write_policy(tmp_path)
    receipts = tmp_path / "receipts.jsonl"
    receipts.write_bytes(lines([receipt.to_json() for receipt in life.receipts]))
    assert command.main([str(bundle), "--policy", str(policy), "--receipts", str(receipts), "--json"]) == command.HOLDS
    told = json.loads(capsys.readouterr().out)
    assert told["holds"] is True
    assert told["findings"][-1] == {
        "name": "receipts", "holds": True, "seen": "7 receipts, each in the log and done", "item": "",
    }  # fmt: skip


def test_what_cannot_be_read_is_told_apart(life: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing bundle, a policy that is none, receipts that are none, a file that is no bundle."""
    bundle, policy = life.write(tmp_path / "bundle.zip"), life.write_policy(tmp_path)
    junk = tmp_path / "junk"
    junk.write_bytes(b"\x1b[31m junk\n")
    missing = tmp_path / "missing.zip"
    assert command.run(missing, policy) == command.UNREADABLE
    assert command.run(tmp_path, policy) == command.UNREADABLE
    assert command.run(bundle, junk) == command.USAGE
    assert command.run(bundle, missing) == command.USAGE
    assert command.run(bundle, policy, junk) == command.USAGE
    assert command.run(junk, policy) == command.FAILS
    assert "\x1b" not in "".join(capsys.readouterr())


def test_witness_is_a_signers_half(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It needs the same few libraries, and so the same environment."""
    told = ["--name", "ward", "--group", "patients", "--origin", ORIGIN, "--log-key", "ab" * 32]
    assert command.main(["witness", "init", str(tmp_path / "state"), *told]) == command.HOLDS
    assert 'group = "patients"' in capsys.readouterr().out


def test_a_terminal_that_knows_few_letters_gets_question_marks(life: Workshop, tmp_path: Path) -> None:
    """Not a traceback."""
    bundle, policy = life.write(tmp_path / "bundle.zip"), life.write_policy(tmp_path)
    policy.write_text(policy.read_text().replace(ORIGIN, "consentry/wörkshop"))
    ran = subprocess.run(
        [sys.executable, "-m", "consent.verifier", bundle, "--policy", policy],
        capture_output=True, check=False, cwd=Path(__file__).parents[2], env={"PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert (ran.returncode, b"Traceback" in ran.stderr) == (command.FAILS, False)
    assert b"log.checkpoint" in ran.stdout


def test_what_a_report_repeats_is_text_alone() -> None:
    """Nothing in it moves a cursor or colours a terminal."""
    found = [Finding("access.consented", holds=False, seen="\x1b[2J\nseen", item="entry\r7")]
    told = "\n".join(report.text(found)) + report.failure(found) + report.as_json(found)
    assert "\x1b" not in told
    assert "\r" not in told


def test_no_bytes_make_a_traceback(life: Workshop, tmp_path: Path) -> None:
    """Files of a bundle with bytes altered, lines moved or left out, with a table of contents that is right again."""
    policy, path, draw = life.policy(), tmp_path / "bundle.zip", random.Random(9)
    files = life.files()
    for _ in range(ROUNDS):
        name = draw.choice([name for name in files if files[name]])
        altered = _altered(files[name], draw)
        if altered == files[name]:
            continue
        pack(path, life.contents(files | {name: altered}))
        report.failure(list(verify(path, policy)))


def _altered(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content))
    some = content.splitlines(keepends=True)
    at = draw.randrange(len(some))
    return draw.choice(
        [
            content[:place] + bytes([draw.randrange(256)]) + content[place + 1 :],
            content[:place] + content[place + 1 :],
            content[:place],
            content[:place] + b'"' + content[place:],
            b"".join(some[:at] + some[at + 1 :]),
            b"".join([*some, some[at]]),
            b"".join(draw.sample(some, len(some))),
        ]
    )
