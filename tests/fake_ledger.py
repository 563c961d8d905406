"""A ledger in memory, over the contracts' twins: the reference that every real chain is held against."""

# ruff: noqa: D102  # the port says what each of these does

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from consent.adapters.chain_keys import ChainKeys
from consent.adapters.contract_acts import call_of
from consent.domain.errors import LedgerUnavailableError
from consent.domain.hashing import keccak
from consent.domain.held_role import HeldRole
from consent.domain.history import EMPTY_HISTORY, Event
from consent.domain.log_anchor import LogAnchor
from consent.domain.model_registry import ModelRegistry
from consent.domain.registry import Registry
from consent.domain.typed_data import Address, SigningDomain
from consent.ports import (
    ROLES,
    Act,
    Anchored,
    Anchoring,
    Fate,
    Grants,
    Head,
    Mined,
    ModelChange,
    ModelStatus,
    Outcome,
    Registration,
    Revocations,
    Role,
    StatusChange,
    Transaction,
)
from consent.signatures import recover

REGISTRY: Final = Address(bytes([7]) * 20)
GAS_AN_ITEM: Final = 8_000


@dataclass
class FakeLedger:
    """A `Ledger` whose blocks are final at once; `now` is its clock, in Unix seconds."""

    keys: ChainKeys
    now: Callable[[], int]
    blocks: list[Head] = field(default_factory=list)
    _histories: list[bytes] = field(default_factory=list)
    _changes: list[ModelChange] = field(default_factory=list)
    _acts: dict[bytes, Act] = field(default_factory=dict)
    _done: dict[bytes, Mined] = field(default_factory=dict)
    _nonces: dict[Role, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        custodian, owner, anchorer = (self.keys.address(r) for r in (Role.CUSTODIAN, Role.OPERATOR, Role.ANCHOR))
        self._registry = Registry(self.domain, HeldRole("registry", "custodian", custodian), recover)
        self._models = ModelRegistry(HeldRole("models", "owner", owner))
        self._anchor = LogAnchor(HeldRole("anchor", "anchorer", anchorer))
        self._seal()

    @property
    def domain(self) -> SigningDomain:
        return SigningDomain(self.keys.chain_id, REGISTRY)

    def head(self) -> Head:
        return self.blocks[-1]

    def final(self) -> Head:
        return self.blocks[-1]

    def block(self, number: int) -> Head:
        if number >= len(self.blocks):
            raise LedgerUnavailableError("the chain has no block of this number yet")
        return self.blocks[number]

    def events(self, first: int, last: int) -> list[Event]:
        if first <= last:
            self.block(last)
        return [event for event in self._registry.events if first <= event.block <= last]

    def model_changes(self, first: int, last: int) -> list[ModelChange]:
        return [change for change in self._changes if first <= change.block <= last]

    def history(self, block: int) -> bytes:
        self.block(block)
        return self._histories[block]

    def next_nonce(self, role: Role) -> int:
        return self._nonces.get(role, 0)

    def prepare(self, act: Act, nonce: int) -> Transaction:
        role = ROLES[type(act)]
        raw = role.value.encode() + nonce.to_bytes(8) + call_of(act).encoded
        self._acts[keccak(raw)] = act
        return Transaction(role, nonce, keccak(raw), raw)

    def submit(self, transaction: Transaction) -> None:
        if transaction.nonce < self.next_nonce(transaction.role):
            return
        number, time = len(self.blocks), max(self.now(), self.head().time + 1)
        act = self._acts[transaction.hash]
        self._do(act, number, time)
        self._nonces[transaction.role] = transaction.nonce + 1
        items = len(getattr(act, "items", [act]))
        self._done[transaction.hash] = Mined(transaction.hash, number, items * GAS_AN_ITEM)
        self._seal(time)

    def outcome(self, transaction: Transaction) -> Outcome:
        if transaction.hash in self._done:
            return Outcome(Fate.MINED, self._done[transaction.hash])
        return Outcome(Fate.REPLACED if self.next_nonce(transaction.role) > transaction.nonce else Fate.WAITING)

    def raised(self, transaction: Transaction) -> Transaction:
        return transaction

    def send(self, act: Act) -> Mined:
        transaction = self.prepare(act, self.next_nonce(ROLES[type(act)]))
        self.submit(transaction)
        return self._done[transaction.hash]

    def model_status(self, model: bytes) -> ModelStatus:
        return ModelStatus(self._models.status_of.get(model, 0))

    def registered_manifest(self, model: bytes) -> bytes:
        return self._models.manifest_of.get(model, bytes(32))

    def anchored(self) -> Anchored:
        return Anchored(self._anchor.size, self._anchor.root)

    def beat(self) -> Head:
        self._seal(max(self.now(), self.head().time + 1))
        return self.head()

    def _do(self, act: Act, block: int, time: int) -> None:
        sender = self.keys.address(ROLES[type(act)])
        if isinstance(act, Grants):
            self._registry.grant(act.items, block, time)
        elif isinstance(act, Revocations):
            self._registry.revoke_signed(act.items, block, time)
        elif isinstance(act, Registration):
            self._models.register(sender, act.model, act.manifest)
            self._changes.append(ModelChange(act.model, ModelStatus.ACTIVE, act.manifest, block))
        elif isinstance(act, StatusChange):
            self._models.set_status(sender, act.model, int(act.status))
            self._changes.append(ModelChange(act.model, act.status, b"", block))
        elif isinstance(act, Anchoring):
            self._anchor.anchor(sender, act.size, act.root, act.proof)
        else:
            patients, commitments = zip(*act.items, strict=True)
            self._registry.stop(sender, patients, commitments, block, time)

    def _seal(self, time: int | None = None) -> None:
        number = len(self.blocks)
        history = self._registry.history if number else EMPTY_HISTORY
        self.blocks.append(Head(number, keccak(number.to_bytes(8) + history), self.now() if time is None else time))
        self._histories.append(history)
