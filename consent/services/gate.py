"""The gate that the vault asks: each subject is decided on and logged before any key is unwrapped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from consent.domain.decision import AccessRequest, Deny, Permit, Reason, decide_for_each, ledger_refusal
from consent.domain.entry import PERMIT, Action, Entry
from consent.domain.study import Study
from consent.domain.terms import Category, Operation, SubjectId
from consent.ports import Head, Store, Unit
from consent.services.book import ConsentBook
from consent.services.log import Log
from consent.services.projection import LAST_SECOND, LedgerProjection, Standings
from vault import Access, Admission, Admitted, Refused


@dataclass(frozen=True, slots=True)
class ConsentGate:
    """`vault.Gate` for the accesses of one study; `max_staleness` in seconds."""

    store: Store
    log: Log
    book: ConsentBook
    projection: LedgerProjection
    study: Study
    clock: Callable[[], datetime]
    max_staleness: int

    def admit(self, subjects: Sequence[str], access: Access) -> Admission:
        """Decide on every subject and write one entry for each, on disk before this returns."""
        with self.store.begin() as unit:  # nobody's stop comes between the decision and its entry
            return self.admit_within(unit, subjects, access)

    def admit_within(self, unit: Unit, subjects: Sequence[str], access: Access) -> Admission:
        """Do so in the caller's transaction, which writes; it must be committed before anything is opened."""
        now = self.clock()
        decisions = self.decide_all(unit, [SubjectId(subject) for subject in subjects], access, now)
        self.log.append(unit, [_entry(s, d, access, now) for s, d in decisions.items()])
        return {subject: _answer(decision) for subject, decision in decisions.items()}

    def decide_all(
        self, unit: Unit, subjects: Sequence[SubjectId], access: Access, now: datetime
    ) -> dict[SubjectId, Permit | Deny]:
        """Decide without opening anything and without an entry: for checking again what was already read.

        A consent must be in force by our clock and by the ledger's, whichever is later. What other processes stored
        before the transaction `unit` began is taken into account.
        """
        self.book.follow(unit)
        self.projection.refresh(unit)
        return self.decisions(subjects, access, now)

    def decisions(
        self, subjects: Sequence[SubjectId], access: Access, now: datetime
    ) -> dict[SubjectId, Permit | Deny]:  # fmt: skip
        """Decide from book and projection as they are in memory."""
        stale = ledger_refusal(self.projection.reading(), now, self.max_staleness)
        if stale is not None:
            return dict.fromkeys(subjects, Deny(stale))
        # A study that was changed since this gate was made is another one than it knows.
        known = self.book.approved.get(access.study)
        if access.study != self.study.reference.id or known != self.study.hash():
            return dict.fromkeys(subjects, Deny(Reason.STUDY))
        return self._decided(subjects, access, self.projection.standings(), self.projection.later(now))

    def decisions_as_of(
        self, subjects: Sequence[SubjectId], access: Access, block: Head
    ) -> dict[SubjectId, Permit | Deny]:  # fmt: skip
        """Decide as the ledger had it after a final block of the past; stops here count all the same.

        Nothing is decided on a copy that does not match, or on a block that is not final.
        """
        head = self.projection.head
        if head is None or not head.matches or block.number > head.final.number:
            refusal = Reason.LEDGER_STALE if head is None or head.matches else Reason.LEDGER_MISMATCH
            return dict.fromkeys(subjects, Deny(refusal))
        then = datetime.fromtimestamp(min(block.time, LAST_SECOND), UTC)
        return self._decided(subjects, access, self.projection.as_of(block.number), then)

    def _decided(
        self, subjects: Sequence[SubjectId], access: Access, ledger: Standings, now: datetime
    ) -> dict[SubjectId, Permit | Deny]:  # fmt: skip
        request, consent = self._request(access), self.book.consent
        return {subject: decide_for_each(consent(subject, ledger), request, now) for subject in subjects}

    def _request(self, access: Access) -> AccessRequest:
        """Return what everybody is asked alike."""
        return AccessRequest(
            subject=SubjectId(""),
            study=access.study,
            data_use=self.study.data_use,
            operation=Operation(access.operation),
            required=frozenset(map(Category, access.required)),
            optional=frozenset(map(Category, access.optional)),
            window=self.study.window,
            texts=self.study.texts,
            closed=access.study in self.book.closed,
        )


def _answer(decision: Permit | Deny) -> Admitted | Refused:
    if isinstance(decision, Deny):
        return Refused(decision.reason.name)
    categories = frozenset(category.value for category in decision.categories)
    return Admitted(categories, decision.window.start, decision.window.end, decision.commitment)


def _entry(subject: SubjectId, decision: Permit | Deny, access: Access, now: datetime) -> Entry:
    permit = decision if isinstance(decision, Permit) else None
    return Entry(
        time=int(now.timestamp()),
        actor=access.actor,
        action=Action.READ,
        verdict=decision.reason.name if isinstance(decision, Deny) else PERMIT,
        subject=subject,
        study=access.study,
        operation=access.operation,
        categories=tuple(sorted(permit.categories)) if permit else (),
        consent=permit.consent if permit else "",
    )
