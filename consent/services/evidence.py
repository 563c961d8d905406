"""Making evidence: the openings of a release's rows, for an auditor who replays them elsewhere."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from consent.domain.manifest import Manifest, Opening
from consent.domain.terms import SubjectId
from consent.ports import Store, StoredRelease, Unit
from consent.services.auditing import Evidence
from consent.services.studies.openings import owners
from consent.services.studies.training import OPENING_LABEL
from vault import Part, Vault

_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class EvidenceRoom:
    """Opens what auditors may see: addresses and commitments of training rows, never a record."""

    store: Store
    vault: Vault

    def of_release(self, release: StoredRelease) -> Evidence:
        """Return the evidence of one release; rows of people erased since stay closed."""
        with self.store.reading() as unit:
            openings = dict(self.rows(unit, release))
        return Evidence(Manifest.from_json(json.loads(release.manifest)), openings, release.envelope)

    def rows(self, unit: Unit, release: StoredRelease) -> Iterator[tuple[bytes, Opening | None]]:
        """Yield each row's leaf with its opening, in the order of leaves; None where its person has no key any more."""
        sealed, whose = iter(unit.studies.openings(release.study, release.release)), self._owners(release)
        while some := list(islice(sealed, _AT_ONCE)):
            readable = [Part(whose[one.owner], one.sealed, one.leaf) for one in some if one.owner in whose]
            opened = map(Opening.from_bytes, self.vault.unseal_all(OPENING_LABEL, readable))
            found = dict(zip((part.context for part in readable), opened, strict=True))
            yield from ((one.leaf, found.get(one.leaf)) for one in some)

    def _owners(self, release: StoredRelease) -> dict[bytes, SubjectId]:
        """Return whose rows may be here, by what rows call their owner; old ones call them by their SubjectId."""
        living = [SubjectId(subject) for subject in self.vault.keys.subjects()]
        macs = owners(self.vault, release.study, release.release, living)
        return dict(zip(macs, living, strict=True)) | {subject.encode(): subject for subject in living}
