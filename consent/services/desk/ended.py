"""What the log says has ended: keys and clients that were revoked, memberships and staff that are none any more.

Rows say the same, and are quicker to read; where they differ, the log counts. So neither a restored backup nor whoever
puts an old row back lets anybody in again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from consent.domain.entry import Action, PlacedEntry
from consent.domain.telling import facts_of, said
from consent.ports import Unit

ALLOWED, FORBIDDEN = "ALLOWED", "FORBIDDEN"
KEY_REVOKED, REVOKED, REMOVED = "KEY_REVOKED", "REVOKED", "REMOVED"
"""Verdicts of entries about clients and staff."""
_BEGINNINGS: Final = tuple(f'{{"action":"{action.value}"'.encode() for action in (Action.CLIENT, Action.STAFF))
"""How such entries begin (RFC 8785 sorts names)."""


@dataclass(slots=True)
class Ended:
    """What ended, as far as the log was read: kids, clients' ids, pairs of client and study, staff's names."""

    keys: set[str] = field(default_factory=set)
    clients: set[str] = field(default_factory=set)
    memberships: set[tuple[str, str]] = field(default_factory=set)
    staff: set[str] = field(default_factory=set)
    _read: int = 0

    @classmethod
    def by(cls, unit: Unit) -> "Ended":
        """Return what ended by now, in the middle of a transaction too."""
        ended = cls()
        for entry in unit.log.saying({Action.CLIENT, Action.STAFF}):
            ended._take(entry)
        return ended

    def follow(self, unit: Unit) -> None:
        """Take up what was written to the log since; call it first in a transaction, as for `ConsentBook.follow`."""
        for entry in unit.log.entries(self._read):
            self._take(entry)
            self._read = entry.index + 1

    def _take(self, entry: PlacedEntry) -> None:
        body = said(entry) if entry.body.startswith(_BEGINNINGS) else None
        if body is not None and body.get("action") == Action.STAFF:
            if body.get("verdict") == REMOVED:
                self.staff.add(str(facts_of(body).get("name", "")))
        elif body is not None:
            self._take_client(body)

    def _take_client(self, body: Mapping[str, Any]) -> None:
        verdict, facts = body.get("verdict"), facts_of(body)
        client = str(facts.get("client", ""))
        membership = (client, str(body.get("study", "")))
        if verdict == KEY_REVOKED:
            self.keys.add(str(facts.get("kid", "")))
        elif verdict == REVOKED:
            self.clients.add(client)
        elif verdict == FORBIDDEN:
            self.memberships.add(membership)
        elif verdict == ALLOWED:
            self.memberships.discard(membership)
