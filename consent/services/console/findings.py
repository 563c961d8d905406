"""The checks that need no bundle: what this installation can say of itself, each computed again as it is asked.

They are the operator's own word. What an auditor checks on a machine of theirs is the bundle (`consent.verifier`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from consent.domain.erasure import ErasureState
from consent.domain.manifest import rows_root
from consent.ports import StoredRelease, Unit
from consent.services.acts import read_acts
from consent.services.auditing import Finding, audit_acts, audit_key_times, audit_log
from consent.services.console.checkpoints import CheckpointPage, Checkpoints
from consent.services.console.foundations import Foundation, Foundations
from consent.services.console.reconciling import Reconciled, Reconciling
from consent.services.console.sides import Sides
from consent.services.erasure import Erasures
from consent.services.projection import Standings

MONTH: Final = 30 * 86400
"""Within so many seconds of a request the key is to be deleted (GDPR, article 12 (3)), unless the law keeps it."""
_KEYED: Final = frozenset({ErasureState.REQUESTED, ErasureState.HOLD_CHECK, ErasureState.BLOCKED})


@dataclass(frozen=True, slots=True)
class Findings:
    """Runs the checks."""

    sides: Reconciling
    checkpoints: Checkpoints
    foundations: Foundations
    erasures: Erasures

    def all(self) -> Iterator[Finding]:
        """Yield a finding for each thing checked."""
        yield from self._log()
        yield from self._proofs(self.checkpoints.page(None, 1))
        yield self._copy()
        yield from _agreeing(self.sides.all())
        for foundation in self.foundations.all():
            yield from self._model(foundation)
        yield self._erasures()

    def _log(self) -> Iterator[Finding]:
        identity = self.checkpoints.identity
        with self.sides.store.reading() as unit:
            self.sides.follow(unit)
            yield from audit_log(unit.log, identity.origin, identity.public_key, identity.verify)
            yield from audit_acts(read_acts(unit.log, judge=self.sides.book.history.judge), unit.patients)
            yield audit_key_times(unit.log)

    def _proofs(self, page: CheckpointPage) -> Iterator[Finding]:
        anchored = page.anchored
        seen = f"{anchored.size:,} entries are anchored, {anchored.behind:,} came since"
        seen += f", the oldest {anchored.lag // 60:,} minutes ago" if anchored.behind else ""
        yield Finding("log.anchored", None if anchored.newest is None else not anchored.late, seen)
        told = f"others signed the checkpoint of {page.certified:,} entries" if page.certified else "nobody else signed"
        yield Finding("log.certified", holds=True if page.certified else None, seen=told)

    def _copy(self) -> Finding:
        head = self.sides.projection.head
        seen = f"read to block {head.block.number:,}" if head else "the chain was not read yet"
        return Finding("chain.copy", head.matches if head else None, seen)

    def _model(self, foundation: Foundation) -> Iterator[Finding]:
        name = f"release.{foundation.study}.{foundation.release}"
        kept = "these bytes stand on chain with this manifest"
        yield Finding(f"{name}.registered", foundation.registered, kept if foundation.registered else "not on chain so")
        with self.sides.store.reading() as unit:
            self.sides.follow(unit)
            stored = next(r for r in unit.studies.releases(foundation.study) if r.release == foundation.release)
            yield Finding(
                f"{name}.rows", _is_whole(unit, stored), f"{foundation.rows:,} leaves give the manifest's root"
            )
            yield self._consents(name, foundation, unit)

    def _consents(self, name: str, foundation: Foundation, unit: Unit) -> Finding:
        """Check that each consent under a model stood at its block; those of erased people can be checked no longer."""
        granted = self.sides.projection.as_of(foundation.block)
        found = {one.id: one for one in self.sides.of(unit, [row.consent for row in foundation.living])}
        wrong = sum(not _stood(found.get(row.consent), granted, foundation.block_time) for row in foundation.living)
        seen = f"{len(foundation.living):,} consents stood at block {foundation.block:,}"
        seen += f", {foundation.erased:,} can be checked no longer" if foundation.erased else ""
        return Finding(f"{name}.consents", not wrong, f"{wrong:,} did not stand then" if wrong else seen)

    def _erasures(self) -> Finding:
        now, waiting = self.sides.now(), [one for one, _ in self.erasures.standing() if one.state in _KEYED]
        late = sum(now - one.asked_at > MONTH for one in waiting)
        seen = f"keys that wait to be deleted: {len(waiting):,}, for more than 30 days: {late:,}"
        return Finding("erasures.in_time", not late, seen)


def _stood(sides: Sides | None, ledger: Standings, time: int) -> bool:
    """Say whether a consent was on chain, not revoked and not run out, by what `ledger` says of a block at `time`."""
    if sides is None or sides.chain is None:
        return False
    expires, revoked = ledger(sides.chain.patient, sides.chain.commitment)
    return expires is not None and expires > time and not revoked


def _is_whole(unit: Unit, stored: StoredRelease) -> bool:
    """Say whether the leaves that are kept give the manifest's root."""
    manifest = json.loads(stored.manifest)
    leaves = [opening.leaf for opening in unit.studies.openings(stored.study, stored.release)]
    return (len(leaves), rows_root(leaves).hex()) == (manifest["rows"], manifest["rows_root"])


def _agreeing(found: Reconciled) -> Iterator[Finding]:
    differing = len(found.differing)
    agree = f"log, database, what was signed and chain agree on {found.logged:,} consents"
    yield Finding("consents.agree", not differing, f"{differing:,} do not agree" if differing else agree)
