"""Who is registered to approve what one person alone must not do, as the log's entries of action `operator` add up.

Each change is an entry that holds the approval it rests on. Whoever reads the log checks that approval again: an entry
that somebody put into the database makes nobody an operator once there are two.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from consent.domain.entry import PlacedEntry
from consent.domain.operator_change import ChangeAction, OperatorChange
from consent.domain.request_file import OperatorApprovals
from consent.domain.subject_request import InvalidRequestError
from consent.domain.telling import said

KeyVerifier = Callable[[bytes, bytes, bytes], bool]
"""`verify(public_key, message, signature)`: whether an Ed25519 key of 32 bytes signed the message."""

FREELY_ADDED: Final = 2
_OPERATOR: Final = b'{"action":"operator"'
"""How the entry of a change begins (RFC 8785 sorts names)."""
VERDICTS: Final = {ChangeAction.ADD: "ADDED", ChangeAction.REMOVE: "REMOVED"}
_ACTIONS: Final = {verdict: action for action, verdict in VERDICTS.items()}


@dataclass(slots=True)
class Register:
    """The operators of the log `origin`, as its entries add up.

    Attributes:
        origin: the log's name.
        verify: whether an Ed25519 key signed a message.
        keys: each registered operator's public key, 32 bytes.
        added: how many were ever added: the first two need no approval.
    """

    origin: str
    verify: KeyVerifier
    keys: dict[str, bytes] = field(default_factory=dict)
    added: int = 0
    _nonces: set[str] = field(default_factory=set)

    def refusal(self, change: OperatorChange, approvals: OperatorApprovals) -> str:
        """Return why this change cannot be made now, empty where it can."""
        if change.origin != self.origin or change.nonce in self._nonces:
            return "the change is for another installation, or was made before: have it made anew"
        unfit = self._unfit(change)
        if unfit or (change.action is ChangeAction.ADD and self.added < FREELY_ADDED):
            return unfit
        if not self.approvers(change.signed_bytes(), approvals):
            missing = "a registered operator must approve this change: have one run `consentry approve`"
            return missing + self.uncounted(change.signed_bytes(), approvals)
        return ""

    def _unfit(self, change: OperatorChange) -> str:
        key, registered = bytes.fromhex(change.key), self.keys.get(change.operator)
        if change.action is ChangeAction.ADD:
            taken = registered is not None or key in self.keys.values()
            return (
                "this name or this key is registered: each operator has a name and a key of their own" if taken else ""
            )
        if registered != key:
            return "no operator with this name and key is registered: `consentry operator list` shows who is"
        return "this is the last operator: add another first" if len(self.keys) == 1 else ""

    def approvers(self, message: bytes, approvals: OperatorApprovals) -> list[str]:
        """Return the names of those registered whose key signed the message; no two of them share a key."""
        return [
            operator
            for operator, signature in approvals.approvals
            if operator in self.keys and self.verify(self.keys[operator], message, signature)
        ]

    def uncounted(self, message: bytes, approvals: OperatorApprovals) -> str:
        """Return what to add to a refusal: whose approvals do not count, empty where all do."""
        counted = self.approvers(message, approvals)
        names = [f"{operator}'s" for operator, _ in approvals.approvals if operator not in counted]
        verb = "does" if len(names) == 1 else "do"
        why = "not count: not registered, or signed with another key"
        return f"; {', '.join(names)} {verb} {why}" if names else ""

    def make(self, change: OperatorChange) -> None:
        """Take up a change that nothing speaks against."""
        self._nonces.add(change.nonce)
        if change.action is ChangeAction.ADD:
            self.keys[change.operator] = bytes.fromhex(change.key)
            self.added += 1
        else:
            del self.keys[change.operator]

    def take(self, entry: PlacedEntry) -> None:
        """Take up an entry, where it is a change that was rightly made."""
        if not entry.body.startswith(_OPERATOR):
            return
        try:
            change, approvals = _read(said(entry) or {}, self.origin)
        except InvalidRequestError:
            return
        if not self.refusal(change, approvals):
            self.make(change)


def _read(body: Mapping[str, Any], origin: str) -> tuple[OperatorChange, OperatorApprovals]:
    """Read the change that an entry tells of; raise `InvalidRequestError` where it tells of none."""
    facts, action = body.get("facts"), _ACTIONS.get(str(body.get("verdict")))
    if not isinstance(facts, dict) or action is None:
        raise InvalidRequestError("this entry tells of no change of operators")
    told = {name: facts.get(name) for name in ("operator", "key", "requested", "nonce")}
    change = OperatorChange.from_json({"action": action.value, "origin": origin, **told})
    return change, OperatorApprovals(tuple(_approvals(facts.get("approvals"))))


def _approvals(value: object) -> Iterator[tuple[str, bytes]]:
    for approval in value if isinstance(value, list) else []:
        try:
            name, signature = approval
            yield str(name), bytes.fromhex(signature)
        except (TypeError, ValueError) as error:
            raise InvalidRequestError("this entry tells of no approval") from error
