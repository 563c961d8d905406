"""Sending letters that wait: one at a time, again later where the mail server does not take them.

Any number of programs may do so side by side: whoever sends a letter first claims it, in a transaction that one alone
can be in, and for `CLAIM_SECONDS` nobody else touches it, nor makes it anew where the epoch turns meanwhile.

A letter leaves the database after the server took it. A program that dies between the two leaves the claim, and another
sends the letter again once that ends: at least once is what mail can promise, and what is decided here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from consent.domain.errors import PostError
from consent.domain.mail import InvalidMailError
from consent.ports import Post, Store, StoredNotice
from consent.services.contacts import Contact, contact_of
from consent.services.notices import Notice, Noticing, WaitingNotice
from vault import Vault, VaultError

CLAIM_SECONDS: Final = 300
"""For how long a letter belongs to whoever is sending it: far longer than a server's answers may take together."""
FIRST_PAUSE: Final = 60
LONGEST_PAUSE: Final = 6 * 3600
MOST_TRIES: Final = 16
"""About two days of trying."""


class Sent(StrEnum):
    """What became of a letter."""

    SENT = "sent"
    UNWANTED = "unwanted"
    PUT_OFF = "put off"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class Posting:
    """Sends what waits; `letter` returns subject and text of a kind of letter in a language."""

    store: Store
    vault: Vault
    noticing: Noticing
    post: Post
    letter: Callable[[Notice, str], tuple[str, str]]

    def step(self, now: datetime) -> Sent | None:
        """Send the letter that has been due longest; return what became of it, None where none is due."""
        second, seal = int(now.timestamp()), self.noticing.seal()
        with self.store.begin() as unit:
            stored = unit.notices.due(seal.number, second)
            if stored is None:
                return None
            if not unit.notices.claim(stored, second + CLAIM_SECONDS, stored.tries + 1):
                return Sent.PUT_OFF
        notice = self.noticing.opened(seal, stored)
        if notice is None:
            return self._done(stored, Sent.GIVEN_UP)
        contact = self._contact(notice)
        return (
            self._sent(stored, notice.kind, contact, second) if contact.address else self._done(stored, Sent.UNWANTED)
        )

    def _sent(self, stored: StoredNotice, kind: Notice, contact: Contact, now: int) -> Sent:
        try:
            self.post.send(contact.address, *self.letter(kind, contact.language))
        except InvalidMailError:
            return self._done(stored, Sent.GIVEN_UP)
        except PostError:
            if stored.tries + 1 >= MOST_TRIES:
                return self._done(stored, Sent.GIVEN_UP)
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**stored.tries)
            with self.store.begin() as unit:
                claimed = StoredNotice(stored.id, now + CLAIM_SECONDS, stored.epoch, stored.sealed, stored.tries + 1)
                unit.notices.claim(claimed, now + pause, stored.tries + 1)
            return Sent.PUT_OFF
        return self._done(stored, Sent.SENT)

    def _contact(self, notice: WaitingNotice) -> Contact:
        """Return where a letter goes now: nowhere for whoever took their address back, or is erased by now."""
        if notice.contact is not None:
            return notice.contact
        with self.store.reading() as unit:
            sealed = unit.accounts.contact(notice.subject)
        try:
            return contact_of(self.vault, notice.subject, sealed)
        except VaultError:
            return Contact()

    def _done(self, stored: StoredNotice, sent: Sent) -> Sent:
        with self.store.begin() as unit:
            unit.notices.remove(stored.id)
        return sent
