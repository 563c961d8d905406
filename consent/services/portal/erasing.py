"""Being erased, as its owner sees it: what happens by when, and how far it is, also once nobody can sign in.

The page that tells how far an erasure is stands at an address that holds the SubjectId and a MAC of it. So it needs no
row: nothing of the person is kept for it, and it works after all of theirs is gone.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from consent.domain.entry import Action
from consent.domain.erasure import ErasureState, Wait
from consent.domain.receipt import Receipt
from consent.domain.request_file import RequestFile
from consent.domain.terms import Operation, SubjectId
from consent.ports import Store
from consent.services.book import ConsentBook
from consent.services.epochs import Epochs
from consent.services.erasure import Erasures, NoErasureError
from consent.services.telling import RECEIPTED, said

_PLACE: Final = re.compile(r"([0-9a-f]{32})-([0-9a-f]{64})")
MARGIN: Final = timedelta(days=1)
"""For the anchor, and for whoever has to look after something."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would come of a request made now.

    Attributes:
        final: the day by which no copy opens, where nothing is in the way.
        held: whether a legal hold lasts, which keeps the key.
        trained: titles of studies that were allowed to learn from the records.
        copied: titles of studies that were allowed a copy.
    """

    final: datetime
    held: bool
    trained: Sequence[str]
    copied: Sequence[str]


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an erasure is.

    Attributes:
        state: the newest.
        at: when each state was reached first.
        final_at: from when on no copy opens; None while that is not known.
        waits: what the next step waits for; None where nothing is in its way, and at the end.
        turns_at: from when on the epoch of the deleted key turns, where that is waited for and still to come.
    """

    state: ErasureState
    at: dict[ErasureState, datetime]
    final_at: datetime | None
    waits: Wait | None = None
    turns_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Erasing:
    """Erasures for their owners; `key` is 32 bytes for the MACs of addresses."""

    store: Store
    book: ConsentBook
    erasures: Erasures
    epochs: Epochs
    key: bytes = field(repr=False)

    def request(self, file: RequestFile) -> Receipt:
        """Take up a signed request; raises what `Erasures.request` raises, having done nothing."""
        return self.erasures.request(file)

    def place(self, subject: SubjectId) -> str:
        """Return the path under which a person's erasure is told, to nobody but who has it."""
        return f"/erasure/{subject}-{self._mac(subject)}"

    def subject_of(self, code: str) -> SubjectId | None:
        """Return whose erasure a path's last part tells of, None where it was not given out here."""
        found = _PLACE.fullmatch(code)
        if found is None or not hmac.compare_digest(found[2], self._mac(SubjectId(found[1]))):
            return None
        return SubjectId(found[1])

    def outlook(self, subject: SubjectId, now: datetime) -> Outlook:
        """Return what would come of a request made now."""
        with self.store.reading() as unit:
            self.book.follow(unit)
            self.erasures.register.follow(unit)
        entries, register = self.book.entries(subject), self.erasures.register
        wait = timedelta(seconds=self.erasures.granting.publication_window + self.epochs.every)
        copies = timedelta(seconds=max(self.erasures.copies_last, self.epochs.keys.destruction_delay))
        held = bool(register.lasting(subject, int(now.timestamp()))) or any(e.terms.retention for e in entries)
        return Outlook(
            final=now + wait + copies + MARGIN,
            held=held,
            trained=sorted({e.terms.study.title for e in entries if Operation.TRAIN in e.terms.operations}),
            copied=sorted({e.terms.study.title for e in entries if Operation.EXPORT in e.terms.operations}),
        )

    def standing(self, subject: SubjectId) -> Standing | None:
        """Return how far a person's erasure is, None where nobody asked for it."""
        with self.store.reading() as unit:
            self.erasures.register.follow(unit)
            known = self.erasures.register.erasures.get(subject)
            if known is None:
                return None
            bodies = [body for entry in unit.log.about(subject, sieve=RECEIPTED) if (body := said(entry)) is not None]
        steps = [(str(body.get("verdict")), body.get("time")) for body in bodies if body.get("action") == Action.ERASE]
        times = {verdict: time for verdict, time in steps if isinstance(time, int)}  # newest first: the oldest stands
        at = {state: datetime.fromtimestamp(times[state], UTC) for state in ErasureState if state in times}
        final_at = datetime.fromtimestamp(known.final_at, UTC) if known.final_at else None
        following = self.erasures.next_of(subject)
        waits = following if isinstance(following, Wait) else None
        turns = datetime.fromtimestamp(self.erasures.register.turned_at + self.epochs.every, UTC)
        turns_at = turns if waits is Wait.TURN and turns > self.epochs.clock() else None
        return Standing(known.state, at, final_at, waits, turns_at)

    def receipt(self, subject: SubjectId) -> Receipt | None:
        """Return the newest signed receipt: that all reading stopped, and at the end that the erasure is final."""
        try:
            return self.erasures.receipt(subject)
        except NoErasureError:
            return self.erasures.receipt_of_block(subject)

    def _mac(self, subject: SubjectId) -> str:
        return hmac.new(self.key, f"erasure|{subject}".encode(), hashlib.sha256).hexdigest()
