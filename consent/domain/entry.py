"""Entries: the lines of the log, and the bytes that become Merkle leaves.

An entry's bytes are the RFC 8785 JSON that `Entry.body` writes; `consent.domain.merkle.leaf_hash` of them is its leaf.
People appear under their SubjectId only. What would join a person to the chain enters as `private`, an HMAC-SHA256
under a key that is sealed with the person's consent: once they are erased the leaf still verifies and says nothing.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from consent.domain.hashing import Json, canonical_json
from consent.domain.merkle import leaf_hash
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address


class Action(StrEnum):
    """What an entry is about."""

    ENROL = "enrol"
    IMPORT = "import"
    APPROVE = "approve"
    GRANT = "grant"
    STOP = "stop"
    EXPIRE = "expire"
    READ = "read"
    TRAIN = "train"
    RELEASE = "release"
    RETIRE = "retire"
    ERASE = "erase"
    HOLD = "hold"
    ACCESS = "access"
    KEYS = "keys"
    LEDGER = "ledger"
    OPERATOR = "operator"
    PREDICT = "predict"
    EXPORT = "export"
    PREFER = "prefer"
    COUNT = "count"
    REVIEW = "review"
    REPORT = "report"
    CLIENT = "client"
    STAFF = "staff"
    CERTIFY = "certify"


PERMIT = "PERMIT"
"""The verdict of an access that was permitted; any other verdict is the name of a `Reason` or a state."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, before it has a place in the log.

    Attributes:
        time: Unix seconds.
        actor: who did it: `operator`, `auditor`, `patient`, `treating:<name>`, `study:<id>` or `researcher:<client>`.
        action: what it is about.
        verdict: `PERMIT`, the name of a refusal's `Reason`, or a state such as `FINAL`.
        subject: whom it concerns, if one person.
        study: for which study, if any.
        operation: which operation, for an access.
        categories: which categories were opened, sorted.
        consent: the random id of the consent that it rests on or changes.
        facts: hashes, counts, public addresses and operators' reasons that belong to the action; never what records
            hold, secrets or people's names.
        private: HMAC-SHA256 of what must not stand here, hex, or empty.
    """

    time: int
    actor: str
    action: Action
    verdict: str = ""
    subject: SubjectId | None = None
    study: str = ""
    operation: str = ""
    categories: tuple[str, ...] = ()
    consent: str = ""
    facts: Mapping[str, Json] = field(default_factory=dict)
    private: str = ""

    def body(self, index: int) -> bytes:
        """Return the entry's bytes at its place in the log: version, index and fields; empty fields are left out."""
        value: dict[str, Json] = {"version": 1, "index": index, "time": self.time, "actor": self.actor}
        value["action"] = self.action.value
        optional: dict[str, Json] = {
            "verdict": self.verdict,
            "subject": self.subject,
            "study": self.study,
            "operation": self.operation,
            "categories": list(self.categories),
            "consent": self.consent,
            "facts": dict(self.facts),
            "private": self.private,
        }
        value.update({name: member for name, member in optional.items() if member})
        return canonical_json(value)

    def placed(self, index: int) -> "PlacedEntry":
        """Give the entry its place."""
        body = self.body(index)
        return PlacedEntry(index, body, leaf_hash(body))


@dataclass(frozen=True, slots=True)
class PlacedEntry:
    """An entry with its index in the log, its bytes and its 32-byte leaf hash."""

    index: int
    body: bytes
    leaf: bytes


def blinded(entry_key: bytes, commitment: bytes, patient: Address) -> str:
    """Return what an entry says of a consent's commitment and address: HMAC-SHA256 under the entry's own key, hex."""
    return hmac.new(entry_key, commitment + patient, hashlib.sha256).hexdigest()
