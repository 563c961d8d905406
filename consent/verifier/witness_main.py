"""`python -m consent.verifier witness init|sign`: a signer's commands, on the signer's own machine.

    witness init STATE --name "ward patients" --group patients --log-key <64 hex> --origin consentry/5a1c…
    witness sign STATE CHECKPOINT --anchor 4137:0x<40 hex> [--consistency FILE] > cosignature.json

CHECKPOINT is the signed note of the log's door, FILE a consistency proof of it (or `consistency.ndjson` of a bundle).
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from consent.domain.checkpoint import CheckpointError
from consent.domain.errors import ConsentError
from consent.domain.hashing import canonical_json
from consent.domain.merkle import ConsistencyError
from consent.domain.note import NoteError
from consent.domain.typed_data import Address
from consent.verifier.certificate import AnchorContract
from consent.verifier.fields import LARGEST_FILE, LARGEST_WHOLE, read_file
from consent.verifier.policy import LARGEST_NOTE, LogTrust
from consent.verifier.witness import Witness, WitnessError, WitnessRefusesError, read_proofs

USAGE, NOT_VERIFIED, BROKEN = 2, 6, 7
_REFUSALS: Final = (WitnessRefusesError, ConsistencyError, NoteError, CheckpointError)
_LARGEST_PASSPHRASE: Final = 4096


class WitnessUsageError(ConsentError):
    """An option of a signer's command has not the form that its help shows; give it again."""


def drawn(state: Path, name: str, group: str, log: LogTrust, passphrase_file: Path | None = None) -> str:
    """Draw a signer's key into a new file and return its registration, TOML for an auditor's policy."""
    passphrase = _passphrase(passphrase_file)
    return Witness.create(state, name, group, log, passphrase).registration(passphrase)


def signed(
    state: Path,
    checkpoint: Path,
    anchor: AnchorContract,
    consistency: Path | None = None,
    passphrase_file: Path | None = None,
) -> str:
    """Sign a checkpoint that continues the last one and return the cosignature, JSON."""
    note = _text(read_file(checkpoint, "the checkpoint", WitnessUsageError, LARGEST_NOTE))
    content = read_file(consistency, "the consistency proof", WitnessUsageError, LARGEST_FILE) if consistency else b""
    passphrase = _passphrase(passphrase_file)
    cosignature = Witness.open(state).sign(note, anchor, read_proofs(content), passphrase)
    return canonical_json(cosignature.to_json()).decode() + "\n"


def log_of(origin: str, key: str) -> LogTrust:
    """Return the log that a signer is to witness; `key` is 64 hex digits."""
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise WitnessUsageError("a log's key is 64 lower-case hex digits")
    return LogTrust(origin, (bytes.fromhex(key),))


def contract_of(text: str) -> AnchorContract:
    """Read `CHAIN:ADDRESS`, the id of the chain and the anchor's 40 hex digits."""
    parts = re.fullmatch(r"([0-9]{1,16}):(?:0x)?([0-9a-f]{40})", text)
    if parts is None or int(parts[1]) > LARGEST_WHOLE:
        raise WitnessUsageError("an anchor is CHAIN:ADDRESS, a number and 40 lower-case hex digits")
    return AnchorContract(int(parts[1]), Address(bytes.fromhex(parts[2])))


def witness_main(argv: Sequence[str]) -> int:
    """Run one command; return 0, 6 when a checkpoint must not be signed, 2 for wrong files and 7 for a full disk."""
    options = _parser().parse_args(argv)
    try:
        sys.stdout.write(_run(options))
    except OSError as error:
        return _told(BROKEN, f"the system says: {error.strerror or type(error).__name__}; see to that and try again")
    except ConsentError as error:
        return _told(NOT_VERIFIED if isinstance(error, _REFUSALS) else USAGE, str(error))
    return 0


def _run(options: argparse.Namespace) -> str:
    if options.command == "init":
        log = log_of(options.origin, options.log_key)
        return drawn(options.state, options.name, options.group, log, options.passphrase_file)
    contract = contract_of(options.anchor)
    return signed(options.state, options.checkpoint, contract, options.consistency, options.passphrase_file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m consent.verifier witness", description="Co-sign checkpoints.")
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="draw a key and print what auditors need to know of it")
    init.add_argument("state", type=Path, help="the signer's new file; keep it to yourself")
    for option in ("--name", "--group", "--log-key", "--origin"):
        init.add_argument(option, required=True)
    sign = commands.add_parser("sign", help="sign a checkpoint that continues the last one")
    sign.add_argument("state", type=Path, help="the signer's file")
    sign.add_argument("checkpoint", type=Path, help="the signed note")
    sign.add_argument("--anchor", required=True, help="CHAIN:ADDRESS of the log's anchor")
    sign.add_argument("--consistency", type=Path, help="the proof from what was signed last")
    for command in (init, sign):
        command.add_argument("--passphrase-file", type=Path, help="a file whose first line seals the signer's key")
    return parser


def _passphrase(file: Path | None) -> bytes:
    if file is None:
        return b""
    passphrase = read_file(file, "the passphrase's file", WitnessError, _LARGEST_PASSPHRASE).split(b"\n", 1)[0].strip()
    if not passphrase:
        raise WitnessError("the passphrase's file is empty: its first line opens the signer's key")
    return passphrase


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise NoteError("a note is text in UTF-8") from error


def _told(code: int, sentence: str) -> int:
    sys.stderr.write(f"consentry: {sentence}\n")
    return code
