"""Logs of tests: leaves, their signed notes and consistency proofs, under one drawn key."""

import json
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.domain.checkpoint import Checkpoint
from consent.domain.merkle import consistency_proof, leaf_hash, tree_root
from consent.domain.note import sign

ORIGIN: Final = "consentry.example/log"


@dataclass(frozen=True)
class TestLog:
    """A log that its operator can cut and write anew as they like."""

    __test__ = False

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    origin: str = ORIGIN

    @property
    def public(self) -> bytes:
        """The 32-byte public key."""
        return self.key.public_key().public_bytes_raw()

    def leaves(self, size: int, branch: str = "") -> list[bytes]:
        """Return leaf hashes; those of a `branch` differ from the fourth on."""
        return [leaf_hash(f"{branch if place >= 3 else ''}{place}".encode()) for place in range(size)]

    def checkpoint(self, size: int, branch: str = "") -> Checkpoint:
        """Return the checkpoint of so many leaves."""
        return Checkpoint(self.origin, size, tree_root(self.leaves(size, branch)))

    def note(self, size: int, branch: str = "") -> str:
        """Return it signed."""
        return sign(self.checkpoint(size, branch).to_text(), self.origin, self.public, self.key.sign)

    def proof(self, old: int, new: int, branch: str = "") -> list[bytes]:
        """Return the consistency proof between two sizes."""
        return consistency_proof(self.leaves(new, branch), old)

    def proof_line(self, old: int, new: int, branch: str = "") -> str:
        """Return it as a line of consistency.ndjson."""
        proof = [part.hex() for part in self.proof(old, new, branch)]
        return json.dumps({"old": old, "new": new, "proof": proof}) + "\n"
