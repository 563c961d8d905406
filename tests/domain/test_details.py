"""Details: the sentences that a patient signs, and that no difference between them and the terms goes unseen."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any, Final

import pytest

from consent.domain.data_use import DataUse
from consent.domain.details import Details, DetailsMismatchError, render, require_rendered
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, Terms, Window

SALT: Final = bytes(range(32))
TERMS: Final = Terms(
    subject=SubjectId("0123456789abcdef" * 2),
    study=StudyReference("sepsis-2027", "Who gets sepsis?", "General Hospital"),
    data_use=DataUse(health_research=True, non_profit_only=True),
    operations=frozenset({Operation.TRAIN, Operation.PREDICT}),
    categories=frozenset({Category.LABORATORY, Category.DEMOGRAPHICS, Category.OUTCOMES}),
    window=Window(date(1990, 1, 1), date(1994, 1, 31)),
    expires=datetime(2028, 3, 1, tzinfo=UTC),
    language="en",
    text_hash="ab" * 32,
)
DETAILS: Final = render(TERMS, SALT)


def test_the_four_sentences_say_who_what_why_and_until() -> None:
    assert (DETAILS.who, DETAILS.what, DETAILS.why, DETAILS.until) == (
        "General Hospital, for the study “Who gets sepsis?”.",
        (
            "They may use my age and sex, laboratory results and survival from 1 January 1990 to 31 January 1994 "
            "to teach a risk model and work out my own risk."
        ),
        "To learn about health and disease, but never to make money.",
        "Until 29 February 2028, or until I stop it.",
    )


@pytest.mark.parametrize(
    ("window", "days"),
    [
        (Window(), "survival to teach"),
        (Window(start=date(1990, 5, 2)), "survival from 2 May 1990 on to teach"),
        (Window(end=date(1994, 12, 31)), "survival up to 31 December 1994 to teach"),
    ],
)
def test_an_open_window_is_said_as_such(window: Window, days: str) -> None:
    assert days in render(replace(TERMS, window=window), SALT).what


def test_a_duty_to_keep_records_is_said() -> None:
    assert render(replace(TERMS, retention=True), SALT).until.endswith(
        "The law makes them keep what they hold by then."
    )


@pytest.mark.parametrize("category", Category)
@pytest.mark.parametrize("operation", Operation)
def test_every_category_and_operation_has_words(category: Category, operation: Operation) -> None:
    terms = replace(TERMS, categories=frozenset({category}), operations=frozenset({operation}))
    assert render(terms, SALT).what.isprintable()


def test_sentences_do_not_depend_on_the_order_in_which_things_were_named() -> None:
    turned = replace(TERMS, categories=frozenset(sorted(TERMS.categories, reverse=True)))
    assert render(turned, SALT) == DETAILS


def test_rendered_details_are_accepted() -> None:
    require_rendered(TERMS, DETAILS)


@pytest.mark.parametrize(
    "change",
    [
        {"who": "General Hospital, for the study “Who gets sepsis”."},
        {"what": DETAILS.what.replace("survival", "Survival")},
        {"why": DETAILS.why.replace(", but never to make money", "")},
        {"until": DETAILS.until + " "},
        {"until": DETAILS.until.replace("2028", "2027")},
        {"terms": bytes(32)},
    ],
)
def test_a_sentence_that_the_terms_do_not_render_is_found(change: dict[str, Any]) -> None:
    forged = replace(DETAILS, **change)
    assert forged.commitment != DETAILS.commitment
    with pytest.raises(DetailsMismatchError):
        require_rendered(TERMS, forged)


CHANGES: Final[list[dict[str, Any]]] = [
    {"subject": SubjectId("f" * 32)},
    {"study": replace(TERMS.study, id="sepsis-2028")},
    {"study": replace(TERMS.study, title="Who gets well?")},
    {"study": replace(TERMS.study, institution="Acme Insurance")},
    {"data_use": DataUse(health_research=True)},
    {"data_use": DataUse(general_use=True, non_profit_only=True)},
    {"operations": TERMS.operations | {Operation.EXPORT}},
    {"operations": frozenset({Operation.TRAIN})},
    {"categories": TERMS.categories | {Category.GENOMICS}},
    {"categories": TERMS.categories - {Category.OUTCOMES}},
    {"window": Window(date(1990, 1, 1), date(1994, 2, 1))},
    {"window": Window()},
    {"expires": datetime(2028, 4, 1, tzinfo=UTC)},
    {"text_hash": "cd" * 32},
    {"retention": True},
]


def test_the_changes_below_leave_no_field_of_the_terms_out() -> None:
    assert {name for change in CHANGES for name in change} == {field.name for field in fields(Terms)} - {
        "version",
        "language",
        "wording",
    }


@pytest.mark.parametrize("change", CHANGES)
def test_terms_that_differ_in_anything_are_found(change: dict[str, Any]) -> None:
    other = replace(TERMS, **change)
    assert render(other, SALT).commitment != DETAILS.commitment
    with pytest.raises(DetailsMismatchError):
        require_rendered(other, DETAILS)


def test_a_salt_hides_which_terms_were_signed() -> None:
    assert render(TERMS, bytes(32)).commitment != DETAILS.commitment


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_salt_and_a_hash_are_32_bytes(length: int) -> None:
    with pytest.raises(DetailsMismatchError):
        render(TERMS, bytes(length))
    with pytest.raises(DetailsMismatchError):
        Details(DETAILS.who, DETAILS.what, DETAILS.why, DETAILS.until, bytes(length), SALT)


def test_a_language_without_sentences_is_refused() -> None:
    with pytest.raises(DetailsMismatchError):
        render(replace(TERMS, language="es-MX"), SALT)


def test_an_error_repeats_nothing_of_the_terms() -> None:
    with pytest.raises(DetailsMismatchError) as refused:
        require_rendered(TERMS, replace(DETAILS, who="canary"))
    assert "canary" not in str(refused.value)
    assert "sepsis" not in str(refused.value)
