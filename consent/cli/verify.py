"""`consentry verify`: an auditor's replay of one installation's folder."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from consent import wiring
from consent.cli.errors import NOT_VERIFIED
from consent.domain.receipt import InvalidReceiptError, Receipt
from consent.ports import Unit
from consent.services.acts import read_acts
from consent.services.auditing import (
    Evidence,
    Finding,
    InvalidEvidenceError,
    Replayed,
    audit_acts,
    audit_chain,
    audit_envelope,
    audit_identity,
    audit_key_times,
    audit_known_checkpoint,
    audit_log,
    audit_missing,
    audit_receipts,
    audit_release,
    leaves_of,
    waiting_acts,
)
from consent.settings import Databases
from consent.wiring import AuditRoom

VERDICTS = {True: "[green]holds[/]", False: "[red]FAILS[/]", None: "[yellow]open [/]"}


@dataclass(frozen=True, slots=True)
class Held:
    """What an auditor holds of their own: files of receipts, evidence and checkpoints, and a copy of the identity."""

    receipts: Path | None
    evidence: list[Path]
    checkpoints: list[Path]
    trusted: Path | None

    def with_what_lies_beside(self, home: Path) -> "Held":
        """Take, where nothing was named, what the demo's patients and its auditor left beside the installation."""
        beside = home / "patients" / "receipts.jsonl"
        return Held(
            self.receipts or (beside if beside.exists() else None),
            self.evidence or sorted((home / "auditor").glob("release-*.json")),
            self.checkpoints or sorted((home / "auditor").glob("checkpoint-*.txt")),
            self.trusted,
        )


def run(home: Path, held: Held, rpc: str = "") -> None:
    """Print each finding; exit 6 naming the first that does not hold."""
    with wiring.opened_for_audit(home, rpc, Databases.read()) as room:
        told(_findings(room, held))


def told(found: Iterable[Finding]) -> None:
    """Print findings as they come; exit 6 naming the first that does not hold."""
    console = Console()
    findings = []
    for finding in found:
        line = f"{VERDICTS[finding.holds]}  {finding.name:<21} {finding.seen}"
        console.print(line, highlight=False, soft_wrap=True)
        findings.append(finding)
    failed = [finding for finding in findings if finding.holds is False]
    if failed:
        sys.stderr.write(f"consentry: {failed[0].name} does not hold; {len(failed)} of {len(findings)} checks fail\n")
        sys.exit(NOT_VERIFIED)
    unmade = sum(finding.holds is None for finding in findings)
    rest = f"; {unmade} could not be made" if unmade else ""
    console.print(f"All {len(findings) - unmade} checks hold{rest}.", highlight=False)


def _findings(room: AuditRoom, held: Held) -> Iterator[Finding]:
    yield from audit_identity(room.ledger, room.identity, wiring.read_identity(held.trusted) if held.trusted else None)
    chain, history = audit_chain(room.ledger)
    yield history
    receipts = _receipts(held.receipts) if held.receipts else []
    with room.store.reading() as unit:
        yield from _log_findings(room, held, unit)
        acts = read_acts(unit.log, judge=room.judge)
        yield from audit_acts(acts, unit.patients)
        waiting = waiting_acts(unit.outbox)
        leaves = leaves_of(unit.log, receipts)
        replayed = Replayed(chain, acts, leaves, waiting, int(wiring.utc_now().timestamp()))
    if receipts:
        yield from audit_receipts(receipts, replayed, room.verify)
    else:
        yield Finding("receipts", holds=None, seen="no whole receipt was given")
    evidence = [_evidence(path) for path in held.evidence]
    for one in evidence:
        yield audit_envelope(one, room.public_key, room.verify)
        yield from audit_release(one, chain, room.ledger, len(acts.erased))
    yield from audit_missing(acts, evidence)


def _log_findings(room: AuditRoom, held: Held, unit: Unit) -> Iterator[Finding]:
    yield from audit_log(unit.log, room.origin, room.public_key, room.verify)
    yield audit_key_times(unit.log)
    for path in held.checkpoints:
        yield audit_known_checkpoint(unit.log, _text(path), room.origin, room.public_key, room.verify)


def _receipts(path: Path) -> list[Receipt]:
    """Read receipts, one a line; a last line without its end was never handed out whole and is left out."""
    lines = _text(path).split("\n")[:-1]
    try:
        return [Receipt.from_json(json.loads(line)) for line in lines]
    except ValueError as error:
        raise InvalidReceiptError("a receipt is not JSON: use the file as it was handed out") from error


def _evidence(path: Path) -> Evidence:
    try:
        return Evidence.from_json(json.loads(_text(path)))
    except ValueError as error:
        raise InvalidEvidenceError("the evidence is not JSON: download it again") from error


def _text(path: Path) -> str:
    """Read a file as text; what is not UTF-8 becomes a mark that no format holds, so that its check names it."""
    return path.read_text(encoding="utf-8", errors="replace")
