"""The wordings of consent texts: every fixed fragment of the sentences that patients sign, in one language, by hash.

Terms of version 2 name the hash of their wording, so that a sentence can be rendered for as long as its consent lasts.
A wording that was ever signed is never edited: what is to be said otherwise becomes another one in `WORDINGS`.
Terms of version 1 have no such hash; they are always said with `ENGLISH`, the only words that they were ever said with.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Final

from consent.domain.hashing import Json, canonical_json, sha256

Words = Mapping[str, str]


@dataclass(frozen=True)
class Wording:
    """The fragments in one language; `{…}` in a fragment stands for what the terms say.

    Attributes:
        language: BCP 47 tag; the terms that use it are in this language.
        who: of the `institution` and the study's `title`.
        what: of the `categories`, the `window` and the `operations`.
        until: of the last `day`.
        kept: follows `until` where a law makes the study keep what it holds.
        between, since, up_to: the window, of its first `start` and last `end`.
        day: of the number of the `day`, the name of the `month` and the `year`.
        months: the twelve names.
        and_, and_i: what stands before the last of several; `and_i` where that begins with the sound of an i.
        categories, operations, diseases: what is read for a name; a disease without a word stands for itself.
        any_research, no_research, aim: what the purpose is; `aim` of its `aims`.
        health, ancestry: two aims.
        never: of the `never`s, joined by `and_never`: what is forbidden.
        money, methods: what can be forbidden.
        looked_at: of the `names` that a person must look at first.
    """

    language: str
    who: str
    what: str
    until: str
    kept: str
    between: str
    since: str
    up_to: str
    day: str
    months: tuple[str, ...]
    and_: str
    and_i: str
    categories: Words
    operations: Words
    diseases: Words
    any_research: str
    no_research: str
    aim: str
    health: str
    ancestry: str
    never: str
    and_never: str
    money: str
    methods: str
    looked_at: str

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the wording's canonical JSON, 64 hex digits."""
        return sha256(canonical_json(self.to_json())).hex()

    def to_json(self) -> dict[str, Json]:
        """Return the fragments as JSON values."""
        return {field.name: _json(getattr(self, field.name)) for field in fields(self)}

    def listed(self, words: Iterable[str]) -> str:
        """Return one or more words as they are enumerated."""
        *first, last = words
        sounds_i = last.lower().startswith(("i", "í", "hi", "hí")) and not last.lower().startswith("hie")
        return f"{', '.join(first)}{self.and_i if sounds_i else self.and_}{last}" if first else last

    def day_of(self, day: date) -> str:
        """Return a day; not strftime's, which depends on the machine."""
        return self.day.format(day=day.day, month=self.months[day.month - 1], year=day.year)


def _json(value: str | tuple[str, ...] | Words) -> Json:
    if isinstance(value, str):
        return value
    return dict(value) if isinstance(value, Mapping) else list(value)


ENGLISH: Final = Wording(
    language="en",
    who="{institution}, for the study “{title}”.",
    what="They may use my {categories}{window} to {operations}.",
    until="Until {day}, or until I stop it.",
    kept=" The law makes them keep what they hold by then.",
    between=" from {start} to {end}",
    since=" from {start} on",
    up_to=" up to {end}",
    day="{day} {month} {year}",
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    and_=" and ",
    and_i=" and ",
    categories=MappingProxyType(
        {
            "demographics": "age and sex",
            "vital-signs": "vital signs",
            "laboratory": "laboratory results",
            "conditions": "diagnoses",
            "medications": "medicines",
            "procedures": "procedures",
            "imaging": "images",
            "genomics": "genetic results",
            "social-history": "social history",
            "surveys": "questionnaires and scores",
            "assessments": "doctors' assessments",
            "outcomes": "survival",
            "notes": "doctors' notes",
            "encounters": "visits and stays",
            "care-plans": "care plans",
        }
    ),
    operations=MappingProxyType(
        {"train": "teach a risk model", "predict": "work out my own risk", "export": "receive a copy"}
    ),
    diseases=MappingProxyType(
        {"MONDO:0004992": "cancer", "MONDO:0005015": "diabetes", "MONDO:0005148": "type 2 diabetes"}
    ),
    any_research="For any kind of research",
    no_research="For no research at all",
    aim="To learn about {aims}",
    health="health and disease",
    ancestry="where people's families come from",
    never=", but never {never}",
    and_never=" and never ",
    money="to make money",
    methods="to build new research methods",
    looked_at=", and only after a person has looked at this: {names}",
)
"""English, since terms of version 1."""

SPANISH: Final = Wording(
    language="es",
    who="{institution}, para el estudio «{title}».",
    what="Pueden usar estos datos míos: {categories}{window}. Los usan para {operations}.",
    until="Hasta el {day}, o hasta que yo lo pare.",
    kept=" La ley les obliga a guardar lo que tengan hasta entonces.",
    between=", del {start} al {end}",
    since=", desde el {start}",
    up_to=", hasta el {end}",
    day="{day} de {month} de {year}",
    months=(
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ),
    and_=" y ",
    and_i=" e ",
    categories=MappingProxyType(
        {
            "demographics": "edad y sexo",
            "vital-signs": "signos vitales",
            "laboratory": "análisis de laboratorio",
            "conditions": "diagnósticos",
            "medications": "medicinas",
            "procedures": "procedimientos",
            "imaging": "imágenes",
            "genomics": "pruebas genéticas",
            "social-history": "vida social",
            "surveys": "cuestionarios y puntuaciones",
            "assessments": "valoraciones de los médicos",
            "outcomes": "supervivencia",
            "notes": "notas de los médicos",
            "encounters": "visitas e ingresos",
            "care-plans": "planes de cuidados",
        }
    ),
    operations=MappingProxyType(
        {
            "train": "enseñar a un modelo de riesgo",
            "predict": "calcular mi propio riesgo",
            "export": "recibir una copia",
        }
    ),
    diseases=MappingProxyType(
        {"MONDO:0004992": "el cáncer", "MONDO:0005015": "la diabetes", "MONDO:0005148": "la diabetes de tipo 2"}
    ),
    any_research="Para cualquier tipo de investigación",
    no_research="Para ninguna investigación",
    aim="Para saber más sobre {aims}",
    health="la salud y la enfermedad",
    ancestry="el origen de las familias",
    never=", pero nunca {never}",
    and_never=" y nunca ",
    money="para ganar dinero",
    methods="para crear nuevos métodos de investigación",
    looked_at=", y solo después de que una persona haya mirado esto: {names}",
)
"""Spanish."""

WORDINGS: Final[Mapping[str, Wording]] = MappingProxyType({each.hash: each for each in (ENGLISH, SPANISH)})
"""Every wording that was ever signed, by its hash."""
CURRENT: Final[Mapping[str, Wording]] = MappingProxyType({"en": ENGLISH, "es": SPANISH})
"""What is signed from now on, by language."""
