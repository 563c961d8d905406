"""The verifier as a command: what it is asked, what it prints, and with which code it ends."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TextIO

from consent.domain.errors import ConsentError
from consent.verifier import report
from consent.verifier.archive import UnreadableBundleError
from consent.verifier.findings import Finding
from consent.verifier.policy import Policy
from consent.verifier.receipt_checks import read_receipts
from consent.verifier.run import verify
from consent.verifier.witness_main import witness_main

HOLDS, USAGE, UNREADABLE, FAILS = 0, 2, 4, 6
_DESCRIPTION: Final = "Check an evidence bundle against an auditor's own policy, offline."
_EPILOG: Final = "`python -m consent.verifier witness --help` is for those who co-sign checkpoints."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with these arguments, or those of the process; return the exit code. `witness …` is a signer's half."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["witness"]:
        return witness_main(given[1:])
    asked = _parser().parse_args(given)
    return run(asked.bundle, asked.policy, asked.receipts, as_json=asked.json)


def run(bundle: Path, policy: Path, receipts: Path | None = None, *, as_json: bool = False) -> int:
    """Check a bundle and print what is found; return the exit code.

    0 when nothing fails, 6 when something does, 4 when the bundle cannot be read, 2 when policy or receipts cannot, or
    the policy's node does not answer.
    """
    try:
        trusted = Policy.read(policy)
        return _told(verify(bundle, trusted, read_receipts(receipts) if receipts else ()), as_json=as_json)
    except UnreadableBundleError as error:
        return _refused(error, UNREADABLE)
    except ConsentError as error:
        return _refused(error, USAGE)


def _told(findings: Iterator[Finding], *, as_json: bool) -> int:
    """Print findings as they come, and the first failure on standard error."""
    kept = list[Finding]()
    if as_json:
        kept += findings
        _say(sys.stdout, report.as_json(kept))
    else:
        for line in report.text(_kept(findings, kept)):
            _say(sys.stdout, line)
    failure = report.failure(kept)
    if failure:
        _say(sys.stderr, f"consentry: {failure}")
    return FAILS if failure else HOLDS


def _kept(findings: Iterator[Finding], kept: list[Finding]) -> Iterator[Finding]:
    for finding in findings:
        kept.append(finding)
        yield finding


def _refused(error: ConsentError, code: int) -> int:
    _say(sys.stderr, f"consentry: {report.printable(str(error))}")
    return code


def _say(stream: TextIO, line: str) -> None:
    """Write a line; what a terminal has no letter for becomes a question mark."""
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m consent.verifier", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("bundle", type=Path, help="the bundle, a .zip file")
    parser.add_argument("--policy", type=Path, required=True, help="your own policy, auditor.toml")
    parser.add_argument("--receipts", type=Path, help="receipts that patients handed in, one a line")
    parser.add_argument("--json", action="store_true", help="write one JSON object instead of text")
    return parser
