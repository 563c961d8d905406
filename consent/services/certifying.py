"""Keeping the certificates that witnesses' signatures make: of checkpoints that this log signed, each with an entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consent.domain.checkpoint import Checkpoint
from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json
from consent.domain.note import unverified_text
from consent.ports import Store, StoredCertificate
from consent.services.log import Log

CERTIFIED: Final = "CERTIFIED"
"""The verdict of the entry."""


class CertifyError(ConsentError):
    """Nothing was stored: what was co-signed is no checkpoint of this log; ask which one the signers were given."""


@dataclass(frozen=True, slots=True)
class Certifying:
    """Stores certificates that somebody has verified against a policy."""

    store: Store
    log: Log

    def keep(
        self, certificate: StoredCertificate, checkpoint: Checkpoint, signers: Sequence[str], now: int
    ) -> None:  # fmt: skip
        """Store a verified certificate with its entry; raise `CertifyError` unless this log signed the checkpoint."""
        facts: dict[str, Json] = {"size": certificate.size, "version": certificate.version, "signers": list(signers)}
        with self.store.begin() as unit:
            note = unit.log.checkpoint_at(certificate.size)
            if note is None or Checkpoint.from_text(unverified_text(note)) != checkpoint:
                raise CertifyError("this log signed no such checkpoint: ask which one the signers were given")
            unit.certificates.add(certificate)
            self.log.append(unit, [Entry(now, "operator", Action.CERTIFY, CERTIFIED, facts=facts)])
