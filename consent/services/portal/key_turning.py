"""The turn of a key: after three days a new enrolment key takes the place of the old one, with all its ways in.

Whoever runs the ledger calls `step` again and again. The log alone says what counts: a row that a crash or a restore
left behind follows it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from consent.domain.entry import Action, Entry
from consent.domain.hashing import Json
from consent.domain.key_history import CANCELLED, REPLACED, statement
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from consent.ports import CheckedPasskey, Passkey, Store, Unit
from consent.services.book import ConsentBook
from consent.services.log import Log
from consent.services.portal.enrolling import Slot, sealed_slots
from vault import DecryptionError, KeyDamagedError, KeyNotFoundError, Part, Vault

REPLACEMENT_LABEL: Final = "replacement"


@dataclass(frozen=True, slots=True)
class WaitingWallet:
    """What a browser handed in for a new key: its address, two slots, and its passkey where there is one."""

    key: Address
    slots: tuple[Slot, ...]
    passkey: CheckedPasskey | None = None

    def to_bytes(self) -> bytes:
        """Return JSON: what is sealed."""
        passkey = self.passkey
        kept = passkey and {
            "credential": passkey.credential.hex(), "public_key": passkey.public_key.hex(), "count": passkey.count
        }  # fmt: skip
        slots = [slot.to_json() for slot in self.slots]
        return json.dumps({"key": self.key.hex(), "slots": slots, "passkey": kept}).encode()

    @classmethod
    def from_bytes(cls, opened: bytes) -> "WaitingWallet":
        """Read what `to_bytes` wrote."""
        value: dict[str, Any] = json.loads(opened)
        kept, slots = value["passkey"], tuple(Slot.from_json(slot) for slot in value["slots"])
        passkey = None
        if kept:
            told = (bytes.fromhex(kept["credential"]), bytes.fromhex(kept["public_key"]))
            passkey = CheckedPasskey(*told, kept["count"])
        return cls(Address(bytes.fromhex(value["key"])), slots, passkey)


def key_entry(
    log: Log, time: int, actor: str, verdict: str, subject: SubjectId, facts: Mapping[str, Json]
) -> Entry:  # fmt: skip
    """Return an entry about a key, with the log key's signature over the rest of it."""
    signed = log.signer.sign(statement(log.origin, time, verdict, subject, facts)).hex()
    return Entry(time, actor, Action.ENROL, verdict, subject, facts={**facts, "signed": signed})


@dataclass(frozen=True, slots=True)
class KeyTurning:
    """Lets new keys count that have waited long enough."""

    store: Store
    vault: Vault
    book: ConsentBook
    log: Log
    clock: Callable[[], datetime]

    def step(self) -> int:
        """Let each key count that is due, and drop what waits for nothing any more; return how many rows that were."""
        with self.store.reading() as unit:
            waiting = unit.replacements.everyone()
        return sum(self._settle(subject) for subject in waiting)

    def _settle(self, subject: SubjectId) -> bool:
        with self.store.begin() as unit:
            self.book.follow(unit)
            asked, now = self.book.history.asked.get(subject), int(self.clock().timestamp())
            if asked and now < asked.due:
                return False
            wallet = self._opened(unit, subject)
            free = wallet is not None and not _is_taken(unit, subject, wallet)
            if wallet and asked and wallet.key == asked.key:
                told: dict[str, Json] = {"key": asked.key.hex()} if free else {}
                verdict, facts = REPLACED if free else CANCELLED, {**told, "asked": asked.index}
                self.log.append(unit, [key_entry(self.log, now, "operator", verdict, subject, facts)])
            if wallet and free and wallet.key in {asked and asked.key, self.book.enrolments.get(subject)}:
                self._swap(unit, subject, wallet, now)
            unit.replacements.drop(subject)
        with self.store.reading() as unit:
            self.book.follow(unit)
        return True

    def _opened(self, unit: Unit, subject: SubjectId) -> WaitingWallet | None:
        sealed = unit.replacements.get(subject)
        if sealed is None:
            return None
        try:
            [opened] = self.vault.unseal_all(REPLACEMENT_LABEL, [Part(subject, sealed, subject.encode())])
        except (DecryptionError, KeyNotFoundError, KeyDamagedError):
            return None
        return WaitingWallet.from_bytes(opened)

    def _swap(self, unit: Unit, subject: SubjectId, wallet: WaitingWallet, now: int) -> None:
        """Put the new ways in into the place of all old ones, and sign everybody out."""
        unit.patients.set_enrolment({subject: wallet.key})
        unit.accounts.drop_ways(subject)
        unit.accounts.add_slots(sealed_slots(self.vault, subject, wallet.slots, now))
        if (made := wallet.passkey) is not None:
            unit.accounts.add_passkey(Passkey(made.credential, subject, made.public_key, made.count))
        unit.sessions.end_all(subject)


def _is_taken(unit: Unit, subject: SubjectId, wallet: WaitingWallet) -> bool:
    """Say whether a way into a wallet became another person's while it waited: two in league can bring that about.

    Such a key is called off: no way in is two people's, and to try it again and again would hold up everybody else.
    """
    owners = {found.subject for slot in wallet.slots if (found := unit.accounts.slot(bytes.fromhex(slot.id)))}
    passkey = wallet.passkey and unit.accounts.passkey(wallet.passkey.credential)
    return bool((owners | ({passkey.subject} if passkey else set())) - {subject})
