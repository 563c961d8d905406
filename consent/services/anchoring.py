"""Anchoring: the newest signed checkpoint goes on chain, where a log that was rewritten cannot follow it."""

from collections.abc import Sequence
from dataclasses import dataclass

from consent.domain.checkpoint import Checkpoint
from consent.domain.errors import LogForkError
from consent.domain.merkle import consistency_proof, tree_root
from consent.domain.note import unverified_text
from consent.ports import Anchored, Ledger, Role, Store
from consent.ports import Anchoring as AnchorAct
from consent.services.log import Log
from consent.services.sending import Sending


@dataclass(frozen=True, slots=True)
class Anchoring:
    """Keeps the chain's copy of the log's root behind the log by at most one transaction."""

    store: Store
    ledger: Ledger
    sending: Sending
    log: Log

    def step(self, now: int) -> bool:
        """Sign the log as it stands and send it to the anchor, unless that is done or on its way; returns whether.

        Raises `LogForkError` when the log does not continue what was signed or anchored before,
        `LedgerRejectedError` when the contract refuses: then somebody must look before anything is anchored again.
        """
        if not self.sending.is_free(Role.ANCHOR) or self._is_on_its_way():
            return False
        anchored = self.ledger.anchored()
        with self.store.begin() as unit:
            leaves = unit.log.leaves()
            require_continued(leaves, anchored)
            if len(leaves) == anchored.size:
                return False
            checkpoint = Checkpoint.from_text(unverified_text(self.log.checkpoint(unit)))
        proof = consistency_proof(leaves[: checkpoint.size], anchored.size) if anchored.size else []
        act = AnchorAct(checkpoint.size, checkpoint.root, proof)
        return self.sending.send(act, now, lambda _unit, _nonce: True, lambda _unit: None)

    def _is_on_its_way(self) -> bool:
        with self.store.reading() as unit:
            return bool(unit.transactions.pending(Role.ANCHOR))


def require_continued(leaves: Sequence[bytes], anchored: Anchored) -> None:
    """Raise `LogForkError` unless the log goes on from what the chain holds: before anything is signed."""
    if anchored.size > len(leaves) or (anchored.size and tree_root(leaves[: anchored.size]) != anchored.root):
        raise LogForkError("the log is not the one that the chain holds: restore it, nothing is anchored till then")
