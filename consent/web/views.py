"""What pages show, as words: services speak in values, templates only in text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from flask_babel import format_date, ngettext
from flask_babel import gettext as _

from consent.domain.details import category_words
from consent.domain.receipt import Receipt
from consent.domain.study import Study
from consent.domain.terms import Category, month_end_after
from consent.domain.wording import CURRENT
from consent.services.portal.asking import MONTHS, YEARS, Request, window_of
from consent.services.portal.overview import Given, Status
from consent.web.everywhere import CATEGORIES, OPERATIONS, STATUSES
from consent.web.words import language


@dataclass(frozen=True, slots=True)
class Chip:
    """A status as a word, and its tone: `on`, `soon`, `wait` or `off`."""

    word: str
    tone: str


@dataclass(frozen=True, slots=True)
class Card:
    """One consent on a page; title and sentences are in `language`."""

    id: str
    language: str
    title: str
    institution: str
    who: str
    what: str
    why: str
    until: str
    status: Chip
    since: datetime | None
    ends: date
    stopped: datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request on a page, its title and text in `language`.

    `required` and `optional` are name, words and number of records of each category.
    """

    id: str
    language: str
    title: str
    institution: str
    purpose: str
    text: str
    operations: str
    required: Sequence[tuple[str, str, int]]
    optional: Sequence[tuple[str, str, int]]
    not_given: Sequence[str]


@dataclass(frozen=True, slots=True)
class Stopped:
    """One stop on a page; without a title it is named by its number, and its entry in the log, which tells, is None."""

    number: int
    title: str
    institution: str
    at: datetime | None
    by: str
    entry: int | None
    receipt: str


@dataclass(frozen=True, slots=True)
class Neutral:
    """One consent under a neutral name."""

    number: int
    allowed: datetime | None
    until: date


def card(given: Given) -> Card:
    """Return a consent as it is shown."""
    word, tone = STATUSES[given.status]
    return Card(
        id=given.id,
        language=given.language,
        title=given.title,
        institution=given.institution,
        who=given.details.who,
        what=given.details.what,
        why=given.details.why,
        until=given.details.until,
        status=Chip(str(word), tone),
        since=given.since,
        ends=given.ends,
        stopped=given.stopped,
    )


def ledger_word(given: Given) -> str:
    """Return what the ledger has of a consent, for whoever looks at the technical details."""
    if given.revoked:
        return str(_("revoked"))
    if given.status is Status.STOPPED:
        return str(_("not revoked yet"))
    return str(_("nothing") if given.status in {Status.WAITING, Status.NEVER} else _("granted"))


def asked(request: Request) -> Asked:
    """Return a request as it is shown."""
    tongue = language()
    told = request.study.read_in(tongue)
    study = told or request.study
    operations = [str(OPERATIONS[operation]) for operation in OPERATIONS if operation in study.operations]
    return Asked(
        id=study.reference.id,
        language=tongue if told else "en",
        title=study.reference.title,
        institution=study.reference.institution,
        purpose=request.permission.sentence(CURRENT[tongue]),
        text=study.text,
        operations=", ".join(operations),
        required=_amounts(request, study.required),
        optional=_amounts(request, study.optional),
        not_given=_not_given(study.required | study.optional),
    )


def _amounts(request: Request, categories: Iterable[Category]) -> list[tuple[str, str, int]]:
    wanted = set(categories)
    listed = [category for category in CATEGORIES if category in wanted]
    return [(category.value, str(CATEGORIES[category]), request.counts.get(category, 0)) for category in listed]


def _not_given(asked_for: Iterable[Category]) -> list[str]:
    """Return what a study cannot get: nobody's name, and the kinds of record that it does not ask for."""
    kinds = sorted(set(Category) - set(asked_for))
    names = _("Your name, your address or your number")
    return (
        [names, _("Records of other kinds: %(kinds)s", kinds=category_words(kinds, CURRENT[language()]))]
        if kinds
        else [names]
    )


def windows(study: Study, now: datetime) -> list[tuple[str, str]]:
    """Return how far back somebody can let a study look, of what it looks at."""
    today = now.astimezone(UTC).date()
    useful = [n for n in YEARS if window_of(n, today).intersects(study.window)]
    return [
        *((str(n), ngettext("The last year", "The last %(num)s years", n)) for n in useful),
        ("all", _("All my records")),
    ]


def ends(now: datetime) -> list[tuple[str, str]]:
    """Return until when somebody can allow something, by number of months."""
    last_days = [(months, month_end_after(now, months) - timedelta(days=1)) for months in MONTHS]
    return [(str(months), format_date(last_day, "long")) for months, last_day in last_days]


def in_order(running: Sequence[Given]) -> list[Given]:
    """Return consents in the order in which they were given."""
    return sorted(running, key=lambda given: (given.since or datetime.min.replace(tzinfo=UTC), given.id))


def neutral(given: Given, number: int) -> Neutral:
    """Return a consent under a number."""
    return Neutral(number, given.since, given.ends)


def stopped(given: Given, receipt: Receipt, number: int = 1, link: str = "", *, named: bool = True) -> Stopped:
    """Return a stop as it is shown."""
    return Stopped(
        number=number,
        title=given.title if named else "",
        institution=given.institution if named else "",
        at=given.stopped,
        by=_("you") if receipt.by == "patient" else _("the hospital"),
        entry=receipt.index if named else None,
        receipt=link,
    )
