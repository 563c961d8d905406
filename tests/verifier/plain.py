"""Plain values of a life: people with wallets, consents that they gave, releases that were made."""

from dataclasses import dataclass, field
from typing import Final

from consent.domain.manifest import Manifest, Opening
from consent.domain.signed_consent import SignedConsent
from consent.domain.terms import Category, SubjectId
from consent.domain.typed_data import Address
from tests.wallets import Wallet

START: Final = 1_800_000_000
HOUR: Final = 3600
DAY: Final = 24 * HOUR
ORIGIN: Final = "consentry/workshop"
CHAIN: Final = 4137
REGISTRY, MODELS, ANCHOR = (Address(bytes([place]) * 20) for place in (0x11, 0x22, 0x33))
CATEGORIES: Final = frozenset({Category.DEMOGRAPHICS, Category.LABORATORY})


Row = tuple[bytes, Opening | None, str | None]
"""A leaf, what stands under it, and the consent that it is of; None of people who were erased."""


@dataclass
class Person:
    """Somebody with an enrolment key."""

    subject: SubjectId
    wallet: Wallet = field(default_factory=Wallet.draw)


@dataclass
class Given:
    """A consent: whose, what was signed, and the wallet of its address."""

    id: str
    person: Person
    signed: SignedConsent
    wallet: Wallet
    revocation: bytes | None = None

    @property
    def commitment(self) -> bytes:
        """What the chain learns of it."""
        return self.signed.grant.commitment


@dataclass
class Made:
    """A release: its manifest, its envelope, and the opening of each row with the consent that it is of."""

    manifest: Manifest
    envelope: bytes
    rows: list[Row]
    trained: int

    @property
    def model(self) -> bytes:
        """SHA-256 of its bytes."""
        return bytes.fromhex(self.manifest.model)
