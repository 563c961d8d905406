"""Nobody's records are given out as their own unless they, or two operators for them, signed a request for that.

    {"action": "access", "verdict": "PERMIT", "actor": "patient", "subject": …, "facts": {"requested", "nonce", …}}

What somebody signed in looks at (operation `view`) rests on their session, and what an auditor looks at on that they
are one: of those the log has no signature, and only that nobody who is being erased is looked at is checked.
"""

from dataclasses import dataclass, field
from typing import Final

from consent.domain.entry import PERMIT
from consent.domain.subject_request import RequestAction
from consent.verifier.entries import ShownEntry
from consent.verifier.findings import Finding, Rule, number
from consent.verifier.requests import Requests
from consent.verifier.story import Story

NAME: Final = "access.own"
_VIEW: Final = "view"
_AUDIT: Final = "audit"
_PATIENT: Final = "patient"


@dataclass(slots=True)
class OwnAccessRules:
    """Takes up entries of action `access`."""

    requests: Requests
    story: Story
    asked: int = 0
    viewed: int = 0
    audited: int = 0
    _rule: Rule = field(default_factory=lambda: Rule(NAME))

    def take(self, entry: ShownEntry) -> None:
        """Check that somebody's own records were opened for them."""
        told = entry.told
        operation = told.get("operation", "")
        if told.get("verdict") != PERMIT:
            return
        if told.get("subject") in self.story.blocked:
            self._rule.fail(entry.item, "the person had asked to be erased")
        if operation in {_VIEW, _AUDIT}:
            self.viewed += operation == _VIEW
            self.audited += operation == _AUDIT
            if (told["actor"] == _PATIENT) != (operation == _VIEW):
                self._rule.fail(entry.item, "somebody else looks at a person's records as they do themselves")
            return
        if operation:
            self._rule.fail(entry.item, "nobody looks at a person's own in this way")
            return
        self.asked += 1
        if not self.requests.authorise(entry, RequestAction.ACCESS):
            self._rule.fail(entry.item, "neither the person nor two operators had signed a request for all records")

    def finding(self) -> Finding:
        """Return what came of it."""
        views = number(self.viewed, "look at their own by somebody signed in", "looks at their own by people signed in")
        asked = number(self.asked, "signed request")
        audits = f"; {number(self.audited, 'look', 'looks')} of the staff at what was signed" if self.audited else ""
        return self._rule.finding(f"all records of a person given out on {asked}; {views}{audits}")
