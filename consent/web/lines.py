"""Lines of somebody's activity, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from consent.domain.terms import Operation
from consent.services.acts import COUNTING
from consent.services.portal.activity import Line, LineKind, Shown
from consent.services.portal.reporting import Report
from consent.web.everywhere import CATEGORIES
from consent.web.views import Chip

FILTERS: Final = {
    Shown.ALL: _l("All"),
    Shown.USES: _l("Used"),
    Shown.REFUSALS: _l("Refused"),
    Shown.MINE: _l("By you"),
    Shown.HOSPITAL: _l("By the hospital"),
}

_WHAT: Final = {
    LineKind.OPENED: _l("Your records were used"),
    LineKind.REFUSED: _l("Someone asked, and got nothing"),
    LineKind.PREDICTED: _l("Your risk was worked out"),
    LineKind.LOOKED: _l("You looked at your records"),
    LineKind.AUDITED: _l("Someone checked what you had allowed"),
    LineKind.IMPORTED: _l("New records came in"),
    LineKind.ENROLLED: _l("Something about your sign-in changed"),
    LineKind.GRANTED: _l("You allowed a study"),
    LineKind.LAPSED: _l("What you allowed never started"),
    LineKind.STOPPED: _l("Sharing was stopped"),
    LineKind.EXPIRED: _l("What you allowed came to its end"),
    LineKind.WISHED: _l("You said what you like to be asked"),
    LineKind.REPORTED: _l("Something looked wrong"),
    LineKind.HELD: _l("The law keeps your records here"),
    LineKind.ERASED: _l("Erasing your records"),
    LineKind.OTHER: _l("Something else was written down"),
}
_SAID: Final = {
    (LineKind.ENROLLED, "RECORDS"): _l("The hospital set up your records"),
    (LineKind.ENROLLED, "INVITED"): _l("The hospital gave you a code to begin with"),
    (LineKind.ENROLLED, "KEY"): _l("You made your key"),
    (LineKind.ENROLLED, "IDENTIFIED"): _l("The hospital checked who you are"),
    (LineKind.ENROLLED, "WAY_ADDED"): _l("You added a way to sign in"),
    (LineKind.ENROLLED, "WAY_REMOVED"): _l("You took away a way to sign in"),
    (LineKind.ENROLLED, "KEY_INVITED"): _l("The hospital let you make a new key"),
    (LineKind.ENROLLED, "KEY_ASKED"): _l("Someone asked for a new key for you"),
    (LineKind.ENROLLED, "KEY_CANCELLED"): _l("The new key was called off"),
    (LineKind.ENROLLED, "KEY_REPLACED"): _l("Your new key counts now"),
    (LineKind.REPORTED, "ASKED"): _l("You said that something looks wrong"),
    (LineKind.REPORTED, "ANSWERED"): _l("The hospital answered you"),
    (LineKind.HELD, "LIFTED"): _l("The law no longer keeps your records here"),
    (LineKind.WISHED, "COUNTED"): _l("You said that studies may ask you"),
    (LineKind.WISHED, "NOT_COUNTED"): _l("You said that no study may ask you"),
}
"""Where the verdict says more than the kind."""
_BY_YOU: Final = {
    LineKind.OPENED: _l("Your records were used for you"),
    LineKind.REFUSED: _l("You asked, and got nothing"),
}
"""What tells something else where the person did it."""
USES: Final = {
    Operation.TRAIN: _l("Teach a computer to see risks"),
    Operation.PREDICT: _l("Work out your own risk"),
    Operation.EXPORT: _l("Get a copy"),
}
_ACTORS: Final = {"patient": _l("You"), "operator": _l("The hospital"), "auditor": _l("An auditor")}
_TONES: Final = {
    LineKind.OPENED: ("on", _l("Used")),
    LineKind.PREDICTED: ("on", _l("Used")),
    LineKind.REFUSED: ("off", _l("Refused")),
    LineKind.STOPPED: ("off", _l("Stopped")),
    LineKind.ERASED: ("off", _l("Erased")),
}
REASONS: Final = {
    "NO_GRANT": _l("You never allowed it."),
    "SUBJECT": _l("It was about another person."),
    "UNCERTIFIED": _l("Your key did not stand behind it."),
    "STUDY": _l("You did not allow this study."),
    "OPERATION": _l("You did not allow this use."),
    "PURPOSE": _l("You did not allow this purpose."),
    "PURPOSE_UNRESOLVED": _l("No one had checked the purpose yet."),
    "CATEGORY": _l("You left out a kind of record that it needs."),
    "WINDOW": _l("You allowed other years."),
    "TEXT": _l("The study changed its text, and you have not said yes to the new one."),
    "NOT_FINAL": _l("What you allowed was not written down yet."),
    "EXPIRED": _l("What you allowed had ended."),
    "REVOKED": _l("You had stopped it."),
    "STOPPED": _l("You had stopped it."),
    "STUDY_CLOSED": _l("The study was closed."),
    "BLOCKED": _l("You asked to be erased."),
    "LEDGER_STALE": _l("It could not be checked what is in force."),
    "LEDGER_MISMATCH": _l("It could not be checked what is in force."),
    "RESEARCHER": _l("Researchers get no answers about one person."),
    "RATE": _l("Too many had been asked for in one hour."),
    "MODEL": _l("The model may not be used."),
    "NOT_PREDICTED": _l("There was too little to go by."),
}
"""Why somebody got nothing."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line on a page; `who`, `kinds`, `use` and `why` are empty where there is nothing to say.

    `about` is the line that was reported or answered, None where this tells of no report. `answer` is where one
    reads a prediction again that one asked for oneself, empty for any other line.
    """

    index: int
    at: datetime
    what: str
    who: str
    kinds: str
    use: str
    why: str
    consent: str
    chip: Chip | None
    report: Report | None
    about: int | None
    answer: str


def told(line: Line, report: Report | None = None) -> Told:
    """Return a line in words."""
    tone, word = _TONES.get(line.kind, ("", ""))
    return Told(
        index=line.index,
        at=line.at,
        what=_what(line),
        who=_who(line),
        kinds=", ".join(str(words) for category, words in CATEGORIES.items() if category in line.categories),
        use=_use(line),
        why=str(REASONS.get(line.verdict, "")) if line.kind is LineKind.REFUSED else "",
        consent=line.consent,
        chip=Chip(str(word), tone) if tone else None,
        report=report,
        about=line.about,
        answer=_answer(line),
    )


def technical(line: Line) -> Sequence[tuple[str, str]]:
    """Return what stands under the technical details of a line."""
    leaf = line.leaf.hex()
    return [
        (_("Number in the log"), str(line.index)),
        (_("Actor"), line.actor),
        (_("Verdict"), line.verdict),
        (_("Consent"), line.consent or _("none")),
        (_("Leaf of the log"), leaf),
    ]


def _what(line: Line) -> str:
    own = _BY_YOU.get(line.kind) if line.actor == "patient" else None
    return str(own or _SAID.get((line.kind, line.verdict), _WHAT[line.kind]))


def _who(line: Line) -> str:
    """Name who did it, and for which study; a study acts for itself."""
    role, _colon, name = line.actor.partition(":")
    told = _("%(name)s, your care team", name=name) if role == "treating" else _ACTORS.get(role)
    if told is None:
        return line.title or line.study or name
    return f"{told} · {line.title}" if line.title else str(told)


def _answer(line: Line) -> str:
    own = line.kind is LineKind.PREDICTED and line.actor == "patient" and line.consent
    return f"/consents/{line.consent}/risk/{line.index}" if own else ""


def _use(line: Line) -> str:
    if line.operation == COUNTING:
        return str(_("Count people, not read about you"))
    return str(USES[Operation(line.operation)]) if line.operation in set(Operation) else ""
