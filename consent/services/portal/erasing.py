"""Being erased, as its owner sees it: what happens by when, and how far it is, also once nobody can sign in.

The page that tells how far an erasure is stands at an address that holds the SubjectId and a MAC of it. So it needs no
row: nothing of the person is kept for it, and it works after all of theirs is gone.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from consent.domain.entry import Action
from consent.domain.erasure import Erasure, ErasureState, Wait
from consent.domain.receipt import Receipt
from consent.domain.request_file import RequestFile
from consent.domain.telling import said
from consent.domain.terms import Operation, SubjectId
from consent.ports import RECEIPTED, Store
from consent.services.book import ConsentBook
from consent.services.epochs import Epochs
from consent.services.erasure import Erasures, NoErasureError

_PLACE: Final = re.compile(r"([0-9a-f]{32})-([0-9a-f]{64})")
MARGIN: Final = timedelta(days=1)
"""For the anchor, and for whoever has to look after something."""
WITHOUT_THEM: Final = timedelta(days=30)
"""By when a study's next model is made without somebody who is erased."""


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
        waits: what the next step waits for; None where it comes by itself within minutes, or is none.
        until: when the legal hold ends that the next step waits for, None where there is none or that is open.
        by: the day by which each step that is open should be done; none while a legal hold lasts.
        others_by: the day by which models are made without this person; None before reading stopped.
        late: whether the next step should be done by now.
    """

    state: ErasureState
    at: Mapping[ErasureState, datetime]
    final_at: datetime | None
    waits: Wait | None = None
    until: datetime | None = None
    by: Mapping[ErasureState, datetime] = field(default_factory=dict)
    others_by: datetime | None = None
    late: bool = False


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

    def under_way(self, subject: SubjectId) -> str | None:
        """Return the path under which a person's erasure is told, None where nobody asked for it."""
        with self.store.reading() as unit:
            self.book.follow(unit)
            if subject not in self.book.blocked:
                return None
            self.erasures.register.follow(unit)
        return self.place(subject) if subject in self.erasures.register.erasures else None

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

    def standing(self, subject: SubjectId, now: datetime) -> Standing | None:
        """Return how far a person's erasure is and what it waits for, None where nobody asked for it."""
        with self.store.reading() as unit:
            self.erasures.register.follow(unit)
            known = self.erasures.register.erasures.get(subject)
            if known is None:
                return None
            bodies = [body for entry in unit.log.about(subject, sieve=RECEIPTED) if (body := said(entry)) is not None]
        steps = [(str(body.get("verdict")), body.get("time")) for body in bodies if body.get("action") == Action.ERASE]
        times = {verdict: time for verdict, time in steps if isinstance(time, int)}  # newest first: the oldest stands
        at = {state: datetime.fromtimestamp(times[state], UTC) for state in ErasureState if state in times}
        waits = self.erasures.waits(subject)
        by = {} if waits is Wait.HOLD else self._by(known, at)
        blocked = at.get(ErasureState.BLOCKED)
        return Standing(
            state=known.state,
            at=at,
            final_at=_moment(known.final_at),
            waits=waits,
            until=self._until(subject, now) if waits is Wait.HOLD else None,
            by=by,
            others_by=blocked and blocked + WITHOUT_THEM,
            late=bool(by) and min(by.values()) < now,
        )

    def receipt(self, subject: SubjectId) -> Receipt | None:
        """Return the newest signed receipt: that all reading stopped, and at the end that the erasure is final."""
        try:
            return self.erasures.receipt(subject)
        except NoErasureError:
            return self.erasures.receipt_of_block(subject)

    def _by(self, known: Erasure, at: Mapping[ErasureState, datetime]) -> dict[ErasureState, datetime]:
        """Return by when each open step should be done, where nothing of ours is in the way.

        An act waits for its batch; keys change at most once in so many seconds; then the copies of before grow old.
        """
        begun = at.get(ErasureState.BLOCKED)
        if begun is None or known.state is ErasureState.FINAL:
            return {}
        batch, every = (
            timedelta(seconds=self.erasures.granting.publication_window),
            timedelta(seconds=self.epochs.every),
        )
        deleted = at.get(ErasureState.KEY_DELETED, begun + batch + MARGIN)
        last_turn = datetime.fromtimestamp(self.erasures.register.turned_at, UTC)
        turned = max(deleted, last_turn + every) + MARGIN
        copies = timedelta(seconds=max(self.erasures.copies_last, self.epochs.keys.destruction_delay))
        final = (_moment(known.final_at) or turned + copies) + MARGIN
        days = {ErasureState.KEY_DELETED: deleted, ErasureState.EPOCH_TURNED: turned, ErasureState.FINAL: final}
        return {state: day for state, day in days.items() if state not in at}

    def _until(self, subject: SubjectId, now: datetime) -> datetime | None:
        """Return when the hold ends that lasts longest."""
        lasting = self.erasures.register.lasting(subject, int(now.timestamp()))
        return _moment(lasting[0].until) if lasting else None

    def _mac(self, subject: SubjectId) -> str:
        return hmac.new(self.key, f"erasure|{subject}".encode(), hashlib.sha256).hexdigest()


def _moment(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
