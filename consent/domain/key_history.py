"""Which enrolment key of a person counts, and from which entry of the log on.

The first key is that of the person's first entry `KEY`. Another one takes its place by entries that anybody can check:

| verdict | says | counts where |
| --- | --- | --- |
| `KEY_INVITED` | two operators let this person make a new key | both approved a request to replace it |
| `KEY_ASKED` | this key is to take the place | the key in force signed a request that names it, or they were invited |
| `KEY_CANCELLED` | it is not to | it names the entry that asked last |
| `KEY_REPLACED` | from here on it counts | it names key and entry, 72 hours later, and nothing came between |

Each carries the log key's Ed25519 signature over the rest of it: whoever writes to the database and holds no key moves
no time forward, and puts no key beside an approval. What does not count changes nothing and is in `ignored`.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from consent.domain.entry import Action, PlacedEntry
from consent.domain.hashing import Json, NotCanonicalError, canonical_json, sha256
from consent.domain.operators import KeyVerifier, Register
from consent.domain.request_file import OperatorApprovals
from consent.domain.subject_request import InvalidRequestError, RequestAction, SubjectRequest, untimely
from consent.domain.telling import enrolment_key, facts_of, said
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address, Recovery, SigningDomain

WAIT_SECONDS: Final = 72 * 3600
INVITED_SECONDS: Final = 14 * 86400
OPERATORS_NEEDED: Final = 2
INVITED, ASKED, CANCELLED, REPLACED = "KEY_INVITED", "KEY_ASKED", "KEY_CANCELLED", "KEY_REPLACED"
CHANGES: Final = (INVITED, ASKED, CANCELLED, REPLACED)
_PREFIX: Final = b"consentry/key/v1\n"
_NONCE_PREFIX: Final = b"consentry/new-key/v1\n"
_ADDRESS_BYTES: Final = 20


def nonce_for(key: Address) -> str:
    """Return the nonce of a patient's request for this new key, 32 hex digits: so what they sign names it.

    It is the beginning of SHA-256 over `consentry/new-key/v1`, a line feed and the address of 20 bytes.
    """
    return sha256(_NONCE_PREFIX + key)[:16].hex()


def statement(origin: str, time: int, verdict: str, subject: SubjectId, facts: Mapping[str, Json]) -> bytes:
    """Return what the log key signs of a change: `consentry/key/v1`, a line feed and RFC 8785 JSON."""
    told: dict[str, Json] = {"origin": origin, "time": time, "verdict": verdict, "subject": subject}
    return _PREFIX + canonical_json(told | {"facts": {name: facts[name] for name in facts if name != "signed"}})


@dataclass(frozen=True, slots=True)
class KeyJudge:
    """What changes of keys are held against: the log's name and public key (32 bytes), and who signed what."""

    origin: str
    log_key: bytes
    domain: SigningDomain
    recover: Recovery
    verify: KeyVerifier


@dataclass(frozen=True, slots=True)
class AskedKey:
    """A key that waits to take the place of another.

    Attributes:
        key: its address.
        index: of the entry that asks for it.
        due: Unix seconds, from which on it may take the place.
        by: `patient` where the key in force asked, `operator` where they were invited.
    """

    key: Address
    index: int
    due: int
    by: str


@dataclass(slots=True)
class KeyHistory:
    """Every subject's keys, as the log has them; without a `judge` no key ever takes another's place.

    Attributes:
        judge: what changes are held against.
        asked: the keys that wait.
        ignored: indices of entries about changes that count nowhere.
    """

    judge: KeyJudge | None = None
    asked: dict[SubjectId, AskedKey] = field(default_factory=dict)
    ignored: list[int] = field(default_factory=list)
    _keys: dict[SubjectId, tuple[tuple[int, Address], ...]] = field(default_factory=dict)
    _invited: dict[SubjectId, tuple[int, int]] = field(default_factory=dict)
    _nonces: set[tuple[SubjectId, str]] = field(default_factory=set)
    _blocked: set[SubjectId] = field(default_factory=set)
    _register: Register | None = None

    def copied(self) -> "KeyHistory":
        """Return a history of its own with the same past."""
        return deepcopy(self)

    def newest(self, subject: SubjectId) -> Address | None:
        """Return the key in force after all that was read, None where a person has none."""
        return next((key for _, key in reversed(self._keys.get(subject, ()))), None)

    def at(self, subject: SubjectId, index: int) -> Address | None:
        """Return the key that was in force when the entry at `index` was written."""
        return next((key for since, key in reversed(self._keys.get(subject, ())) if since < index), None)

    def of(self, subject: SubjectId) -> tuple[Address, ...]:
        """Return a person's keys, the first one first."""
        return tuple([key for _, key in self._keys.get(subject, ())])

    def is_anyones(self, key: Address) -> bool:
        """Say whether a key is, was or waits to be somebody's."""
        here = any(key == one for keys in self._keys.values() for _, one in keys)
        return here or any(key == waiting.key for waiting in self.asked.values())

    def everyones(self) -> dict[SubjectId, Address]:
        """Return everybody's key in force."""
        return {subject: keys[-1][1] for subject, keys in self._keys.items()}

    def is_invited(self, subject: SubjectId, now: int) -> int | None:
        """Return the index of the entry that lets a person make a new key at `now` (Unix seconds), None without one."""
        index, until = self._invited.get(subject, (0, 0))
        return index if now < until else None

    def take(self, entry: PlacedEntry, body: Mapping[str, Any] | None = None) -> None:
        """Take up what one entry says; `body` is what it says, where that was read already."""
        told = (said(entry) or {}) if body is None else body
        action, verdict, subject = told.get("action"), told.get("verdict"), SubjectId(str(told.get("subject", "")))
        if action == Action.OPERATOR and self.judge:
            self._operators(self.judge).take(entry)
        elif (action, verdict) == (Action.ERASE, "BLOCKED"):
            self._blocked.add(subject)
            self.asked.pop(subject, None)
            self._invited.pop(subject, None)
        elif (action, verdict) == (Action.ENROL, "KEY"):
            self._keys.setdefault(subject, ((entry.index, enrolment_key(told)),))
        elif action == Action.ENROL and verdict in CHANGES and not self._change(entry.index, told, subject):
            self.ignored.append(entry.index)

    def _change(self, index: int, told: Mapping[str, Any], subject: SubjectId) -> bool:
        """Take up a change, where it counts; say whether it does."""
        judge, facts, time = self.judge, facts_of(told), told.get("time")
        if judge is None or type(time) is not int or subject in self._blocked or subject not in self._keys:
            return False
        verdict = str(told["verdict"])
        if not _is_signed(judge, time, verdict, subject, facts):
            return False
        if verdict == INVITED:
            return self._invite(judge, index, time, subject, facts)
        if verdict == ASKED:
            return self._ask(judge, index, time, subject, facts)
        return self._end(index, told, subject)

    def _end(self, index: int, told: Mapping[str, Any], subject: SubjectId) -> bool:
        """Let a key that waits take the place of another, or let it go."""
        waiting, facts = self.asked.get(subject), facts_of(told)
        if waiting is None or facts.get("asked") != waiting.index:
            return False
        if told["verdict"] == REPLACED:
            if enrolment_key(told) != waiting.key or told["time"] < waiting.due:
                return False
            self._keys[subject] = (*self._keys[subject], (index, waiting.key))
        del self.asked[subject]
        return True

    def _invite(
        self, judge: KeyJudge, index: int, time: int, subject: SubjectId, facts: Mapping[str, Any]
    ) -> bool:  # fmt: skip
        try:
            request = _request(judge, subject, facts)
            approvals = OperatorApprovals(tuple((str(name), bytes.fromhex(sig)) for name, sig in facts["approvals"]))
        except (InvalidRequestError, KeyError, TypeError, ValueError):
            return False
        approvers = self._operators(judge).approvers(request.signed_bytes(), approvals)
        used = (subject, request.nonce) in self._nonces
        if used or len(approvers) < OPERATORS_NEEDED or untimely(request.requested, time):
            return False
        self._nonces.add((subject, request.nonce))
        self._invited[subject] = (index, time + INVITED_SECONDS)
        return True

    def _ask(
        self, judge: KeyJudge, index: int, time: int, subject: SubjectId, facts: Mapping[str, Any]
    ) -> bool:  # fmt: skip
        key, due = enrolment_key({"facts": facts}), facts.get("due")
        if len(key) != _ADDRESS_BYTES or key in self.of(subject) or type(due) is not int or due < time + WAIT_SECONDS:
            return False
        if "invited" in facts:
            invited = self.is_invited(subject, time)
            if invited is None or facts["invited"] != invited:
                return False
            del self._invited[subject]
        elif not self._is_signed_by_key(judge, time, subject, key, facts):
            return False
        self.asked[subject] = AskedKey(key, index, due, "operator" if "invited" in facts else "patient")
        return True

    def _is_signed_by_key(
        self, judge: KeyJudge, time: int, subject: SubjectId, key: Address, facts: Mapping[str, Any]
    ) -> bool:
        """Say whether the key in force signed a request for exactly this new one, which counts once."""
        try:
            request, signature = _request(judge, subject, facts), bytes.fromhex(facts["patient"])
        except (InvalidRequestError, KeyError, TypeError, ValueError):
            return False
        fits = request.nonce == nonce_for(key) and not untimely(request.requested, time)
        if not fits or (subject, request.nonce) in self._nonces:
            return False
        if judge.recover(request.digest(judge.domain), signature) != self.newest(subject):
            return False
        self._nonces.add((subject, request.nonce))
        return True

    def _operators(self, judge: KeyJudge) -> Register:
        if self._register is None:
            self._register = Register(judge.origin, judge.verify)
        return self._register


def _is_signed(judge: KeyJudge, time: int, verdict: str, subject: SubjectId, facts: Mapping[str, Any]) -> bool:
    try:
        signature, stated = bytes.fromhex(facts["signed"]), statement(judge.origin, time, verdict, subject, facts)
    except (KeyError, TypeError, ValueError, NotCanonicalError):
        return False
    return judge.verify(judge.log_key, stated, signature)


def _request(judge: KeyJudge, subject: SubjectId, facts: Mapping[str, Any]) -> SubjectRequest:
    return SubjectRequest(RequestAction.REPLACE_KEY, subject, judge.origin, facts["requested"], facts["nonce"])
