"""What studies ask of a person who allowed being asked, and what the person chooses of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from consent.domain.data_use import DataUse, InvalidDataUseError, permission_for
from consent.domain.errors import ConsentError
from consent.domain.research import kinds_of
from consent.domain.study import Study
from consent.domain.terms import WORDED, Category, StudyReference, SubjectId, Terms, Window, month_end_after
from consent.domain.wording import CURRENT
from consent.ports import Store, Unit
from consent.services.book import BookEntry, ConsentBook
from consent.services.portal.studies import ApprovedStudies
from consent.services.portal.wishing import Wishing
from consent.services.projection import LedgerProjection, Standing
from vault import Vault, VaultError

RENEWAL: Final = timedelta(days=30)
"""For how long before its end a consent may be given again."""
MONTHS: Final = (6, 12, 24, 36)
"""For how many months a person can allow something; it ends with the month."""
YEARS: Final = (1, 2, 5, 10)
"""How many years of records a person can allow, if not all."""


class ChoiceError(ConsentError):
    """Something is left to choose, or was chosen that is not asked for; go back and choose again."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a study asks of one person.

    Attributes:
        study: what it asks.
        permission: the purpose that the person would allow.
        counts: how many records of each category there are.
        first: whether this is the first study that the person could allow anything, or its text changed since they did:
            then the three questions come.
    """

    study: Study
    permission: DataUse
    counts: Mapping[Category, int]
    first: bool

    @property
    def reference(self) -> StudyReference:
        """Id, title and institution."""
        return self.study.reference


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose.

    Attributes:
        categories: at least those that the study cannot do without.
        years: how many years of records up to now, None for all.
        months: one of `MONTHS`.
    """

    categories: frozenset[Category]
    years: int | None
    months: int


@dataclass(frozen=True, slots=True)
class Asking:
    """Requests of approved studies to people who allowed being asked."""

    store: Store
    vault: Vault
    book: ConsentBook
    projection: LedgerProjection
    studies: ApprovedStudies
    wishing: Wishing

    def is_asked(self, subject: SubjectId) -> bool:
        """Say whether a person allowed being counted and asked."""
        with self.store.reading() as unit:
            self.book.follow(unit)
        return subject in self.book.counted

    def requests(self, subject: SubjectId, now: datetime) -> list[Request]:
        """Return what is asked of a person and not answered, by the studies' ids."""
        with self.store.reading() as unit:
            waiting = self._waiting(unit, subject, now)
            tally = self.vault.tally(unit.connection, subject) if waiting else {}
            return [self._request(subject, study, permission, tally) for study, permission in waiting]

    def waiting(self, subject: SubjectId, now: datetime) -> int:
        """Return how many requests wait for a person."""
        with self.store.reading() as unit:
            return len(self._waiting(unit, subject, now))

    def request(self, subject: SubjectId, study: str, now: datetime) -> Request | None:
        """Return what one study asks of a person, also where they said no before; None where it asks nothing.

        Where a consent to it ends within `RENEWAL`, it may be allowed again already. Whoever has one may read what it
        asks, and go on with it, though no other study may ask them.
        """
        with self.store.reading() as unit:
            self.book.follow(unit)
            answered = self._running(unit, subject, now + RENEWAL)
            asked = study in self.book.recruiting - answered and self._may_read(unit, subject, study, now)
            found = self._approved(unit, [study]) if asked else []
            tally = self.vault.tally(unit.connection, subject) if found else {}
            return next((self._request(subject, study, permission, tally) for study, permission in found), None)

    def renewable(self, subject: SubjectId, now: datetime) -> dict[str, Terms]:
        """Return the terms of each consent that ends soon and may be given again already, by its id."""
        with self.store.reading() as unit:
            self.book.follow(unit)
            ending = self._running(unit, subject, now) - self._running(unit, subject, now + RENEWAL) - self.book.closed
            entries = [e for e in self.book.entries(subject) if not e.stopped and now < e.terms.expires]
        return {e.id: e.terms for e in entries if e.terms.study.id in ending}

    def decline(self, subject: SubjectId, study: str) -> None:
        """Say no: the study is told nothing, and the request goes away. Where nothing is asked, nothing is kept."""
        with self.store.begin() as unit:
            self.book.follow(unit)
            given = {entry.terms.study.id for entry in self.book.entries(subject) if not entry.stopped}
            may_ask = subject in self.book.counted or study in given
            if may_ask and study in self.book.recruiting:
                unit.accounts.decline(subject, study)

    def terms(
        self, subject: SubjectId, request: Request, choice: Choice, now: datetime, language: str = "en"
    ) -> Terms:  # fmt: skip
        """Return what a person would sign, in a language, or in English where the study is not in it.

        Raises `ChoiceError`.
        """
        asked = request.study
        study = (language in CURRENT and asked.read_in(language)) or asked
        wording = CURRENT["en" if study is asked else language]
        if not study.required <= choice.categories <= study.required | study.optional:
            raise ChoiceError("the study cannot work with this choice: tick what it needs, or say no")
        if choice.months not in MONTHS or choice.years not in {None, *YEARS}:
            raise ChoiceError("choose how long, and which years, from the list")
        window = window_of(choice.years, now.astimezone(UTC).date())
        if not window.intersects(study.window):
            raise ChoiceError("the study looks at none of these years: choose more of them, or say no")
        return Terms(
            subject=subject,
            study=study.reference,
            data_use=request.permission,
            operations=study.operations,
            categories=choice.categories,
            window=window,
            expires=month_end_after(now, choice.months),
            language=wording.language,
            text_hash=study.text_hash,
            version=WORDED,
            wording=wording.hash,
        )

    def _running(self, unit: Unit, subject: SubjectId, now: datetime) -> frozenset[str]:
        """Return the studies that have a consent of this person which lasts, and which nobody stopped or revoked.

        One to a text that the study has changed since does not count: the person is asked again.
        """
        counting = self._lasting(unit, subject, now)
        studies = self.studies.all(unit, {e.terms.study.id for e in counting})
        return frozenset(e.terms.study.id for e in counting if not _is_outdated(e, studies.get(e.terms.study.id)))

    def _may_read(self, unit: Unit, subject: SubjectId, study: str, now: datetime) -> bool:
        """Say whether a study may tell a person what it asks: they allowed being asked, or have a consent to it."""
        given = {entry.terms.study.id for entry in self._lasting(unit, subject, now)}
        return subject in self.book.counted or study in given

    def _lasting(self, unit: Unit, subject: SubjectId, now: datetime) -> list[BookEntry]:
        """Return a person's consents that last, and which nobody stopped or revoked, whatever their text."""
        self.projection.refresh(unit)
        standing = self.projection.standings()
        lasting = [e for e in self.book.entries(subject) if not e.stopped and now < e.terms.expires]
        return [e for e in lasting if self._counts(e, standing(e.patient, e.commitment))]

    def _counts(self, entry: BookEntry, standing: Standing) -> bool:
        """Say whether a consent counts on the ledger or may come to."""
        expires, revoked = standing
        return not revoked and (expires is not None or entry.id not in self.book.undone)

    def _waiting(self, unit: Unit, subject: SubjectId, now: datetime) -> list[tuple[Study, DataUse]]:
        self.book.follow(unit)
        if subject not in self.book.counted:
            return []
        answered = unit.accounts.declined(subject) | self._running(unit, subject, now)
        found = self._approved(unit, sorted(self.book.recruiting - answered))
        return self._wished(unit, subject, found) if found else []

    def _wished(
        self, unit: Unit, subject: SubjectId, found: list[tuple[Study, DataUse]]
    ) -> list[tuple[Study, DataUse]]:  # fmt: skip
        """Leave out what a person never wants to be asked for; where that cannot be read, nothing asks."""
        try:
            never = self.wishing.never_within(unit, subject)
        except VaultError:
            return []
        return [(study, permission) for study, permission in found if not kinds_of(study.data_use) & never]

    def _approved(self, unit: Unit, ids: Sequence[str]) -> list[tuple[Study, DataUse]]:
        """Return those of these studies that can ask, each with the purpose that a person would allow."""
        approved = self.studies.all(unit, ids)
        studies = [approved[study] for study in ids if study in approved]
        return [(study, permission) for study in studies if (permission := _permission(study)) is not None]

    def _request(self, subject: SubjectId, study: Study, permission: DataUse, tally: Mapping[str, int]) -> Request:
        counts = {c: tally.get(c.value, 0) for c in sorted(study.required | study.optional)}
        return Request(study, permission, counts, self._is_first(subject, study))

    def _is_first(self, subject: SubjectId, study: Study) -> bool:
        """Say whether the person never allowed anything, or this study only under another text."""
        entries = self.book.entries(subject)
        texts = {entry.terms.text_hash for entry in entries if entry.terms.study.id == study.reference.id}
        return not entries or (bool(texts) and not study.texts & texts)


def years_of(window: Window, today: date) -> int | None:
    """Return the one of `YEARS` that comes nearest to a window that was allowed, None for all."""
    start = window.start
    return None if start is None else min(YEARS, key=lambda years: abs(years - (today.year - start.year)))


def _is_outdated(entry: BookEntry, study: Study | None) -> bool:
    return study is not None and entry.terms.text_hash not in study.texts


def _permission(study: Study) -> DataUse | None:
    """Return the purpose that a person would allow a study."""
    try:
        return permission_for(study.data_use)
    except InvalidDataUseError:  # no permission makes a machine say yes: a person must look first
        return None


def window_of(years: int | None, today: date) -> Window:
    """Return the window of so many whole years before the first of this year's month, open at its end."""
    return Window() if years is None else Window(start=date(today.year - years, today.month, 1))
