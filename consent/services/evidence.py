"""Making evidence: the openings of a release's rows, for an auditor who replays them elsewhere."""

import json
from dataclasses import dataclass

from consent.domain.manifest import Manifest, Opening
from consent.ports import Store, StoredRelease
from consent.services.auditing import Evidence
from consent.services.studies.openings import keyed, owners
from consent.services.studies.training import OPENING_LABEL
from vault import Part, Vault


@dataclass(frozen=True, slots=True)
class EvidenceRoom:
    """Opens what auditors may see: addresses and commitments of training rows, never a record."""

    store: Store
    vault: Vault

    def of_release(self, release: StoredRelease) -> Evidence:
        """Return the evidence of one release; rows of people erased since stay closed."""
        with self.store.reading() as unit:
            sealed = unit.studies.openings(release.study, release.release)
            living = keyed(unit, self.vault)
        macs = owners(self.vault, release.study, release.release, living)
        whose = dict(zip(macs, living, strict=True)) | {subject.encode(): subject for subject in living}  # of old rows
        readable = [Part(whose[o.owner], o.sealed, o.leaf) for o in sealed if o.owner in whose]
        opened = self.vault.unseal_all(OPENING_LABEL, readable)
        openings: dict[bytes, Opening | None] = dict.fromkeys((stored.leaf for stored in sealed), None)
        openings |= {part.context: Opening.from_bytes(content) for part, content in zip(readable, opened, strict=True)}
        return Evidence(Manifest.from_json(json.loads(release.manifest)), openings, release.envelope)
