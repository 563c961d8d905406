"""Putting a study on the books, changing what it says, and closing it: each is an entry of the log."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from consent.domain.data_use import InvalidDataUseError, permission_for
from consent.domain.entry import Action, Entry
from consent.domain.hashing import Json
from consent.domain.study import InvalidStudyError, Study, StudyConflictError, StudyRefusedError
from consent.domain.study_acts import APPROVED, CHANGED, CLOSED, RECRUITING, REFUSED, RESOLVED
from consent.domain.study_draft import StudyDraft
from consent.ports import DraftState, ModelStatus, Store, Unit
from consent.services.acts import read_acts
from consent.services.log import Log
from consent.services.projection import LedgerProjection
from consent.services.studies.approved import open_study, open_study_acts
from consent.services.studies.standing import STANDING, model_status

_UNSEEN: Final = ("bounds", "protocols", "ethics")
"""What of a study no patient reads."""
_TEXTS: Final = ("text", "translations")
"""What patients read of a study, and who read another one is asked again."""
LONGEST_REASON: Final = 300
"""Characters of the reason for a decision on a draft."""


@dataclass(frozen=True, slots=True)
class ListedStudy:
    """A study on the books: whether it is as the log says it was approved, its number of releases, if it is closed.

    One that is `waiting` asks nobody yet.
    """

    study: Study
    as_approved: bool
    releases: int
    closed: bool
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Resolution:
    """An operator's word that a purpose which no machine decides is one that people may be asked about.

    `submitted` is what they decided on, `reason` one line of at most `LONGEST_REASON` characters.
    """

    submitted: StudyDraft
    reason: str

    def __post_init__(self) -> None:
        require_reason(self.reason)


@dataclass(frozen=True, slots=True)
class Registration:
    """The operator's decisions about studies."""

    store: Store
    projection: LedgerProjection
    log: Log

    def approve(self, study: Study, now: datetime, *, recruiting: bool = True) -> None:
        """Store a study as approved; people are asked from now on, or where not `recruiting` from `ask` on.

        Raises `StudyRefusedError` when its id is taken, or when no permission of patients could cover its purpose.
        """
        with self.store.begin() as unit:
            self.approve_within(unit, study, now, recruiting=recruiting)

    def approve_within(
        self, unit: Unit, study: Study, now: datetime, *, recruiting: bool, resolution: Resolution | None = None,
        by: str = "",
    ) -> None:  # fmt: skip
        """Do so in the caller's transaction; what was resolved stands in the log before that the study was approved.

        `by` is the name of who of the staff decided, where that is known.
        """
        require_askable(study)
        require_free(unit, study.reference.id)
        unit.studies.add(study)
        entry = _entry(study, APPROVED, now)
        waiting: dict[str, Json] = {} if recruiting else {"recruiting": False}
        approved = replace(entry, facts={**entry.facts, **waiting, **_named(by)})
        self.log.append(unit, [*([_resolved(resolution, now, by)] if resolution else []), approved])

    def refuse_within(self, unit: Unit, draft: StudyDraft, reason: str, now: datetime, by: str = "") -> None:
        """Write that a draft was refused, in the caller's transaction; raise `InvalidStudyError` for a bad reason."""
        require_reason(reason)
        facts: dict[str, Json] = {"definition": draft.hash(), "reason": reason, **_named(by)}
        self.log.append(unit, [_draft_entry(draft, REFUSED, facts, now)])

    def ask(self, study_id: str, now: datetime) -> int:
        """Let a study that was approved ask people from now on; return the number of the request that this opens.

        Raises `StudyConflictError` where it does already, `StudyNotApprovedError`, or `StudyClosedError`.
        """
        with self.store.begin() as unit:
            study, acts = open_study_acts(unit, study_id)
            if study_id not in acts.waiting:
                raise StudyConflictError("the study asks people already: a change of its text asks them anew")
            facts: dict[str, Json] = {"definition": study.hash(), "text": study.text_hash}
            entry = replace(_entry(study, RECRUITING, now), actor=f"study:{study_id}", facts=facts)
            self.log.append(unit, [entry])
            return len(acts.requests_of(study_id)) + 1

    def change(self, study: Study, now: datetime) -> None:
        """Store what a study says from now on. Its people are asked again, and until they agree it gets nothing.

        Raises `StudyRefusedError` where the change is none or cannot be one, `StudyNotApprovedError` where there is no
        such study, or a closed one.
        """
        require_askable(study)
        with self.store.begin() as unit:
            require_change(open_study(unit, study.reference.id), study)
            unit.studies.replace(study)
            self.log.append(unit, [_entry(study, CHANGED, now)])

    def close(self, study_id: str, now: datetime, by: str = "operator") -> int:
        """Close a study for good: nobody is asked or read for it any more, and its releases are retired.

        `by` is who decided it, as the log calls them. Returns how many that were. Raises `StudyNotApprovedError`.
        """
        with self.store.begin() as unit:
            study = open_study(unit, study_id)
            self.log.append(unit, [replace(_entry(study, CLOSED, now), actor=by)])
            self.projection.refresh(unit)
            return self._retire(unit, study_id)

    def listed(self) -> Sequence[ListedStudy]:
        """Return all studies in the order of their ids."""
        with self.store.reading() as unit:
            acts = read_acts(unit.log, Action.APPROVE)
            return [
                ListedStudy(
                    study,
                    study.hash() == acts.approved.get(study.reference.id),
                    len(unit.studies.releases(study.reference.id)),
                    study.reference.id in acts.closed,
                    study.reference.id in acts.waiting,
                )
                for study in unit.studies.everything()
            ]

    def _retire(self, unit: Unit, study: str) -> int:
        """Withdraw every release of a study that stands, for ever."""
        releases = unit.studies.releases(study)
        standing = [r for r in releases if model_status(unit, self.projection, r.model_hash) in STANDING]
        for release in standing:
            unit.model_acts.add(release.model_hash, ModelStatus.RETIRED)
        return len(standing)


def require_askable(study: Study) -> None:
    """Raise `StudyRefusedError` for a purpose that no machine can match with what patients permit."""
    try:
        permission_for(study.data_use)
    except InvalidDataUseError as error:
        raise StudyRefusedError(f"no consent could cover this study: {error}") from error


def require_change(before: Study, after: Study) -> None:
    """Raise `StudyRefusedError` where a study cannot become another.

    Its title and institution stand in what people signed. Whatever else they read of it changes with its text, which
    says what is new: so they are asked again.
    """
    if before == after:
        raise StudyRefusedError("nothing in the file differs from the study as it is registered: change it first")
    if before.reference != after.reference:
        raise StudyRefusedError("a study's title and institution stand in what people signed: register another study")
    rest = {name: getattr(after, name) for name in (*_UNSEEN, *_TEXTS)}
    if before.texts & after.texts and replace(before, **rest) != after:
        raise StudyRefusedError("say in the study's text, in each language, what changes for the people who are asked")


def require_free(unit: Unit, study: str) -> None:
    """Raise `StudyConflictError` where a study, or a draft that was not approved, has this id."""
    draft = unit.drafts.get(study)
    if unit.studies.definitions([study]) or (draft is not None and draft.state is not DraftState.APPROVED):
        raise StudyConflictError("a study with this id is registered already, or drafted: choose another id")


def require_reason(reason: str) -> None:
    """Raise `InvalidStudyError` unless a decision on a draft may have this reason."""
    if not (reason.strip() and reason.isprintable() and len(reason) <= LONGEST_REASON):
        raise InvalidStudyError(f"a reason is one line of 1 to {LONGEST_REASON} printable characters: the log keeps it")


def _entry(study: Study, verdict: str, now: datetime) -> Entry:
    """Return what is written of a study: `definition` is what it says, `text` what people read of it, both hashes."""
    text: dict[str, Json] = {} if verdict == CLOSED else {"text": study.text_hash}
    return Entry(
        time=int(now.timestamp()),
        actor="operator",
        action=Action.APPROVE,
        verdict=verdict,
        study=study.reference.id,
        facts={"definition": study.hash(), "ethics": study.ethics, **text},
    )


def _resolved(resolution: Resolution, now: datetime, by: str) -> Entry:
    draft = resolution.submitted
    facts: dict[str, Json] = {"definition": draft.hash(), "names": list(draft.names), "reason": resolution.reason}
    return _draft_entry(draft, RESOLVED, facts | _named(by), now)


def _named(by: str) -> dict[str, Json]:
    return {"by": by} if by else {}


def _draft_entry(draft: StudyDraft, verdict: str, facts: dict[str, Json], now: datetime) -> Entry:
    study, time = draft.study.reference.id, int(now.timestamp())
    return Entry(time, "operator", Action.APPROVE, verdict, study=study, facts=facts)
