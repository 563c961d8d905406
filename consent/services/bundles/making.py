"""Making a bundle: read in one transaction, kept on disk under no name, logged, and only then given out."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from consent.domain.bundle import RECEIPTS, Contents
from consent.domain.entry import Action, Entry
from consent.domain.hashing import Json
from consent.domain.terms import SubjectId
from consent.ports import Store, Unit
from consent.services.book import ConsentBook
from consent.services.bundles.chain_files import Chain, add_chain, final_block
from consent.services.bundles.consent_files import ConsentFile
from consent.services.bundles.log_files import add_entries, add_log
from consent.services.bundles.release_files import ReleaseFiles
from consent.services.bundles.scopes import Scope
from consent.services.bundles.selecting import Selection, select
from consent.services.bundles.spool import Spool
from consent.services.bundles.standing import Standing, standing
from consent.services.evidence import EvidenceRoom
from consent.services.log import Log
from consent.services.projection import LedgerProjection

BUNDLE: Final = "BUNDLE"
"""The verdict of the entry that a bundle was made."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants a bundle of.

    Attributes:
        scope: of what.
        since: sizes of checkpoints that the auditor kept, which the bundle's is to be shown to continue.
        at: the size of the checkpoint that it stands on; None: the newest certified one, or the newest.
        newest: rather the newest checkpoint than one that was certified.
    """

    scope: Scope
    since: Sequence[int] = ()
    at: int | None = None
    newest: bool = False


@dataclass(frozen=True, slots=True)
class Bundles:
    """Makes the bundles of one installation.

    Attributes:
        chain: opens the ledger for reading.
        folder: where files lie until they are whole, under no name: on a disk that may hold what consents say.
    """

    store: Store
    book: ConsentBook
    projection: LedgerProjection
    evidence: EvidenceRoom
    log: Log
    chain: Callable[[], AbstractContextManager[Chain]]
    folder: Path
    clock: Callable[[], datetime]

    def write(self, wanted: Wanted, file: BinaryIO, actor: str) -> str:
        """Write a bundle into an empty file that can be read back; return its SHA-256 in hex.

        The log has it, by that hash, before this returns: give nothing out before. Raises `BundleError`,
        `LogForkError`, and what an unreadable ledger raises; what is in the file then is to be thrown away.
        """
        if wanted.at is None:
            self._sign()
        with tempfile.TemporaryFile(dir=self.folder) as draft:
            spool = Spool(draft)
            contents = self._read(spool, wanted)
            sha256 = spool.written(contents, file, self.log.signer.sign)
        self._log(contents, sha256, actor)
        return sha256

    def _sign(self) -> None:
        with self.store.begin() as unit:
            self.log.checkpoint(unit)

    def _read(self, spool: Spool, wanted: Wanted) -> Contents:
        """Read everything as it stood at one moment; the chain after that, for it may only have gone on."""
        made = int(self.clock().timestamp())
        with self.chain() as chain, self.store.reading() as unit:
            self.projection.refresh(unit)
            stands = standing(unit, wanted.at, certified=not wanted.newest)
            scope = wanted.scope.within(stands.size)
            selection = select(unit, scope, stands.size)
            final = final_block(unit, chain.ledger)  # before the anchor is looked at, which so lies within or is stored
            add_log(spool, unit, stands, {*wanted.since, chain.ledger.anchored().size})
            add_chain(spool, chain, final)
            self._add_rest(spool, unit, stands, selection)
        return Contents(scope.kind, scope.members, self.log.origin, made, stands.size, spool.files)

    def _add_rest(self, spool: Spool, unit: Unit, stands: Standing, selection: Selection) -> None:
        consents, releases = ConsentFile(self.book), ReleaseFiles(self.evidence, self.projection)
        consents.add(spool, unit, selection)
        add_entries(spool, unit, stands, selection.indices)
        releases.add(spool, unit, selection, consents.ids)
        spool.add(RECEIPTS, [])
        releases.add_served(spool, unit, selection)

    def _log(self, contents: Contents, sha256: str, actor: str) -> None:
        """Say in the log who had which file made."""
        scope, time = dict(contents.scope), int(self.clock().timestamp())
        subject, study = scope.pop("subject", None), str(scope.pop("study", ""))
        facts: dict[str, Json] = {"kind": contents.kind.value, "sha256": sha256, "size": contents.size, **scope}
        named = SubjectId(str(subject)) if subject else None
        with self.store.begin() as unit:
            self.log.append(unit, [Entry(time, actor, Action.EXPORT, BUNDLE, named, study, facts=facts)])
