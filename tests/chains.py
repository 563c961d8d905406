"""One contract on a chain in memory, whose clock the test holds; every caller has a key and gas."""

from collections.abc import Callable
from typing import Final, Protocol

from consent.adapters.chain_store import ChainStore
from consent.adapters.contract_calls import ContractCalls, Log
from consent.adapters.evm import Evm, deployed_address
from consent.domain.errors import LedgerRejectedError
from consent.domain.grant import PublishedGrant, SignedRevocation
from consent.domain.history import Event
from consent.domain.typed_data import Address, SigningDomain
from consent.ports import Head, Mined
from tests.wallets import Wallet

START: Final = 1_800_000_000
"""The block time of a test's first transactions: 2027-01-15 08:00 UTC."""
CHAIN_ID: Final = 271_828
DAY: Final = 86_400


class StageChain(Protocol):
    """A chain that a stage can stand on: block 0 at `START` - 2, chain id `CHAIN_ID`."""

    def send(self, key: bytes, to: Address | None, call_data: bytes) -> Mined:
        """Mine one transaction signed with `key`; no `to` deploys."""

    def call(self, to: Address, call_data: bytes, block: int) -> bytes:
        """Return what a contract answers after a block."""

    def logs(self, contract: Address, first: int, last: int) -> list[Log]:
        """Return what a contract announced."""

    def head(self) -> Head:
        """Return the newest block."""

    def block(self, number: int) -> Head:
        """Return a block."""


Started = Callable[[tuple[Address, ...], Callable[[], int]], StageChain]
"""Starts a chain on which these senders can pay, with this clock."""


def _in_memory(senders: tuple[Address, ...], clock: Callable[[], int]) -> Evm:
    return Evm.from_genesis(ChainStore.in_memory(), CHAIN_ID, senders, START - 2, clock)


class Stage:
    """The contract `name` with a cast of four: who deployed it, who holds its one role, a patient and a stranger."""

    def __init__(
        self, name: str, draw: Callable[[], Wallet] = Wallet.draw, started: "Started | None" = None
    ) -> None:  # fmt: skip
        self.now = START
        self.deployer, self.holder, self.patient, self.stranger = draw(), draw(), draw(), draw()
        cast = (self.deployer, self.holder, self.patient, self.stranger)
        senders = tuple(wallet.address for wallet in cast)
        self.calls: Final = ContractCalls(name)
        self.evm: Final[StageChain] = (started or _in_memory)(senders, lambda: self.now)
        self.now = START - 1
        self.evm.send(self.deployer.key, None, self.calls.creation(("address",), self.holder.address))
        self.now = START
        self.contract: Final = deployed_address(self.deployer.address, 0)

    def send(self, sender: Wallet, function: str, *arguments: object) -> Mined:
        """Send one transaction; its block's time is `now` as long as the test moves it on."""
        return self.evm.send(sender.key, self.contract, self.calls.encode(function, *arguments))

    def ask(self, function: str, *arguments: object) -> bytes:
        """Return what a view answers now."""
        return self.evm.call(self.contract, self.calls.encode(function, *arguments), self.evm.head().number)

    def logs(self) -> list[Log]:
        """Return all that was ever announced, in order."""
        return self.evm.logs(self.contract, 0, self.evm.head().number)


class RegistryStage(Stage):
    """The consent registry on stage."""

    def __init__(self, draw: Callable[[], Wallet] = Wallet.draw, started: "Started | None" = None) -> None:
        super().__init__("consent_registry", draw, started)
        self.domain: Final = SigningDomain(CHAIN_ID, self.contract)
        self.custodian: Final = self.holder

    def grant(self, *grants: PublishedGrant) -> Mined:
        """Publish signed grants as a batch, relayed by a stranger."""
        return self.send(self.stranger, "grant", [grant_fields(grant) for grant in grants])

    def revoke_signed(self, *revocations: SignedRevocation) -> Mined:
        """Publish signed revocations as a batch, relayed by a stranger."""
        items = [(r.commitment, r.patient, r.signature[:32], r.signature[32:]) for r in revocations]
        return self.send(self.stranger, "revoke_signed", items)

    def stop(self, sender: Wallet, *pairs: tuple[Address, bytes]) -> Mined:
        """Stop pairs of patient and commitment."""
        return self.send(sender, "stop", [patient for patient, _ in pairs], [c for _, c in pairs])

    def signed(self, commitment: bytes = b"", *, days: int = 30, by: Wallet | None = None) -> PublishedGrant:
        """Return a grant by the patient (or `by`), good for `days`, to be published within one day."""
        wallet = by or self.patient
        return wallet.grant(self.domain, self.now + days * DAY, self.now + DAY, commitment)

    def revoked_at(self, patient: Address, commitment: bytes) -> int:
        """Return when a commitment was revoked, 0 while it was not."""
        return int.from_bytes(self.ask("revoked_at", patient, commitment))

    def events(self, first: int = 0) -> list[Event]:
        """Return all consent events from block `first` on, in order."""
        logs = self.evm.logs(self.contract, first, self.evm.head().number)
        found = [self.calls.event(log.block, log.topics, log.words) for log in logs]
        return [event for event in found if event is not None]


def grant_fields(grant: PublishedGrant) -> tuple[bytes, Address, int, int, bytes, bytes]:
    """Return a grant as the registry's struct."""
    signature = grant.signature
    return (
        grant.commitment,
        grant.patient,
        grant.expires,
        grant.publish_by,
        signature[:32],
        signature[32:],
    )


def refusal(act: Callable[[], object]) -> str | None:
    """Return the reason for which a call is refused, None when it is not."""
    try:
        act()
    except LedgerRejectedError as error:
        return str(error)
    return None
