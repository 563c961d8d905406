"""`consentry verify`: an auditor's replay of one installation's folder, or their check of a bundle."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from consent import wiring
from consent.cli.errors import NOT_VERIFIED
from consent.domain.receipt import InvalidReceiptError, Receipt
from consent.ports import Unit
from consent.services.acts import read_acts
from consent.services.auditing import (
    Finding,
    Replayed,
    audit_acts,
    audit_chain,
    audit_identity,
    audit_kept,
    audit_key_times,
    audit_known_checkpoint,
    audit_log,
    audit_receipts,
    leaves_of,
    waiting_acts,
)
from consent.settings import Databases
from consent.wiring import AuditRoom

VERDICTS = {True: "[green]holds[/]", False: "[red]FAILS[/]", None: "[yellow]open [/]"}


@dataclass(frozen=True, slots=True)
class Held:
    """What an auditor holds of their own: files of receipts and checkpoints, and a copy of the identity."""

    receipts: Path | None
    checkpoints: list[Path]
    trusted: Path | None

    def with_what_lies_beside(self, home: Path) -> "Held":
        """Take, where nothing was named, what the demo's patients and its auditor left beside the installation."""
        beside = home / "patients" / "receipts.jsonl"
        return Held(
            self.receipts or (beside if beside.exists() else None),
            self.checkpoints or sorted((home / "auditor").glob("checkpoint-*.txt")),
            self.trusted,
        )


def run(home: Path, held: Held, rpc: str = "") -> None:
    """Print each finding; exit 6 naming the first that does not hold."""
    with wiring.opened_for_audit(home, rpc, Databases.read()) as room:
        told(_findings(room, held))


def of_bundle(path: Path, policy: Path, receipts: Path | None, *, as_json: bool) -> NoReturn:
    """Check a bundle as `python -m consent.verifier` does, and end as that does."""
    from consent.verifier.command import run as checked

    sys.exit(checked(path, policy, receipts, as_json=as_json))


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
    with room.store.reading() as unit:
        yield from audit_kept(unit, acts.releases, room.ledger, (room.public_key, room.verify))


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


def _text(path: Path) -> str:
    """Read a file as text; what is not UTF-8 becomes a mark that no format holds, so that its check names it."""
    return path.read_text(encoding="utf-8", errors="replace")
