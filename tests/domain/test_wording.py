"""Wordings: what was signed once is rendered the same for ever, and in the language in which it was read."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from consent.domain.details import DetailsMismatchError, render
from consent.domain.errors import InvalidTermsError
from consent.domain.terms import WORDED, Category, Operation, Terms
from consent.domain.wording import CURRENT, ENGLISH, SPANISH, WORDINGS, Wording
from tests.domain.test_details import SALT, TERMS

VECTORS: Final = Path(__file__).parent.parent / "vectors"
FROZEN: Final[dict[str, Any]] = {path.stem: json.loads(path.read_text()) for path in VECTORS.glob("wording_*.json")}
WITHOUT: Final[list[dict[str, Any]]] = json.loads((VECTORS / "details_1.json").read_text())


def worded(wording: Wording) -> Terms:
    return replace(TERMS, version=WORDED, language=wording.language, wording=wording.hash)


def test_terms_of_version_1_are_said_as_ever_byte_for_byte() -> None:
    for one in WITHOUT:
        terms = Terms.from_json(one["terms"])
        details = render(terms, SALT)
        assert details.to_json() == one["details"]
        assert details.commitment.hex() == one["commitment"]


@pytest.mark.parametrize("name", FROZEN)
def test_a_wording_that_was_ever_signed_is_still_here_unchanged(name: str) -> None:
    one = FROZEN[name]
    assert WORDINGS[one["hash"]].to_json() == one["wording"]


def test_every_wording_is_frozen() -> None:
    assert {one["hash"] for one in FROZEN.values()} == set(WORDINGS)


def test_the_four_sentences_in_spanish() -> None:
    details = render(worded(SPANISH), SALT)
    assert (details.who, details.what, details.why, details.until) == (
        "General Hospital, para el estudio «Who gets sepsis?».",
        (
            "Pueden usar estos datos míos: edad y sexo, análisis de laboratorio y supervivencia, "
            "del 1 de enero de 1990 al 31 de enero de 1994. "
            "Los usan para enseñar a un modelo de riesgo y calcular mi propio riesgo."
        ),
        "Para saber más sobre la salud y la enfermedad, pero nunca para ganar dinero.",
        "Hasta el 29 de febrero de 2028, o hasta que yo lo pare.",
    )


def test_spanish_turns_y_into_e_before_the_sound_of_an_i() -> None:
    terms = replace(worded(SPANISH), categories=frozenset({Category.CONDITIONS, Category.IMAGING}))
    assert "diagnósticos e imágenes" in render(terms, SALT).what
    assert [SPANISH.listed(["a", word]) for word in ("hielo", "hijos", "Índice", "uno")] == [
        "a y hielo",
        "a e hijos",
        "a e Índice",
        "a y uno",
    ]


@pytest.mark.parametrize("wording", CURRENT.values(), ids=CURRENT)
def test_a_wording_has_words_for_everything(wording: Wording) -> None:
    assert set(wording.categories) == set(Category)
    assert set(wording.operations) == set(Operation)
    assert set(wording.diseases) == set(ENGLISH.diseases)


def test_terms_of_version_2_in_english_say_the_same_as_those_of_version_1() -> None:
    new, old = render(worded(ENGLISH), SALT), render(TERMS, SALT)
    assert (new.who, new.what, new.why, new.until) == (old.who, old.what, old.why, old.until)
    assert new.commitment != old.commitment


def test_terms_of_version_2_come_back_as_they_were() -> None:
    terms = worded(SPANISH)
    assert Terms.from_json(terms.to_json()) == terms


def test_a_wording_that_is_not_known_is_refused() -> None:
    with pytest.raises(DetailsMismatchError, match="not known here"):
        render(replace(worded(ENGLISH), wording="00" * 32), SALT)


def test_a_wording_of_another_language_is_refused() -> None:
    with pytest.raises(DetailsMismatchError, match="worded in es"):
        render(replace(worded(SPANISH), language="en"), SALT)
    with pytest.raises(DetailsMismatchError, match="worded in en"):
        render(replace(TERMS, language="es"), SALT)


@pytest.mark.parametrize(("version", "wording"), [(1, ENGLISH.hash), (2, None), (2, "AB" * 32), (3, ENGLISH.hash)])
def test_a_version_and_a_wording_belong_together(version: int, wording: str | None) -> None:
    with pytest.raises(InvalidTermsError):
        replace(TERMS, version=version, wording=wording)
