"""Who left a release since it was trained: whose consent ended, whose ran out, and how many were erased.

No record is opened and no access logged. Whose row a row is tells its owner's MAC; the consent that it rests on is in
its opening, as evidence shows it. A row that no living key owns is an erased person's, whoever that was.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from consent.domain.entry import Action
from consent.domain.manifest import Opening
from consent.domain.telling import said
from consent.domain.terms import SubjectId
from consent.ports import AuditLog, StoredOpening, StoredRelease, Unit
from consent.services.book import BookEntry, ConsentBook
from consent.services.projection import LedgerProjection
from consent.services.studies.openings import keyed, owners
from consent.services.studies.training import OPENING_LABEL
from vault import Part, Vault

_TOLD: Final = tuple(f'{{"action":"{action.value}"'.encode() for action in (Action.STOP, Action.ERASE))
"""How the entries begin that tell when somebody left (RFC 8785 sorts names)."""
STOPPED, EXPIRED = "stopped", "expired"


@dataclass(frozen=True, slots=True)
class Departures:
    """How many left a release, and since when (Unix seconds), None where nobody did.

    Attributes:
        stopped: whose consent was stopped or revoked, or does not allow this study any more.
        expired: whose consent ran out.
        erased: who was erased, or asked for it.
        since: when the first of all of these left.
        erased_since: when the first person asked to be erased who may be one of those.
    """

    stopped: int = 0
    expired: int = 0
    erased: int = 0
    since: int | None = None
    erased_since: int | None = None

    @property
    def people(self) -> int:
        """How many left."""
        return self.stopped + self.expired + self.erased


@dataclass(frozen=True, slots=True)
class Members:
    """Whose rows stand in a release, of those who have a key, and how many rows are nobody's any more."""

    rows: Mapping[SubjectId, StoredOpening]
    unowned: int


def members(unit: Unit, vault: Vault, study: str, release: int) -> Members:
    """Return whose rows stand in a release."""
    kept, living = unit.studies.openings(study, release), keyed(unit, vault)
    whose = dict(zip(owners(vault, study, release, living), living, strict=True))
    rows = {whose[opening.owner]: opening for opening in kept if opening.owner in whose}
    return Members(rows, len(kept) - len(rows))


def departures(
    unit: Unit,
    stored: StoredRelease,
    standing_in: Members,
    judged: "Judged",
    permitted: AbstractSet[SubjectId],
) -> Departures:
    """Count who left a release; `permitted` are those whom the gate would admit to its training now."""
    times = _Times.read(unit.log, stored)
    parts = [Part(subject, opening.sealed, opening.leaf) for subject, opening in standing_in.rows.items()]
    opened = map(Opening.from_bytes, judged.vault.unseal_all(OPENING_LABEL, parts))
    left: list[tuple[str, int]] = []
    for subject, opening in zip(standing_in.rows, opened, strict=True):
        ended = judged.ended(subject, opening.commitment, times)
        left += [ended] if ended else [] if subject in permitted else [(STOPPED, times.trained)]
    erased_since = min(times.erasures, default=times.trained) if standing_in.unowned else None
    count, firsts = Counter(why for why, _ in left), [time for _, time in left]
    firsts += [] if erased_since is None else [erased_since]
    return Departures(count[STOPPED], count[EXPIRED], standing_in.unowned, min(firsts, default=None), erased_since)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a consent under a row is judged by: book and projection, up to date in this transaction, and the time.

    `now` in Unix seconds, by our clock or the ledger's, whichever is later.
    """

    vault: Vault
    book: ConsentBook
    projection: LedgerProjection
    now: int

    def ended(self, subject: SubjectId, commitment: bytes, times: "_Times") -> tuple[str, int] | None:
        """Say why and when the consent under a row ended, None while it is in force.

        Where nothing tells when, it is the time of the training: sooner rather than later.
        """
        entry = next((one for one in self.book.entries(subject) if one.commitment == commitment), None)
        if entry is None:
            return STOPPED, times.trained
        expires, revoked = self.projection.standings()(entry.patient, commitment)
        if entry.stopped or revoked:
            return STOPPED, times.stops.get(entry.id) or self._revoked_at(entry, times)
        if expires is None or expires <= self.now:
            return EXPIRED, expires or times.trained
        return None

    def _revoked_at(self, entry: BookEntry, times: "_Times") -> int:
        """Guess when a revocation came that went past this installation, from its block's place among the blocks."""
        row, head = self.projection.rows.get((entry.patient, entry.commitment)), self.projection.head
        if row is None or row.revoked_block is None or head is None or head.block.number <= times.block:
            return times.trained
        share = (row.revoked_block - times.block) / (head.block.number - times.block)
        return round(times.trained + max(0.0, share) * (head.block.time - times.trained))


@dataclass(frozen=True, slots=True)
class _Times:
    """When what happened, by the log and the manifest, in Unix seconds.

    Attributes:
        block: at which the release's consents were judged.
        trained: time of that block.
        stops: when each consent was stopped, by its id.
        erasures: when people were blocked since then.
    """

    block: int
    trained: int
    stops: Mapping[str, int]
    erasures: Sequence[int]

    @classmethod
    def read(cls, log: AuditLog, stored: StoredRelease) -> "_Times":
        """Read the log and the manifest."""
        manifest, stops, erasures = json.loads(stored.manifest), dict[str, int](), list[int]()
        for body in _bodies(log):
            if body.get("action") == Action.STOP:
                stops.setdefault(str(body.get("consent", "")), int(body["time"]))
            elif body.get("verdict") == "BLOCKED" and body["time"] >= manifest["block_time"]:
                erasures.append(int(body["time"]))
        return cls(manifest["block"], manifest["block_time"], stops, erasures)


def _bodies(log: AuditLog) -> Iterator[Mapping[str, Any]]:
    return (said(entry) or {} for entry in log.entries() if entry.body.startswith(_TOLD))
