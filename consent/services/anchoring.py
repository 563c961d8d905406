"""Anchoring: the newest signed checkpoint goes on chain, where a log that was rewritten cannot follow it."""

from dataclasses import dataclass

from consent.domain.checkpoint import Checkpoint
from consent.domain.errors import LogForkError, LogTreeError
from consent.domain.merkle import ConsistencyError, consistency_of, root_of, verify_consistency
from consent.domain.note import unverified_text
from consent.ports import Anchored, AnchoredAt, AuditLog, Head, Ledger, Role, Store, Unit
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

        A wish for an anchor is met by what is sent, or on the chain. Raises `LogForkError` when the log does not
        continue what was signed or anchored before, `LedgerRejectedError` when the contract refuses: then somebody
        must look before anything is anchored again.
        """
        if not self.sending.is_free(Role.ANCHOR) or self._is_on_its_way():
            return False
        anchored, block = self.ledger.anchored(), self.ledger.final()
        with self.store.begin() as unit:
            _record(unit, anchored, block)
            if not unit.log.size():
                return False
            checkpoint = Checkpoint.from_text(unverified_text(self.log.checkpoint(unit)))
            proof, wish = proof_since(unit.log, anchored, checkpoint), unit.log.anchor_asked()
            if checkpoint.size == anchored.size:
                _meet(unit, wish)
                return False

        def keep(unit: Unit, _nonce: int) -> bool:
            _meet(unit, wish)
            return True

        act = AnchorAct(checkpoint.size, checkpoint.root, proof)
        return self.sending.send(act, now, keep, lambda _unit: None)

    def is_wished(self) -> bool:
        """Say whether somebody wants the log anchored before its time."""
        with self.store.reading() as unit:
            return unit.log.anchor_asked() is not None

    def settle(self) -> bool:
        """Store what the chain holds for good, unless something is on its way; say whether nothing is.

        Raises `LogForkError` where the log does not continue that.
        """
        if self._is_on_its_way():
            return False
        anchored, block = self.ledger.anchored(), self.ledger.final()
        with self.store.begin() as unit:
            _record(unit, anchored, block)
        return True

    def _is_on_its_way(self) -> bool:
        with self.store.reading() as unit:
            return bool(unit.transactions.pending(Role.ANCHOR))


def _record(unit: Unit, anchored: Anchored, block: Head) -> None:
    """Store what the chain holds, with a block that was asked for after it: it is in that one or came before."""
    require_continued(unit.log, anchored)
    if anchored.size:
        unit.log.add_anchor(AnchoredAt(anchored.size, block.number, block.time))


def _meet(unit: Unit, wish: int | None) -> None:
    if wish is not None:
        unit.log.forget_anchor_wishes(wish)


def require_continued(log: AuditLog, anchored: Anchored) -> None:
    """Raise `LogForkError` unless the log goes on from what the chain holds: before anything is signed."""
    if anchored.size > log.size() or (anchored.size and _root(log, anchored.size) != anchored.root):
        raise LogForkError("the log is not the one that the chain holds: restore it, nothing is anchored till then")


def proof_since(log: AuditLog, anchored: Anchored, checkpoint: Checkpoint) -> list[bytes]:
    """Return the proof that a checkpoint continues what the chain holds; raise `LogForkError` where it does not."""
    if not anchored.size:
        return []
    try:
        proof = consistency_of(anchored.size, checkpoint.size, log.subtrees)
        verify_consistency(anchored.size, checkpoint.size, proof, anchored.root, checkpoint.root)
    except (ConsistencyError, LogTreeError) as error:
        raise LogForkError("what was signed does not continue what the chain holds: restore the log") from error
    return proof


def _root(log: AuditLog, size: int) -> bytes | None:
    try:
        return root_of(size, log.subtrees)
    except LogTreeError:
        return None
