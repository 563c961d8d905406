"""A study's purpose in words, and what patients would permit in terms of the Data Use Ontology (DUO).

DUO codes what is permitted, not what is asked for: http://purl.obolibrary.org/obo/duo.owl
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from consent.domain.data_use import DataUse
from consent.domain.wording import ENGLISH


@dataclass(frozen=True, slots=True)
class Term:
    """A term of DUO: its id, its short name and its label there; `of` is which diseases are meant."""

    id: str
    short: str
    label: str
    of: str = ""


_FLAGS: Final = (
    ("general_use", Term("DUO:0000042", "GRU", "general research use")),
    ("health_research", Term("DUO:0000006", "HMB", "health or medical or biomedical research")),
)
_DISEASES: Final = ("DUO:0000007", "DS", "disease specific research")
_LIMITS: Final = (
    ("ancestry", Term("DUO:0000011", "POA", "population origins or ancestry research only")),
    ("methods", Term("DUO:0000015", "NMDS", "no general methods research")),
    ("non_profit_only", Term("DUO:0000018", "NPUNCU", "not for profit, non commercial use only")),
)


def permitted_terms(permission: DataUse) -> list[Term]:
    """Return a permission in terms of DUO."""
    diseases = [Term(*_DISEASES, of=disease_words(permission))] if permission.diseases else []
    before = [term for name, term in _FLAGS if getattr(permission, name)]
    return [*before, *diseases, *(term for name, term in _LIMITS if getattr(permission, name))]


def asked_for(requested: DataUse) -> list[str]:
    """Return what a study asks for, a line for each thing that a machine decides."""
    return list(_asked(requested))


def disease_words(use: DataUse) -> str:
    """Return the names of diseases, with their codes where a name is known."""
    return ", ".join(_named(disease) for disease in sorted(use.diseases))


def _asked(use: DataUse) -> Iterator[str]:
    if use.general_use:
        yield "Any kind of research"
    if use.health_research:
        yield "Research on health and disease"
    if use.diseases:
        yield f"Research on {disease_words(use)}"
    if use.ancestry:
        yield "Research on where families come from"
    if use.methods:
        yield "Building new research methods"
    yield "For profit" if use.non_profit_only is False else "Not for profit"


def _named(disease: str) -> str:
    known = ENGLISH.diseases.get(disease)
    return f"{known} ({disease})" if known else disease
