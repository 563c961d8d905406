"""Studies as the staff sees them: services speak in values, templates only in text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consent.domain.details import category_words
from consent.domain.study import Study, StudyRefusedError
from consent.domain.study_draft import Review, StudyDraft
from consent.domain.terms import Operation, Window
from consent.domain.wording import ENGLISH
from consent.services.desk.study_views import StudyState, StudyView
from consent.services.studies.sentences import all_allowed, languages, permitted
from consent.web.staff.purposes import Term, asked_for, permitted_terms
from consent.web.words import LANGUAGES


@dataclass(frozen=True, slots=True)
class Chip:
    """A state as a word, and its tone: `on`, `wait` or `off`."""

    word: str
    tone: str


STATES: Final = {
    StudyState.DRAFT: Chip("Draft", "off"),
    StudyState.SUBMITTED: Chip("Waiting", "wait"),
    StudyState.REFUSED: Chip("Refused", "off"),
    StudyState.APPROVED: Chip("Approved", "on"),
    StudyState.RECRUITING: Chip("Recruiting", "on"),
    StudyState.CLOSED: Chip("Closed", "off"),
}
DECIDED: Final = {
    StudyState.RECRUITING: "Recruiting: people are asked",
    StudyState.APPROVED: "Approved: nobody is asked yet",
    StudyState.CLOSED: "Closed",
    StudyState.REFUSED: "Refused",
}
"""The groups of the list, each with its heading."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A study as a line of the list."""

    id: str
    title: str
    institution: str
    state: Chip
    client: str | None
    changed: int
    needs_a_person: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What patients read in one language, and the sentences that one of them signs who allows everything."""

    language: str
    name: str
    title: str
    text: str
    signed: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Shown:
    """A study as its page shows it; `permission` and `terms` are empty where no consent could cover it."""

    line: Listed
    definition: str
    open: bool
    waits: bool
    created: int
    ethics: str
    reason: str
    readings: Sequence[Reading]
    asked: Sequence[str]
    names: Sequence[str]
    permission: str
    terms: Sequence[Term]
    required: str
    optional: str
    days: str
    operations: Sequence[str]
    bounds: Sequence[tuple[str, str]]
    protocols: Sequence[str]


_OPERATIONS: Final = {
    Operation.TRAIN: "teach risk models",
    Operation.PREDICT: "tell people their own risk, and who treats them",
    Operation.EXPORT: "receive copies of records",
}
_SENTENCES: Final = {"who": "Who", "what": "What", "why": "Why", "until": "Until"}
_BOUNDS: Final = {
    "least_auroc": "AUROC at least",
    "slope_low": "Slope of calibration from",
    "slope_high": "Slope of calibration up to",
}


def listed(view: StudyView) -> Listed:
    """Return a study as a line."""
    return Listed(
        id=view.id,
        title=str(view.study["title"]),
        institution=str(view.study["institution"]),
        state=STATES[view.state],
        client=view.client,
        changed=view.changed,
        needs_a_person=view.review is Review.NEEDS_A_PERSON,
    )


def shown(view: StudyView, now: datetime) -> Shown:
    """Return a study as its page shows it."""
    draft = StudyDraft.from_json(view.study)
    study = draft.study
    permission, terms = _permission(study)
    return Shown(
        line=listed(view),
        definition=view.definition,
        open=view.state in {StudyState.APPROVED, StudyState.RECRUITING},
        waits=view.state is StudyState.SUBMITTED,
        created=view.created,
        ethics=study.ethics if draft.named else "",
        reason=view.reason,
        readings=[_reading(study, language, now) for language in languages(study)],
        asked=asked_for(study.data_use),
        names=draft.names,
        permission=permission,
        terms=terms,
        required=category_words(study.required),
        optional=category_words(study.optional) if study.optional else "",
        days=_days(study.window),
        operations=[word for operation, word in _OPERATIONS.items() if operation in study.operations],
        bounds=[(_BOUNDS[name], f"{value:g}") for name, value in study.bounds.to_json().items()]
        if study.bounds
        else [],
        protocols=sorted(study.protocols),
    )


def _permission(study: Study) -> tuple[str, Sequence[Term]]:
    try:
        found = permitted(study)
    except StudyRefusedError:
        return "", ()
    return found.sentence(), permitted_terms(found)


def _reading(study: Study, language: str, now: datetime) -> Reading:
    read = study.read_in(language) or study
    try:
        said = all_allowed(study, now, language)
    except StudyRefusedError:
        signed = []
    else:
        signed = [(label, str(getattr(said, name))) for name, label in _SENTENCES.items()]
    return Reading(language, LANGUAGES.get(language, language), read.reference.title, read.text, signed)


def _days(window: Window) -> str:
    start, end = (ENGLISH.day_of(day) if day else "" for day in (window.start, window.end))
    if start and end:
        return f"{start} to {end}"
    return f"from {start} on" if start else f"up to {end}" if end else "all days"
