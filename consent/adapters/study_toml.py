"""A study as its researcher writes it down, in TOML. `TEMPLATE` is an example with every field explained.

Anything else raises `StudyFileError`, which names the field and never repeats what stands in it.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Final, TypeVar

from consent.domain.bounds import Bounds, InvalidBoundsError
from consent.domain.data_use import DataUse, InvalidDataUseError
from consent.domain.errors import ConsentError, InvalidTermsError
from consent.domain.study import Study, Translation
from consent.domain.terms import Category, Operation, StudyReference, Window

TEMPLATE: Final = f'''\
# A study, as patients will read it. Fill it in, then see what they will read:
#     consentry study show FILE
# and hand it in, where an operator is to decide on it:
#     consentry study draft FILE
# or, if you are the operator and the ethics committee agrees, register it:
#     consentry local study approve HOME FILE --ethics "EC 2026/1"

id = ""                   # for programs and for good: lower-case letters, digits and hyphens
title = ""                # one line of at most 200 characters
institution = ""          # who is responsible, as patients know it

# What patients read before they decide, at most 4,000 characters. Short sentences, everyday words, no abbreviations.
# Say what you want to find out, what for, who sees what, and whom to ask.
text = """
"""

operations = ["train"]    # of: {", ".join(Operation)}

# Kinds of records, of: {", ".join(list(Category)[:8])},
# {", ".join(list(Category)[8:])}
required = []             # without which a person cannot take part
optional = []             # used where the person allows them

# The ethics reference may stand here too; `approve` then asks for the same one.
# ethics = "EC 2026/1"

# Trainings that are allowed, 64 hex digits each; without them any dictionary on any cohort.
# protocols = []

[purpose]                 # what for: patients are asked for exactly this and no more
health_research = false   # health and disease in general
diseases = []             # or these diseases only, such as "MONDO:0005148" (type 2 diabetes)
ancestry = false          # where people's families come from
methods = false           # to build new research methods
general_use = false       # any research at all
for_profit = false        # whether anybody earns money by it
other = []                # what no rule decides, in DUO's letters, such as "COL": a person must, and says why

[window]                  # which days of records; leave an end out where all days count
# start = 2015-01-01
# end = 2025-12-31

# How good the model has to be before anybody is served it; leave it out where nobody said.
# [bounds]
# least_auroc = 0.7
# slope_low = 0.8
# slope_high = 1.25
'''

_FIELDS: Final = {
    "id", "title", "institution", "text", "operations", "required", "optional", "ethics", "protocols", "purpose",
    "window", "bounds", "translations",
}  # fmt: skip
_FLAGS: Final = ("health_research", "ancestry", "methods", "general_use")
_PURPOSE: Final = {*_FLAGS, "diseases", "for_profit", "other"}
_BOUNDS: Final = {"least_auroc", "slope_low", "slope_high"}
_Names = TypeVar("_Names", bound=StrEnum)


class StudyFileError(ConsentError):
    """This file is no study; correct what the message names, `consentry study new` writes an example."""


def read_study(text: str, ethics: str = "", *, draft: str = "") -> Study:
    """Read a study; `ethics` is its reference where the file has none, and `draft` stands there while it has neither.

    Raises `StudyFileError` for a file that is none, also where both name a reference and they differ, and
    `InvalidStudyError` for a study that cannot be.
    """
    try:
        value = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise StudyFileError(f"the study is no TOML: {_place(error)}") from error
    _only(value, _FIELDS, "the study")
    try:
        return _study(value, _reference(value, ethics) or draft)
    except (InvalidTermsError, InvalidDataUseError, InvalidBoundsError) as error:
        raise StudyFileError(str(error)) from error


def _study(value: Mapping[str, Any], ethics: str) -> Study:
    return Study(
        reference=StudyReference(*(_text(value, name) for name in ("id", "title", "institution"))),
        text=_text(value, "text").strip(),
        data_use=_purpose(_table(value, "purpose", _PURPOSE)),
        operations=_members(value, "operations", Operation),
        required=_members(value, "required", Category),
        optional=_members(value, "optional", Category),
        window=_window(_table(value, "window", {"start", "end"})),
        ethics=ethics,
        bounds=_bounds(_table(value, "bounds", _BOUNDS)),
        protocols=_protocols(value),
        translations=_translations(value),
    )


def _reference(value: Mapping[str, Any], given: str) -> str:
    written = _text(value, "ethics") if "ethics" in value else ""
    if given and written and given != written:
        raise StudyFileError("the file names another ethics reference: correct it, or give the same one")
    return given or written


def _purpose(table: Mapping[str, Any]) -> DataUse:
    """Read what for; a study that does not earn money says so, or says nothing."""
    flags = {name: _flag(table, name) for name in _FLAGS}
    profit = {"non_profit_only": not _flag(table, "for_profit")} if "for_profit" in table else {}
    return DataUse(
        **flags,
        **profit,
        diseases=frozenset(_names(table, "diseases")),
        other=frozenset(_names(table, "other")),
    )


def _window(table: Mapping[str, Any]) -> Window:
    for name, day in table.items():
        if type(day) is not date:  # a moment is a date to Python
            raise StudyFileError(f"window.{name} is a day such as 2015-01-01, without quotes")
    return Window(**table)


def _bounds(table: Mapping[str, Any]) -> Bounds | None:
    if not table:
        return None
    if set(table) != _BOUNDS:
        raise StudyFileError(f"bounds has all of {', '.join(sorted(_BOUNDS))}, or is left out")
    return Bounds.from_json(table)


def _translations(value: Mapping[str, Any]) -> tuple[Translation, ...]:
    """Read the study in further languages: `[translations.es]` with its title and text."""
    tables = value.get("translations", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise StudyFileError("translations are parts of their own: begin each with its language, [translations.es]")
    for language, table in tables.items():
        _only(table, {"title", "text"}, f"translations.{language}")
    return tuple(
        Translation(language, _text(tables[language], "title"), _text(tables[language], "text").strip())
        for language in sorted(tables)
    )


def _protocols(value: Mapping[str, Any]) -> frozenset[str]:
    names = frozenset(_names(value, "protocols"))
    if not all(len(name) == 64 and not name.strip("0123456789abcdef") for name in names):  # noqa: PLR2004  # SHA-256
        raise StudyFileError("protocols are SHA-256s, 64 lower-case hex digits each")
    return names


def _members(value: Mapping[str, Any], name: str, known: type[_Names]) -> frozenset[_Names]:
    names = _names(value, name)
    if not set(names) <= set(known):
        raise StudyFileError(f"{name} are of: {', '.join(known)}")
    return frozenset(map(known, names))


def _names(value: Mapping[str, Any], name: str) -> list[str]:
    names = value.get(name, [])
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise StudyFileError(f"{name} is a list of texts in quotes")
    return names


def _text(value: Mapping[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str):
        raise StudyFileError(f"{name} is missing, or is not a text in quotes")
    return text


def _flag(table: Mapping[str, Any], name: str) -> bool:
    flag = table.get(name, False)
    if not isinstance(flag, bool):
        raise StudyFileError(f"purpose.{name} is true or false")
    return flag


def _table(value: Mapping[str, Any], name: str, known: set[str]) -> Mapping[str, Any]:
    table = value.get(name, {})
    if not isinstance(table, dict):
        raise StudyFileError(f"{name} is a part of its own: begin it with [{name}]")
    _only(table, known, name)
    return table


def _only(table: Mapping[str, Any], known: set[str], where: str) -> None:
    if not table.keys() <= known:
        raise StudyFileError(f"{where} has a field that is not known: its fields are {', '.join(sorted(known))}")


def _place(error: Exception) -> str:
    """Return where TOML breaks off, from the end of the parser's message; the rest may repeat what stands there."""
    where = str(error).rpartition("(")[2].rstrip(")")
    return where if where.startswith(("at line", "at end")) else "look at its brackets"
