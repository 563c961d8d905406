"""What somebody asked of the auditors' pages, checked: what is wrong is told in a sentence, and asks for nothing."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from consent.domain.entry import Action
from consent.services.console.history import Filter

Errors = Sequence[tuple[str, str]]
_HEX: Final = re.compile(r"[0-9a-f]{32}")
_BEGINNING: Final = re.compile(r"[0-9a-f]{0,32}")
_STUDY: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_WORD: Final = re.compile(r"[A-Za-z_]{1,40}")
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_KNOWN: Final = frozenset(action.value for action in Action)
_A_DAY: Final = timedelta(days=1)
_RULES: Final[Mapping[str, tuple[Callable[[str], object], str]]] = {
    "study": (_STUDY.fullmatch, "Write a study's id: small letters, digits and hyphens."),
    "subject": (_HEX.fullmatch, "Write a person's whole pseudonym: 32 characters, 0 to 9 and a to f."),
    "action": (_KNOWN.__contains__, "Choose one of the kinds."),
    "verdict": (_WORD.fullmatch, "Write a verdict as the log does, such as PERMIT or STOPPED."),
    "operation": (_WORD.fullmatch, "Write an operation as the log does, such as train."),
    "consent": (_HEX.fullmatch, "Write a consent's whole number: 32 characters, 0 to 9 and a to f."),
}
NO_DAY: Final = "Write a day as year, month and day: 2026-03-03."


@dataclass(frozen=True, slots=True)
class Asked:
    """A filter as it was typed, as it is used, and what is wrong with it: that is not among what was typed any more."""

    typed: Mapping[str, str]
    filter: Filter
    errors: Errors


def asked_filter(values: Mapping[str, str]) -> Asked:
    """Read a filter; where something is wrong it asks for nothing, and says what."""
    typed = {name: values.get(name, "").strip() for name in (*_RULES, "from", "until")}
    errors = [(name, rule[1]) for name, rule in _RULES.items() if typed[name] and not rule[0](typed[name])]
    since, until = as_day(typed["from"]), as_day(typed["until"])
    errors += [(name, NO_DAY) for name, day in (("from", since), ("until", until)) if typed[name] and day is None]
    if since and until and since > until:
        errors.append(("until", "The last day is before the first. Swap them, or correct one."))
    if errors:
        wrong = {name for name, _ in errors}
        return Asked({name: value for name, value in typed.items() if name not in wrong}, Filter(), errors)
    named = {name: typed[name] for name in _RULES}
    ends = (_start(since) if since else None, _start(until + _A_DAY) if until else None)
    return Asked(typed, Filter(**named, since=ends[0], until=ends[1]), ())


def as_day(text: str) -> date | None:
    """Return a day as a browser sends it, None for anything else; days that no log has are none."""
    try:
        found = date.fromisoformat(text) if len(text) == len("2026-03-03") else None
    except ValueError:
        return None
    return found if found and date(1971, 1, 1) <= found <= date(9000, 1, 1) else None


def end_of(day: date) -> int:
    """Return the last second of a day, in Unix seconds."""
    return _start(day + _A_DAY) - 1


def whole(text: str) -> int | None:
    """Return a number as pages send it, None for anything else."""
    return int(text) if _NUMBER.fullmatch(text) else None


def is_id(text: str) -> bool:
    """Say whether this can be the whole name of a consent or a person."""
    return bool(_HEX.fullmatch(text))


def is_beginning(text: str) -> bool:
    """Say whether such a name can begin so."""
    return bool(_BEGINNING.fullmatch(text))


def is_study(text: str) -> bool:
    """Say whether this can be a study's id."""
    return bool(_STUDY.fullmatch(text))


def _start(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
