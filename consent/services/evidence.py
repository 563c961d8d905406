"""Making evidence: the openings of a release's rows, for an auditor who replays them elsewhere."""

import json
from dataclasses import dataclass

from consent.domain.manifest import Manifest, Opening
from consent.ports import Store, StoredRelease
from consent.services.auditing import Evidence
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
            living = {patient.subject for patient in unit.patients.everyone() if not patient.blocked}
        readable = [stored for stored in sealed if stored.subject in living]
        opened = self.vault.unseal_all(OPENING_LABEL, [Part(o.subject, o.sealed, o.leaf) for o in readable])
        openings: dict[bytes, Opening | None] = dict.fromkeys((stored.leaf for stored in sealed), None)
        pairs = zip(readable, opened, strict=True)
        openings |= {stored.leaf: Opening.from_bytes(content) for stored, content in pairs}
        return Evidence(Manifest.from_json(json.loads(release.manifest)), openings)
