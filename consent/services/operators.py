"""Operators: who is registered to approve what one person alone must not do. The log counts, and only the log.

Each change is an entry that holds the approval it rests on. Whoever reads the log checks that approval again: an entry
that somebody put into the database makes nobody an operator once there are two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.operator_change import ChangeAction, OperatorChange
from consent.domain.operators import FREELY_ADDED, VERDICTS, KeyVerifier, Register
from consent.domain.request_file import OperatorApprovals
from consent.domain.subject_request import untimely
from consent.ports import AuditLog, Store
from consent.services.log import Log


class OperatorChangeError(ConsentError):
    """This change of operators is not possible, or nobody who may approves it; the message says what is missing."""


def read_register(log: AuditLog, origin: str, verify: KeyVerifier) -> Register:
    """Read the log from its first entry; what is no change that was rightly made says nothing."""
    register = Register(origin, verify)
    for entry in log.saying({Action.OPERATOR}):
        register.take(entry)
    return register


@dataclass(frozen=True, slots=True)
class Operators:
    """Who may approve; `verify` as `KeyVerifier` says."""

    store: Store
    log: Log
    verify: KeyVerifier

    def registered(self) -> Mapping[str, bytes]:
        """Return each registered operator's public key, 32 bytes."""
        with self.store.reading() as unit:
            return read_register(unit.log, self.log.origin, self.verify).keys

    def needs_approval(self, action: ChangeAction) -> bool:
        """Say whether such a change needs a registered operator's signature now."""
        with self.store.reading() as unit:
            added = read_register(unit.log, self.log.origin, self.verify).added
        return action is ChangeAction.REMOVE or added >= FREELY_ADDED

    def change(self, change: OperatorChange, approvals: OperatorApprovals, now: datetime) -> None:
        """Add or remove an operator, as an entry of the log; raise `OperatorChangeError`, with nothing written."""
        time = int(now.timestamp())
        with self.store.begin() as unit:
            register = read_register(unit.log, self.log.origin, self.verify)
            refusal = untimely(change.requested, time) or register.refusal(change, approvals)
            if refusal:
                raise OperatorChangeError(refusal)
            self.log.append(unit, [_entry(change, approvals, time)])


def _entry(change: OperatorChange, approvals: OperatorApprovals, time: int) -> Entry:
    facts = change.to_json() | {"approvals": [[name, signature.hex()] for name, signature in approvals.approvals]}
    del facts["action"], facts["origin"]
    return Entry(time, "operator", Action.OPERATOR, VERDICTS[change.action], facts=facts)
