"""What the auditors' pages call things: actions and verdicts of the log, and how a consent stands, in plain English."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from consent.domain.entry import PERMIT, Action
from consent.domain.erasure import ErasureState
from consent.ports import ModelStatus
from consent.services.console.dating import day_of
from consent.services.console.sides import ConsentState, Difference
from consent.web.views import Chip

ACTIONS: Final[Mapping[str, str]] = {
    Action.ENROL: "Enrolment or key",
    Action.IMPORT: "Records came in",
    Action.APPROVE: "Study decided",
    Action.GRANT: "Consent given",
    Action.STOP: "Consent stopped",
    Action.READ: "Records read",
    Action.TRAIN: "Model trained",
    Action.RELEASE: "Model released",
    Action.RETIRE: "Model withdrawn",
    Action.ERASE: "Erasure",
    Action.HOLD: "Legal hold",
    Action.ACCESS: "Person's own access, or an audit",
    Action.KEYS: "Keys of the house",
    Action.LEDGER: "Ledger",
    Action.OPERATOR: "Operators changed",
    Action.PREDICT: "Prediction",
    Action.EXPORT: "Something left as a file",
    Action.PREFER: "Preference",
    Action.COUNT: "Count disclosed",
    Action.REVIEW: "Model reviewed",
    Action.REPORT: "Somebody reported a line",
    Action.CLIENT: "Client changed",
    Action.STAFF: "Staff changed",
    Action.CERTIFY: "Checkpoint certified",
    Action.EXPIRE: "Consent ran out",
}
"""What each action is called; one that is not here is called what the log calls it."""
DONE: Final = frozenset({PERMIT, "PREDICTED", "ACTIVE", "APPROVED", "RECRUITING", "TRAINED", "COUNTED"})
REFUSALS: Final[Mapping[str, str]] = {
    "NO_GRANT": "has no consent that could be judged",
    "SUBJECT": "has terms about another person",
    "UNCERTIFIED": "has an address that their key does not certify",
    "STUDY": "allowed another study",
    "OPERATION": "did not allow this use",
    "PURPOSE": "did not allow this purpose",
    "PURPOSE_UNRESOLVED": "allowed a purpose that nobody had looked at",
    "CATEGORY": "left out a kind of record that is needed",
    "WINDOW": "allowed other days",
    "TEXT": "agreed to another text of the study",
    "NOT_FINAL": "was not on the chain yet",
    "EXPIRED": "had a consent that had run out",
    "REVOKED": "had revoked it on the chain",
    "STOPPED": "had stopped it",
    "STUDY_CLOSED": "had agreed, and the study was closed",
    "BLOCKED": "had asked to be erased",
    "STUDY_NOT_APPROVED": "had agreed, and the study was not approved",
}
"""Why the study could not read somebody who had agreed."""
STATES: Final[Mapping[ConsentState, Chip]] = {
    ConsentState.IN_FORCE: Chip("In force", "on"),
    ConsentState.WAITING: Chip("On its way to the chain", "wait"),
    ConsentState.STOPPED: Chip("Stopped", "off"),
    ConsentState.REVOKED: Chip("Revoked on the chain", "off"),
    ConsentState.EXPIRED: Chip("Ran out", "off"),
    ConsentState.NEVER: Chip("Never came on the chain", "off"),
    ConsentState.ILLEGIBLE: Chip("Cannot be told", "bad"),
    ConsentState.GONE: Chip("Erased: checkable no longer", "off"),
}
DIFFERENCES: Final[Mapping[Difference, tuple[str, str]]] = {
    Difference.NOT_LOGGED: ("Log and database", "The database has a consent that no entry of the log tells of."),
    Difference.ROW_MISSING: ("Log and database", "The log says that it was given, and the database has no row of it."),
    Difference.UNREADABLE: ("Database", "What was signed does not open: the row was altered, or its key is missing."),
    Difference.OTHER_WORDS: ("Signed", "The terms do not render to sentences that are known here."),
    Difference.OTHER_SUBJECT: ("Log, database and signed", "They do not name the same person."),
    Difference.OTHER_STUDY: ("Log and signed", "They do not name the same study."),
    Difference.OTHER_CATEGORIES: ("Log and signed", "They do not name the same kinds of record."),
    Difference.OTHER_COMMITMENT: ("Log and signed", "The log's entry was made of another commitment or address."),
    Difference.SIGNATURE: ("Signed", "The signature is not the address's."),
    Difference.CERTIFICATE: ("Signed", "The enrolment key that was in force does not certify the address."),
    Difference.OTHER_EXPIRY: ("Signed and chain", "They do not end at the same second."),
    Difference.STOP_NOT_LOGGED: ("Log and database", "The row says stopped, and the log does not."),
    Difference.STOP_NOT_STORED: ("Log and database", "The log says stopped, and the row does not."),
    Difference.NOT_ON_CHAIN: ("Log and chain", "It was given more than a week ago, and the chain does not have it."),
    Difference.STOP_NOT_ON_CHAIN: ("Log and chain", "It was stopped more than a day ago, and the chain has it still."),
}
"""Between which sides a difference is, and what it is."""
MODELS: Final[Mapping[ModelStatus, Chip]] = {
    ModelStatus.UNKNOWN: Chip("Not registered", "bad"),
    ModelStatus.ACTIVE: Chip("Active", "on"),
    ModelStatus.SUSPENDED: Chip("Suspended", "wait"),
    ModelStatus.RETIRED: Chip("Retired", "off"),
}
ERASURES: Final[Mapping[ErasureState, Chip]] = {
    ErasureState.REQUESTED: Chip("Asked for", "wait"),
    ErasureState.HOLD_CHECK: Chip("Holds are looked for", "wait"),
    ErasureState.BLOCKED: Chip("Nobody reads", "wait"),
    ErasureState.BLOCKED_RETAINED: Chip("Kept by law, nobody reads", "wait"),
    ErasureState.KEY_DELETED: Chip("Key deleted", "on"),
    ErasureState.EPOCH_TURNED: Chip("Old keys destroyed", "on"),
    ErasureState.FINAL: Chip("Final", "on"),
}
TERMS: Final[Mapping[str, str]] = {
    "version": "Version of the terms",
    "subject": "Person",
    "study.id": "Study",
    "study.institution": "Institution",
    "study.title": "Title",
    "data_use.general_use": "Any research",
    "data_use.health_research": "Health research",
    "data_use.diseases": "Diseases",
    "data_use.ancestry": "Ancestry",
    "data_use.methods": "Methods are forbidden",
    "data_use.non_profit_only": "Not for profit only",
    "data_use.other": "Other purposes",
    "operations": "May be used to",
    "categories": "Kinds of record",
    "window.start": "Records from",
    "window.end": "Records up to",
    "expires": "Ends",
    "language": "Language",
    "text_hash": "SHA-256 of the text that was read",
    "retention": "Told of a duty to keep",
    "wording": "SHA-256 of the wording",
}
"""Members of terms by their path."""


def action_words(action: object) -> str:
    """Return what an action is called."""
    return ACTIONS.get(str(action), str(action)) or "Not an entry"


def verdict_chip(body: Mapping[str, Any]) -> Chip | None:
    """Return an entry's verdict as a chip: done, refused, or a state."""
    verdict, action = str(body.get("verdict", "")), body.get("action")
    if not verdict:
        return None
    refused = action in {Action.READ, Action.PREDICT} and verdict not in DONE
    tone = "on" if verdict in DONE else "bad" if refused or "REJECTED" in verdict else "off"
    return Chip(verdict, tone)


def stamp(time: object) -> str:
    """Return a second as it is compared: 2026-11-26 14:05:09."""
    return day_of(time, "%Y-%m-%d %H:%M:%S") or "no time"


def span(seconds: int) -> str:
    """Return a span in its two largest units: 2 days 3 hours."""
    parts = list[str]()
    for name, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, length)
        parts += [f"{count:,} {name}{'s' * (count != 1)}"] if count else []
    return " ".join(parts[:2]) or "0 seconds"


def short(name: object) -> str:
    """Return the beginning of a long hexadecimal name."""
    text = str(name)
    return f"{text[:8]}…" if len(text) > 12 else text  # noqa: PLR2004  # shorter ones are shown whole


def member_words(value: object) -> str:
    """Return a member of terms in words."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "open" if value is None else str(value)


def erasure_chip(state: ErasureState) -> Chip:
    """Return how far an erasure is, as a chip."""
    return ERASURES[state]


def erasure_word(verdict: str) -> str:
    """Return a state of an erasure as the log names it, in words."""
    return ERASURES[ErasureState(verdict)].word


AUDIT: Final[Mapping[str, Callable[..., Any]]] = {
    "action_words": action_words,
    "verdict_chip": verdict_chip,
    "stamp": stamp,
    "span": span,
    "short": short,
    "member_words": member_words,
    "term_words": lambda name: TERMS.get(name, name),
    "refusal_words": lambda reason: REFUSALS.get(reason, "could not be read"),
    "state_chip": STATES.__getitem__,
    "difference_words": DIFFERENCES.__getitem__,
    "model_chip": MODELS.__getitem__,
    "erasure_chip": erasure_chip,
    "erasure_word": erasure_word,
}
"""Filters of the auditors' templates, by name."""
