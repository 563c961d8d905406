"""A draft says what a study would say, in its fields and no others, and hides no purpose that nobody may have."""

from dataclasses import replace
from typing import Any, Final

import pytest

from consent.domain.bounds import Bounds
from consent.domain.data_use import DataUse
from consent.domain.study import (
    FORBIDDEN_USES,
    InvalidStudyError,
    Study,
    StudyRefusedError,
    Translation,
    forbidden_uses,
)
from consent.domain.study_draft import MAX_BYTES, Review, StudyDraft
from tests.services.house import STUDY

WHOLE: Final = replace(
    STUDY,
    bounds=Bounds(0.7, 0.8, 1.2),
    protocols=frozenset({"a" * 64}),
    translations=(Translation("es", "Los riñones", "Este estudio mira los riñones."),),
)
JSON: Final = STUDY.to_json()


def using(**purpose: Any) -> dict[str, Any]:
    """Return the draft of a study for a purpose."""
    return JSON | {"data_use": DataUse(**purpose).to_json()}


@pytest.mark.parametrize("study", [STUDY, WHOLE], ids=["short", "whole"])
def test_a_draft_goes_round_with_and_without_its_ethics_reference(study: Study) -> None:
    for value in (study.to_json(), study.to_json() | {"ethics": ""}):
        draft = StudyDraft.from_json(value)
        assert draft.to_json() == value
        assert StudyDraft.from_json(draft.to_json()) == draft
        assert (draft.hash() == study.hash()) is draft.named


def test_what_is_approved_has_the_operators_reference_and_nothing_that_a_machine_cannot_decide() -> None:
    draft = StudyDraft.from_json(using(health_research=True, other=frozenset({"IRB", "COL"})))
    assert draft.names == ("COL", "IRB")
    assert draft.approved("EC 2026/9") == replace(STUDY, ethics="EC 2026/9")
    for ethics in ("", " ", "x" * 201, "a\nb"):
        with pytest.raises(InvalidStudyError, match="ethics"):
            draft.approved(ethics)


def test_whether_a_person_must_look_is_said_of_each_purpose() -> None:
    def review(**purpose: Any) -> Review:
        return StudyDraft.from_json(using(**purpose)).review()

    for purpose in ({"health_research": True}, {"diseases": frozenset({"MONDO:0005148"})}, {"methods": True}):
        assert review(**purpose) is Review.READY
        assert review(**purpose, other=frozenset({"IRB"})) is Review.NEEDS_A_PERSON
    for nothing in ({}, {"other": frozenset({"IRB"})}, {"non_profit_only": True}):
        with pytest.raises(StudyRefusedError, match="names no research"):
            review(**nothing)


SPELT: Final = [
    *("insurance", "Insurance", "INSURANCES", "health insurance", "in sur ance", "in-surance", "in_surance"),
    *("DUO:insurance", "DUO_0000099 insurance", "GA4GH/insurance", "use=insurance", "insurance underwriting"),
    *("employment", "Employments", "employment-screening", "EM_PLOY_MENT", "DUO:employment"),
    *("advertising", "Advertisements", "targeted  advertising", "ad-ver-ti-sing", "advertizing", "DUO-advertising"),
    *("re-identification", "Reidentification", "RE IDENTIFICATION", "re_identifications", "re-identify people"),
    *("\uff49nsurance", "insura\u0301nce", "re\u2010identification", "DUO:re.identification"),
]


@pytest.mark.parametrize("name", SPELT, ids=ascii)
@pytest.mark.parametrize("field", ["other", "diseases"])
def test_a_forbidden_purpose_is_refused_however_it_is_spelt(name: str, field: str) -> None:
    value = using(health_research=True) | {"data_use": DataUse(health_research=True).to_json() | {field: [name]}}
    with pytest.raises(StudyRefusedError, match="is no purpose") as caught:
        StudyDraft.from_json(value)
    assert name in FORBIDDEN_USES or name not in str(caught.value), "errors repeat nothing that was sent"


@pytest.mark.parametrize("name", ["IRB", "COL", "GS", "PUB", "unemployment and health", "identification of risk"])
def test_another_purpose_is_for_a_person_to_look_at(name: str) -> None:
    assert forbidden_uses([name]) == frozenset()
    assert StudyDraft.from_json(using(health_research=True, other=frozenset({name}))).names == (name,)


def test_letters_that_look_like_latin_ones_hide_nothing() -> None:
    for field in ("other", "diseases"):
        purpose = DataUse(health_research=True).to_json() | {field: ["insur\u0430nce"]}
        with pytest.raises(InvalidStudyError, match="plain Latin letters"):
            StudyDraft.from_json(JSON | {"data_use": purpose})


PURPOSE: Final = DataUse(health_research=True).to_json()
WRONG: Final[dict[str, Any]] = {
    "a field that is not known": JSON | {"purpose": "insurance"},
    "a purpose beside the purpose": JSON | {"data_use": PURPOSE | {"insurance": True}},
    "a purpose in other letters": JSON | {"data_use": PURPOSE | {"Other": ["insurance"]}},
    "a text in a translation": JSON | {"translations": {"es": {"title": "T", "text": "T", "use": "insurance"}}},
    "a purpose that is a number": JSON | {"data_use": PURPOSE | {"health_research": 1}},
    "a window with more": JSON | {"window": {"start": None, "end": None, "use": "insurance"}},
    "a field too few": {name: member for name, member in JSON.items() if name != "institution"},
    "an id that is none": JSON | {"id": "../kidneys"},
    "an id that is a list": JSON | {"id": ["kidneys"]},
    "ethics that are nothing": JSON | {"ethics": None},
    "protocols that are words": JSON | {"protocols": ["insurance"]},
    "protocols that are numbers": JSON | {"protocols": [1]},
    "bounds without end": JSON | {"bounds": {"least_auroc": 0.5, "slope_low": 0.5, "slope_high": float("inf")}},
    "bounds that are too large": JSON | {"bounds": {"least_auroc": 0.5, "slope_low": 0.5, "slope_high": 2**60}},
    "a study that is a list": [JSON],
    "a study that is nothing": None,
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_study_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(InvalidStudyError) as caught:
        StudyDraft.from_json(WRONG[name])
    assert "insurance" not in str(caught.value)


def test_a_definition_is_at_most_32_kib() -> None:
    def sized(characters: int) -> dict[str, Any]:
        languages = [f"{first}{second}" for first in "abcdefgh" for second in "xyz"][:8]
        texts = {language: {"title": "T", "text": "x" * 3980} for language in languages}
        return JSON | {"ethics": "", "translations": texts, "text": "x" * characters}

    room = MAX_BYTES - len(StudyDraft.from_json(sized(1)).to_bytes()) + 1
    assert len(StudyDraft.from_json(sized(room)).to_bytes()) == MAX_BYTES
    with pytest.raises(InvalidStudyError, match="at most 32 KiB"):
        StudyDraft.from_json(sized(room + 1))
