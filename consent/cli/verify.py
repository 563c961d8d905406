"""`consentry verify`: an auditor's replay of one installation's folder."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from consent import wiring
from consent.cli.errors import NOT_VERIFIED
from consent.domain.receipt import InvalidReceiptError, Receipt
from consent.services.auditing import (
    Evidence,
    Finding,
    InvalidEvidenceError,
    audit_chain,
    audit_log,
    audit_receipts,
    audit_release,
)
from consent.wiring import AuditRoom


def run(home: Path, receipts: Path | None, evidence: list[Path]) -> None:
    """Print each finding; exit 6 naming the first that does not hold."""
    console = Console()
    receipts = receipts or _existing(home / "patients" / "receipts.jsonl")
    evidence = evidence or sorted((home / "auditor").glob("release-*.json"))
    with wiring.opened_for_audit(home) as room:
        findings = []
        for finding in _findings(room, receipts, evidence):
            verdict = "[green]holds[/]" if finding.holds else "[red]FAILS[/]"
            console.print(f"{verdict}  {finding.name:<21} {finding.seen}", highlight=False, soft_wrap=True)
            findings.append(finding)
    failed = [finding for finding in findings if not finding.holds]
    if failed:
        sys.stderr.write(f"consentry: {failed[0].name} does not hold; {len(failed)} of {len(findings)} checks fail\n")
        sys.exit(NOT_VERIFIED)
    console.print(f"All {len(findings)} checks hold.", highlight=False)


def _findings(room: AuditRoom, receipts: Path | None, evidence: list[Path]) -> Iterator[Finding]:
    chain, history = audit_chain(room.ledger)
    yield history
    with room.store.reading() as unit:
        yield from audit_log(unit.log, room.origin, room.public_key, room.verify)
        if receipts:
            yield from audit_receipts(_receipts(receipts), unit.log, unit.outbox, chain, room.verify)
    for path in evidence:
        yield from audit_release(_evidence(path), chain, room.ledger)


def _receipts(path: Path) -> list[Receipt]:
    """Read receipts, one a line; a last line without its end was never handed out whole and is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    try:
        return [Receipt.from_json(json.loads(line)) for line in lines]
    except ValueError as error:
        raise InvalidReceiptError("a receipt is not JSON: use the file as it was handed out") from error


def _evidence(path: Path) -> Evidence:
    try:
        return Evidence.from_json(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise InvalidEvidenceError("the evidence is not JSON: download it again") from error


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None
