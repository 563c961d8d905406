"""Where every erasure and legal hold stands, read from the log: it follows the log as the consent book does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from consent.domain.entry import Action
from consent.domain.erasure import KEYLESS, Erasure, ErasureState, Hold, Step
from consent.domain.telling import said
from consent.domain.terms import SubjectId
from consent.ports import StopList, Unit

_READ: Final = b'{"action":"read"'
_STATES: Final = {state.value: state for state in ErasureState}


@dataclass(slots=True)
class ErasureRegister:
    """All erasures by subject, all holds by subject and basis, and when the epoch of keys was turned last.

    That is in Unix seconds, 0 for never.

    An entry that says that a key was deleted counts only once the stop list says so: the mark comes first.
    """

    stops: StopList
    erasures: dict[SubjectId, Erasure] = field(default_factory=dict)
    holds: dict[SubjectId, dict[str, Hold]] = field(default_factory=dict)
    turned_at: int = 0
    _read: int = 0

    def follow(self, unit: Unit) -> None:
        """Take up what was written to the log since; call it as a transaction begins."""
        for entry in unit.log.entries(self._read):
            if not entry.body.startswith(_READ) and (body := said(entry)) is not None:
                self._take(entry.index, body)
            self._read = entry.index + 1

    def open_ones(self) -> list[Erasure]:
        """Return the erasures that are not final, in the order of their subjects."""
        found = (erasure for erasure in self.erasures.values() if erasure.state is not ErasureState.FINAL)
        return sorted(found, key=lambda erasure: erasure.subject)

    def lasting(self, subject: SubjectId, now: int) -> list[Hold]:
        """Return a person's holds that last at a time (Unix seconds), the one that lasts longest first."""
        found = [hold for hold in self.holds.get(subject, {}).values() if hold.lasts(now)]
        return sorted(found, key=lambda hold: (hold.until != 0, -hold.until, hold.basis))

    def _take(self, index: int, body: Mapping[str, Any]) -> None:
        subject, verdict = SubjectId(str(body.get("subject", ""))), str(body.get("verdict", ""))
        facts = body.get("facts") if isinstance(body.get("facts"), dict) else {}
        if body.get("action") == Action.ERASE and verdict in _STATES:
            actor = str(body.get("actor", ""))
            self._move(subject, Step(_STATES[verdict], int(body.get("time", 0)), index, actor, facts or {}))
        elif body.get("action") == Action.HOLD:
            self._hold(subject, verdict, facts or {})
        elif body.get("action") == Action.KEYS and verdict == "TURNED":
            self.turned_at = int(body.get("time", 0))

    def _move(self, subject: SubjectId, step: Step) -> None:
        if step.state in KEYLESS and subject not in self.stops.state().shredded:
            return
        known = self.erasures.get(subject) or Erasure(subject, step.state, step.time, step.index)
        self.erasures[subject] = known.after(step)

    def _hold(self, subject: SubjectId, verdict: str, facts: Mapping[str, object]) -> None:
        """Let holds stand beside each other by basis; an entry of before they did so, without one, ends them all."""
        basis, until, those = str(facts.get("basis", "")), facts.get("until"), self.holds.setdefault(subject, {})
        if verdict == "SET":
            those[basis] = Hold(basis, until if isinstance(until, int) else 0)
        elif "basis" in facts:
            those.pop(basis, None)
        else:
            those.clear()
