"""The log anchor's rules without a chain: a pure twin of `contracts/log_anchor.vy`.

A call that the contract refuses raises `LedgerRejectedError` with the contract's own reason and changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consent.domain.errors import LedgerRejectedError
from consent.domain.held_role import NO_REASON, HeldRole, require
from consent.domain.merkle import ConsistencyError, tree_root, verify_consistency
from consent.domain.typed_data import Address

PROOF_LIMIT: Final = 64


@dataclass(slots=True)
class LogAnchor:
    """All that the contract keeps.

    Attributes:
        anchorer: the role that may anchor.
        size: how many leaves the kept tree has, 0 before the first.
        root: its root, 32 bytes.
    """

    anchorer: HeldRole
    size: int = 0
    root: bytes = tree_root([])

    def anchor(self, sender: Address, size: int, root: bytes, proof: Sequence[bytes]) -> None:
        """Keep a larger tree that `proof` (RFC 6962, 2.1.2) shows to continue the kept one; the first takes none."""
        require(len(proof) <= PROOF_LIMIT, NO_REASON)
        self.anchorer.require(sender)
        require(size > self.size, "anchor: size does not grow")
        if self.size == 0:
            require(not proof, "anchor: first proof is not empty")
        else:
            self._require_continued(size, root, proof)
        self.size, self.root = size, root

    def propose_anchorer(self, sender: Address, proposed: Address) -> None:
        """Offer the role of anchorer; the zero address takes an offer back."""
        self.anchorer.propose(sender, proposed)

    def accept_anchorer(self, sender: Address) -> None:
        """Take the role that was offered to the sender."""
        self.anchorer.accept(sender)

    def _require_continued(self, size: int, root: bytes, proof: Sequence[bytes]) -> None:
        try:
            verify_consistency(self.size, size, proof, self.root, root)
        except ConsistencyError as error:
            raise LedgerRejectedError("anchor: not a continuation") from error
