"""What patients would sign of a study, for whoever decides about it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from consent.domain.data_use import DataUse
from consent.domain.study import StudyRefusedError, Translation
from consent.services.studies.sentences import all_allowed, languages, permitted
from tests.services.house import STUDY

NOW = datetime(2026, 5, 3, tzinfo=UTC)
SPANISH = replace(STUDY, translations=(Translation("es", "Riñones", "Este estudio pregunta."),))


def test_who_allows_everything_signs_all_that_is_asked() -> None:
    said = all_allowed(STUDY, NOW)
    assert said.who == "The Test Hospital, for the study “Kidneys and the months after”."
    assert said.what == "They may use my age and sex, laboratory results and survival to teach a risk model."
    assert said.until == "Until 31 May 2027, or until I stop it."


def test_a_translated_study_is_signed_in_its_languages() -> None:
    assert languages(STUDY) == ["en"]
    assert languages(SPANISH) == ["en", "es"]
    assert "para el estudio «Riñones»" in all_allowed(SPANISH, NOW, "es").who


@pytest.mark.parametrize("language", ["es", "fr", ""])
def test_nobody_signs_in_a_language_that_the_study_is_not_in(language: str) -> None:
    with pytest.raises(StudyRefusedError):
        all_allowed(STUDY, NOW, language)


def test_what_only_a_person_decides_is_in_no_permission() -> None:
    named = replace(STUDY, data_use=replace(STUDY.data_use, other=frozenset({"IRB"})))
    assert permitted(named) == permitted(STUDY)
    assert all_allowed(named, NOW).why == all_allowed(STUDY, NOW).why


def test_a_purpose_that_names_no_research_has_no_sentences() -> None:
    with pytest.raises(StudyRefusedError):
        all_allowed(replace(STUDY, data_use=DataUse(other=frozenset({"IRB"}))), NOW)
