"""Which facts a log line may hold: keys on a list, small numbers, short words of code, an exception's class.

A number has at most 63 bits, a word at most 16 hexadecimal digits in a row and four decimal ones, so that no hash,
address, key or random id fits. Two sorts of facts are given as objects, so that no text can take their place: an
exception under `error`, a library's record under `logger`.
"""

import logging
import math
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Final

_COUNTS: Final = {"attempt", "block", "code", "count", "depth", "gas", "items", "seconds", "size"}
_WORDS: Final = {"errand", "job", "kind", "program", "reason", "role", "state"}
KEYS: Final = frozenset(_COUNTS | _WORDS)
"""Each with a plain value. Beside these: `event`, `level`, `timestamp`, `process`, `dropped`, what errors tell."""
OURS: Final = frozenset({"consent", "vault", "analytics", "contracts", "migrations"})
ROOTS: Final = frozenset({"ConsentError", "VaultError", "AnalyticsError", "ArtifactError"})

_EVENT: Final = re.compile(r"[a-z]{1,16}( [a-z]{1,16}){0,5}")
_WORD: Final = re.compile(r"[a-z][a-z0-9]{0,15}([_-][a-z0-9]{1,16}){0,3}|[A-Z][A-Z0-9]{0,15}(_[A-Z0-9]{1,16}){0,3}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,59}")
_LONG_HEX: Final = re.compile(r"(0x)?[0-9a-fA-F]{17,}")
_BITS: Final = 63
_DECIMALS: Final = 4
_SENTENCE: Final = 300

Fact = int | float | str


def event_name(event: object) -> str:
    """Return an event's name when it is up to six lower-case words, else what says that it is not."""
    return event if isinstance(event, str) and _EVENT.fullmatch(event) else "event without a name"


def admitted(said: Mapping[str, object]) -> tuple[dict[str, Fact], int]:
    """Return what may pass of some facts, and how many may not."""
    kept: dict[str, Fact] = {}
    dropped = 0
    for key, value in said.items():
        facts = _facts(key, value)
        kept |= facts
        dropped += not facts
    return kept, dropped


def _facts(key: str, value: object) -> dict[str, Fact]:
    if key == "error" and isinstance(value, BaseException):
        return _of_error(value)
    if key == "logger" and isinstance(value, logging.LogRecord):
        return {key: _name(value.name)}
    fact = plain(value) if key in KEYS else None
    return {} if fact is None else {key: fact}


def plain(value: object) -> Fact | None:
    """Return a value that may pass, None for any other."""
    if isinstance(value, int):
        return value if value.bit_length() <= _BITS else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str) and _WORD.fullmatch(value):
        # Separators do not make a long id short.
        is_id = _LONG_HEX.search(re.sub("[_-]", "", value)) or sum(map(str.isdecimal, value)) > _DECIMALS
        return None if is_id else str(value)
    return None


def _of_error(error: BaseException) -> dict[str, Fact]:
    """Return an exception's class, where in our code it arose, and, for errors of ours, their sentence."""
    facts: dict[str, Fact] = {"error": _name(type(error).__name__)}
    place = _place(error.__traceback__)
    if place:
        facts["where"] = place
    if _is_ours(error):
        facts["told"] = _LONG_HEX.sub("...", str(error))[:_SENTENCE]
    return facts


def _is_ours(error: BaseException) -> bool:
    return any(cls.__name__ in ROOTS and cls.__module__.split(".")[0] in OURS for cls in type(error).__mro__)


def _place(trace: TracebackType | None) -> str:
    """Return `module:line` of the innermost frame of ours: it comes from code, not from what ran through it."""
    place = ""
    while trace:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in OURS:
            place = f"{module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _name(name: str) -> str:
    return name if _NAME.fullmatch(name) and not _LONG_HEX.search(name) else "unnamed"
