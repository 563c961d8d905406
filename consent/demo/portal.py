"""What the demo leaves for `make serve`: a second study that asks, and three of its people to sign in as.

The keys of the first two were drawn by the demo, so that their passphrase can be told; nobody real is among them.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from consent import wiring
from consent.demo.choices import agrees
from consent.demo.wallets import Wallet
from consent.domain.data_use import DataUse
from consent.domain.study import Study
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, Window
from consent.services.portal.enrolling import ARGON2ID, Slot
from consent.settings import WebSettings
from consent.wiring import LedgerRoom

PASSPHRASE: Final = "this is only a demo"  # noqa: S105  # shown on the page, for invented patients
ASKING: Final = Study(
    reference=StudyReference(
        "weeks-after-leaving", "The first weeks after leaving hospital", "Consentry demo hospital"
    ),
    text="""People who were very ill often feel lost in the first weeks at home. This study looks at who needs more
help then, so that the ward can plan for it. It uses what you allow below and nothing else. It never sees your name.""",
    data_use=DataUse(health_research=True, non_profit_only=True),
    operations=frozenset({Operation.TRAIN}),
    required=frozenset({Category.DEMOGRAPHICS, Category.LABORATORY}),
    optional=frozenset({Category.CONDITIONS, Category.SURVEYS}),
    window=Window(),
    ethics="none: published, de-identified data",
)


def newcomer(identifiers: Mapping[SubjectId, str]) -> SubjectId:
    """Return somebody who agrees to nothing in the demo: they make their key in the portal, if anybody plays them."""
    people = {identifier: subject for subject, identifier in identifiers.items() if not agrees(identifier)}
    return people[min(people)]


def leave(room: LedgerRoom, sharing: Wallet, stopped: Wallet, new: SubjectId) -> None:
    """Approve the study that asks, let two people be asked, and say who may be played."""
    now = wiring.utc_now()
    room.registration.approve(ASKING, now)
    room.preferences.prefer([sharing.subject, stopped.subject], now, counted=True)
    enrolling = wiring.enrolling(room, WebSettings.read())
    for wallet in (sharing, stopped):
        enrolling.keep(wallet.subject, [_slot(wallet)], now)
    people = (
        (sharing.subject, f"Shares with one study. Passphrase: {PASSPHRASE}", False),
        (stopped.subject, f"Stopped sharing. Passphrase: {PASSPHRASE}", False),
        (new, "Has a letter from the hospital and makes a key first", True),
    )
    listed = [dict(zip(("subject", "title", "new"), one, strict=True)) for one in people]
    wiring.write_private(room.places.home / "demo-patients.json", json.dumps(listed).encode())


def _slot(wallet: Wallet) -> Slot:
    """Return a wallet's seed as a browser would have encrypted it under the demo's passphrase."""
    salt, nonce = secrets.token_bytes(32), secrets.token_bytes(12)
    memory, passes, lanes = ARGON2ID["memory"], ARGON2ID["passes"], ARGON2ID["lanes"]
    stretched = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory)
    key = _hkdf(stretched.derive(PASSPHRASE.encode()), salt, b"consentry/slot/passphrase/v1")
    bound = f"consentry/slot/v1|passphrase|{wallet.enrolment_key.address.hex()}".encode()
    ciphertext = AESGCM(key).encrypt(nonce, wallet.seed, bound)
    return Slot("passphrase", secrets.token_hex(32), salt.hex(), nonce.hex(), ciphertext.hex())


def _hkdf(material: bytes, salt: bytes, info: bytes) -> bytes:
    """Return one block of HKDF-SHA256 (RFC 5869)."""
    extracted = hmac.digest(salt, material, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)
