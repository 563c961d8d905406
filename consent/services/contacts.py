"""Where letters to a person go, as they said: sealed under their key, and gone with it."""

import json
from dataclasses import dataclass
from typing import Final, Self

from consent.domain.hashing import canonical_json
from consent.domain.terms import SubjectId
from vault import Vault

CONTACT: Final = "contact"
"""The label under which a person's key seals it."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A mail address, empty for none, and the language of letters to it (ISO 639-1)."""

    address: str = ""
    language: str = "en"

    def to_bytes(self) -> bytes:
        """Return canonical JSON: what is sealed."""
        return canonical_json({"address": self.address, "language": self.language})

    @classmethod
    def from_bytes(cls, opened: bytes) -> Self:
        """Read what `to_bytes` wrote."""
        value = json.loads(opened)
        return cls(value["address"], value["language"])


def contact_of(vault: Vault, subject: SubjectId, sealed: bytes | None) -> Contact:
    """Open what is kept of a person; no address where nothing is. Raises the vault's errors."""
    return Contact() if sealed is None else Contact.from_bytes(vault.unseal(subject, CONTACT, sealed))
