"""Transactions on their way: kept before they are sent, pushed until they are final, never sent twice.

Of all transactions with one role and nonce a chain takes one. So whatever was kept may be sent again at any time, after
a crash, a lost answer or a reorganisation; and a higher fee is one more transaction with the same nonce.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from consent.domain.errors import LedgerRejectedError
from consent.ports import ROLES, Act, Fate, Ledger, Mined, Role, SentTransaction, Store, Transaction, Unit

RAISE_AFTER_SECONDS: Final = 60
"""A transaction that is in no block after this long is sent again with a higher fee."""
RAISES: Final = 20
"""So often at most: after that a fee is ten times what it was, and somebody should look."""
RESEND_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Settled:
    """A nonce that is used for good: where its transaction is mined, None where it failed or another took its place."""

    nonce: int
    mined: Mined | None


@dataclass(slots=True)
class Sending:
    """Sends acts to the ledger, one at a time for each role."""

    store: Store
    ledger: Ledger
    _sent: dict[bytes, int] = field(default_factory=dict)
    _waiting: set[Role] = field(default_factory=set)

    def is_free(self, role: Role) -> bool:
        """Say whether a role's next act may go: none of its transactions is still in no block."""
        return role not in self._waiting

    def look_after(
        self, role: Role, now: int, final: int, settle: Callable[[Unit, Settled], object]
    ) -> list[Settled]:  # fmt: skip
        """See what became of a role's transactions; `settle` is called for each nonce that is used for good.

        It runs in the database transaction that forgets them. What is in no block is sent again. `final` is the newest
        final block whose events are stored: what is in a later one is done, and nobody here would know.
        """
        with self.store.reading() as unit:
            pending = unit.transactions.pending(role)
        self._waiting.discard(role)
        settled: list[Settled] = []
        for nonce, same in groupby(pending, key=lambda sent: sent.transaction.nonce):
            done = self._fate(nonce, list(same), final, now)
            if done is not None:
                settled.append(done)
                self._settle(role, done, settle)
        return settled

    def send(self, act: Act, now: int, keep: Callable[[Unit, int], bool], give_up: Callable[[Unit], object]) -> bool:
        """Keep and send one act; returns False when `keep(unit, nonce)` finds that it is not wanted any more.

        Raises `LedgerRejectedError`, having called `give_up` if it was kept, when the contract refuses it.
        """
        role = ROLES[type(act)]
        with self.store.reading() as unit:
            pending = unit.transactions.pending(role)
        nonce = max([self.ledger.next_nonce(role), *(sent.transaction.nonce + 1 for sent in pending)])
        transaction = self.ledger.prepare(act, nonce)
        with self.store.begin() as unit:
            if not keep(unit, nonce):
                return False
            unit.transactions.add(transaction, now)
        try:
            self._submit(transaction, now)
        except LedgerRejectedError:
            self._settle(role, Settled(nonce, None), lambda unit, _: give_up(unit))
            raise
        return True

    def _fate(self, nonce: int, same: Sequence[SentTransaction], final: int, now: int) -> Settled | None:
        outcomes = [self.ledger.outcome(sent.transaction) for sent in same]
        for outcome in outcomes:
            if outcome.mined is not None:
                mined = outcome.mined if outcome.fate is Fate.MINED else None
                return Settled(nonce, mined) if outcome.mined.block <= final else None
        if all(outcome.fate is Fate.REPLACED for outcome in outcomes):
            return Settled(nonce, None)
        return self._push(same, now)

    def _push(self, same: Sequence[SentTransaction], now: int) -> Settled | None:
        """Send what is in no block again, with a higher fee once it has waited; what is refused is settled."""
        transaction = same[-1].transaction
        self._waiting.add(transaction.role)
        if now - same[-1].sent_at >= RAISE_AFTER_SECONDS and len(same) <= RAISES:
            transaction = self._raised(transaction, now)
        try:
            if now - self._sent.get(transaction.hash, 0) >= RESEND_SECONDS:
                self._submit(transaction, now)
        except LedgerRejectedError:
            return Settled(transaction.nonce, None)
        return None

    def _raised(self, transaction: Transaction, now: int) -> Transaction:
        raised = self.ledger.raised(transaction)
        if raised.hash != transaction.hash:
            with self.store.begin() as unit:
                unit.transactions.add(raised, now)
        return raised

    def _submit(self, transaction: Transaction, now: int) -> None:
        self._waiting.add(transaction.role)
        self.ledger.submit(transaction)
        self._sent[transaction.hash] = now
        if self.ledger.outcome(transaction).fate is not Fate.WAITING:
            self._waiting.discard(transaction.role)

    def _settle(self, role: Role, settled: Settled, settle: Callable[[Unit, Settled], object]) -> None:
        with self.store.begin() as unit:
            for sent in unit.transactions.pending(role):
                if sent.transaction.nonce == settled.nonce:
                    self._sent.pop(sent.transaction.hash, None)
            unit.transactions.settle(role, settled.nonce)
            settle(unit, settled)
        self._waiting.discard(role)
