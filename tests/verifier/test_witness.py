"""A signer signs no two logs, whatever dies and whoever asks at once; and the same checkpoint in the same way."""

import fcntl
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from consent.domain.checkpoint import CheckpointError
from consent.domain.merkle import ConsistencyError
from consent.domain.note import NoteError
from consent.domain.typed_data import Address
from consent.verifier.certificate import AnchorContract, has_signed
from consent.verifier.cosignature import Cosignature
from consent.verifier.policy import LogTrust
from consent.verifier.witness import Witness, WitnessError, WitnessRefusesError, read_proofs
from consent.verifier.witness_main import witness_main
from tests.verifier.logs import ORIGIN, TestLog

CONTRACT: Final = AnchorContract(4137, Address(b"\x07" * 20))
ANCHOR: Final = "4137:0x" + "07" * 20
DIES_BEFORE_SIGNING: Final = """
import os, sys
from consent.verifier.certificate import Signer
from consent.verifier.witness_main import witness_main
Signer.sign = lambda *_: os._exit(9)
witness_main(sys.argv[1:])
"""
SIGNS_WHEN_TOLD: Final = """
import sys
from consent.verifier.witness_main import witness_main
print("ready", flush=True)
sys.stdin.readline()
sys.exit(witness_main(sys.argv[1:]))
"""


@pytest.fixture
def log() -> TestLog:
    """A log under a key of its own."""
    return TestLog()


@pytest.fixture
def witness(log: TestLog, tmp_path: Path) -> Witness:
    """A signer who signed nothing yet."""
    return Witness.create(tmp_path / "state", "ward patients", "patients", LogTrust(ORIGIN, (log.public,)))


def signed(witness: Witness, log: TestLog, size: int, old: int = 0, branch: str = "") -> Cosignature:
    """Have a checkpoint signed, with the proof from the old size where there is one."""
    proofs = {(old, size): log.proof(old, size, branch)} if 0 < old <= size else {}
    return witness.sign(log.note(size, branch), CONTRACT, proofs)


def state(witness: Witness) -> tuple[int, bytes]:
    now = Witness.open(witness.path)
    return now.size, now.root


def test_a_first_checkpoint_and_its_continuation_are_signed(witness: Witness, log: TestLog) -> None:
    assert signed(witness, log, 5).checkpoint == log.checkpoint(5)
    later = signed(witness, log, 9, old=5)
    assert state(witness) == (9, log.checkpoint(9).root)
    assert has_signed(later.key, log.checkpoint(9), CONTRACT, later.signature)
    assert Cosignature.from_json(json.loads(json.dumps(later.to_json()))) == later


def test_a_link_leads_to_the_one_file(witness: Witness, log: TestLog, tmp_path: Path) -> None:
    """What was signed through it is known under the file's own name, and the other way round."""
    link = tmp_path / "link"
    link.symlink_to(witness.path)
    signed(Witness.open(link), log, 5)
    assert link.is_symlink()
    assert state(witness) == (5, log.checkpoint(5).root)
    with pytest.raises(WitnessRefusesError):
        signed(Witness.open(witness.path), log, 5, branch="other")


def test_a_file_with_two_names_signs_nothing(witness: Witness, log: TestLog, tmp_path: Path) -> None:
    """One of them would keep what was signed before."""
    (tmp_path / "other").hardlink_to(witness.path)
    for name in ("state", "other"):
        with pytest.raises(WitnessError, match="several names"):
            signed(Witness.open(tmp_path / name), log, 5)


def test_the_same_checkpoint_again_gives_the_same_signature(witness: Witness, log: TestLog) -> None:
    assert signed(witness, log, 5) == signed(witness, log, 5)


@pytest.mark.parametrize(
    ("size", "old", "branch", "error"),
    [
        (5, 0, "other", WitnessRefusesError),
        (4, 0, "", WitnessRefusesError),
        (9, 0, "", WitnessRefusesError),
        (9, 4, "", WitnessRefusesError),
        (9, 5, "other", ConsistencyError),
    ],
    ids=["the same size with another root", "smaller", "no proof", "a proof from another size", "a fork with proof"],
)
def test_nothing_that_does_not_continue_the_last_is_signed(
    witness: Witness, log: TestLog, size: int, old: int, branch: str, error: type[Exception]
) -> None:
    signed(witness, log, 5)
    with pytest.raises(error):
        signed(witness, log, size, old, branch)
    assert state(witness) == (5, log.checkpoint(5).root)


def test_a_log_of_no_entries_is_not_signed(witness: Witness, log: TestLog) -> None:
    with pytest.raises(WitnessRefusesError):
        signed(witness, log, 0)


def test_what_the_log_s_key_did_not_sign_is_not_signed(witness: Witness, log: TestLog) -> None:
    with pytest.raises(NoteError):
        witness.sign(TestLog().note(5), CONTRACT, {})
    with pytest.raises(NoteError):
        witness.sign(log.note(5).replace("\n5\n", "\n6\n"), CONTRACT, {})
    with pytest.raises((CheckpointError, NoteError)):
        witness.sign(TestLog(log.key, "consentry.example/other").note(5), CONTRACT, {})
    assert state(witness)[0] == 0


def test_the_file_is_for_its_owner_alone_and_is_never_drawn_over(witness: Witness, log: TestLog) -> None:
    draft = witness.path.with_name("state.new")
    draft.write_text("")
    draft.chmod(0o644)
    signed(witness, log, 5)
    assert witness.path.stat().st_mode & 0o777 == 0o600
    before = witness.path.read_bytes()
    with pytest.raises(WitnessError, match="already"):
        Witness.create(witness.path, "ward patients", "patients", witness.log)
    assert witness.path.read_bytes() == before


def test_a_seed_under_a_passphrase_is_not_in_the_file_and_signs_with_it_alone(log: TestLog, tmp_path: Path) -> None:
    witness = Witness.create(tmp_path / "state", "north", "hospitals", LogTrust(ORIGIN, (log.public,)), b"correct")
    assert len(json.loads(witness.path.read_bytes())["seed"]) == 120
    key = re.search('key = "(.*)"', witness.registration(b"correct"))
    assert key is not None
    assert witness.sign(log.note(5), CONTRACT, {}, b"correct").key.hex() == key[1]
    for wrong, told in ((b"wrong", "does not open"), (b"", "is sealed: name its passphrase's file")):
        with pytest.raises(WitnessError, match=told):
            witness.sign(log.note(5), CONTRACT, {}, wrong)


def test_a_passphrase_for_a_file_without_one_is_refused(witness: Witness, log: TestLog) -> None:
    with pytest.raises(WitnessError, match="without a passphrase: name none"):
        witness.sign(log.note(5), CONTRACT, {}, b"a passphrase")


# -------------------------------------------------------------------------------------- two at once, and dying between


def arguments(witness: Witness, log: TestLog, folder: Path, size: int, branch: str = "") -> list[str]:
    """Return the command that signs a checkpoint from size 3 on."""
    note, proof = folder / f"note{branch}", folder / f"proof{branch}"
    note.write_text(log.note(size, branch))
    proof.write_text(log.proof_line(3, size, branch))
    return ["sign", str(witness.path), str(note), "--anchor", ANCHOR, "--consistency", str(proof)]


def test_of_two_forks_asked_at_once_one_is_signed(witness: Witness, log: TestLog, tmp_path: Path) -> None:
    signed(witness, log, 3)
    commands = [arguments(witness, log, tmp_path, size=7, branch=branch) for branch in ("left", "right")]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SIGNS_WHEN_TOLD, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    for child in started:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in started:
        assert child.stdin is not None
        child.stdin.write("now\n")
        child.stdin.flush()
    said = [child.communicate(timeout=60)[0] for child in started]
    assert sorted(child.returncode for child in started) == [0, 6]
    [given] = [text for text in said if text]
    assert state(witness) == (7, bytes.fromhex(json.loads(given)["root"]))


def test_who_comes_while_another_signs_waits_and_then_reads_what_that_one_wrote(
    witness: Witness, log: TestLog, tmp_path: Path
) -> None:
    signed(witness, log, 3)
    command = [sys.executable, "-c", SIGNS_WHEN_TOLD, *arguments(witness, log, tmp_path, size=7, branch="late")]
    with witness.path.with_name("state.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        late = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert late.stdin is not None
        late.stdin.write(b"now\n")
        late.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            late.wait(timeout=3)
        first = json.loads(witness.path.read_bytes())
        first["signed"] = {"size": 8, "root": log.checkpoint(8).root.hex()}
        witness.path.write_text(json.dumps(first))
    late.communicate(timeout=60)
    assert late.returncode == 6
    assert state(witness) == (8, log.checkpoint(8).root)


def test_whoever_dies_between_record_and_signature_signs_the_same_again_and_nothing_else(
    witness: Witness, log: TestLog, tmp_path: Path
) -> None:
    signed(witness, log, 3)
    command = arguments(witness, log, tmp_path, size=7)
    died = subprocess.run(
        [sys.executable, "-c", DIES_BEFORE_SIGNING, *command], capture_output=True, check=False, timeout=60
    )
    assert (died.returncode, died.stdout) == (9, b"")
    assert state(witness) == (7, log.checkpoint(7).root)
    with pytest.raises(WitnessRefusesError):
        signed(witness, log, 7, old=3, branch="other")
    assert signed(witness, log, 7).checkpoint == log.checkpoint(7)


def test_whoever_dies_while_writing_has_signed_nothing(witness: Witness, log: TestLog) -> None:
    signed(witness, log, 3)
    witness.path.with_name("state.new").write_text('{"version": 1, "na')
    assert state(witness) == (3, log.checkpoint(3).root)
    assert signed(witness, log, 7, old=3).checkpoint.size == 7


# ------------------------------------------------------------------------------------------------------------ commands


def test_the_commands_draw_a_signer_and_sign(log: TestLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, note = tmp_path / "state", tmp_path / "note"
    note.write_text(log.note(5))
    begin = ["init", str(path), "--name", 'ward "3"', "--group", "patients", "--origin", ORIGIN]
    assert witness_main([*begin, "--log-key", log.public.hex()]) == 0
    registration = capsys.readouterr().out
    assert 'name = "ward \\"3\\""' in registration
    assert witness_main(["sign", str(path), str(note), "--anchor", ANCHOR]) == 0
    cosignature = Cosignature.from_json(json.loads(capsys.readouterr().out))
    assert cosignature.key.hex() in registration
    assert cosignature.checkpoint == log.checkpoint(5)


@pytest.mark.parametrize("chain_id", [1, 8427233006209536, 2**53 - 1])
def test_a_signer_signs_for_any_chain_that_an_installation_may_have(
    witness: Witness, log: TestLog, tmp_path: Path, capsys: pytest.CaptureFixture[str], chain_id: int
) -> None:
    note = tmp_path / "note"
    note.write_text(log.note(5))
    assert witness_main(["sign", str(witness.path), str(note), "--anchor", f"{chain_id}:{ANCHOR.split(':')[1]}"]) == 0
    assert json.loads(capsys.readouterr().out)["chain_id"] == chain_id


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"note": "nothing"}, 6),
        ({"anchor": "4137"}, 2),
        ({"anchor": f"{2**53}:0x" + "07" * 20}, 2),
        ({"anchor": "4137:0x" + "AA" * 20}, 2),
        ({"proof": "[]"}, 2),
        ({"proof": "{" * 5000}, 2),
        ({"state": "{}"}, 2),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_a_sentence_that_repeats_nothing(
    witness: Witness,
    log: TestLog,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    code: int,
) -> None:
    note, proof = tmp_path / "note", tmp_path / "proof"
    note.write_text(change.get("note", log.note(5)))
    proof.write_text(change.get("proof", ""))
    witness.path.write_text(change.get("state", witness.path.read_text()))
    command = ["sign", str(witness.path), str(note), "--anchor", change.get("anchor", ANCHOR)]
    assert witness_main([*command, "--consistency", str(proof)]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("consentry: ")
    assert said.err.count("\n") == 1
    assert not any(value in said.err for value in change.values())


def test_a_folder_that_takes_no_file_is_a_sentence(
    log: TestLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = ["init", str(tmp_path / "absent" / "state"), "--name", "a", "--group", "b", "--origin", ORIGIN]
    assert witness_main([*begin, "--log-key", log.public.hex()]) == 2
    assert capsys.readouterr().err.startswith("consentry: the signer's file cannot be written")


@pytest.mark.parametrize("field", ["name", "origin", "salt", "seed", "signed", "version", "log_key"])
def test_a_file_with_a_field_of_another_kind_is_refused(witness: Witness, field: str) -> None:
    value = json.loads(witness.path.read_bytes())
    for wrong in (None, 7, "x\ty", [7], {"a": 7}):
        witness.path.write_text(json.dumps(value | {field: wrong}))
        with pytest.raises(WitnessError):
            Witness.open(witness.path)
    del value[field]
    witness.path.write_text(json.dumps(value))
    with pytest.raises(WitnessError):
        Witness.open(witness.path)


def test_a_log_s_proofs_are_read_by_their_sizes(log: TestLog) -> None:
    content = (log.proof_line(3, 7) + log.proof_line(5, 7)).encode()
    assert read_proofs(content) == {(3, 7): log.proof(3, 7), (5, 7): log.proof(5, 7)}


def test_the_signer_s_commands_load_no_server() -> None:
    code = "import sys, consent.verifier.witness_main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"web3", "flask", "sqlalchemy", "xgboost", "eth", "typer"} & set(loaded)
