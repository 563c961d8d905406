"""What was chosen last time, as the pages of a request name it beside each choice."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from consent.domain.terms import SubjectId, Terms, Window, month_end_after
from consent.services.portal.asking import MONTHS
from consent.web.requests import chosen_before
from tests.services.house import STUDY

SINCE = datetime(2026, 3, 9, 10, tzinfo=UTC)
TERMS = Terms(
    subject=SubjectId("0" * 32),
    study=STUDY.reference,
    data_use=STUDY.data_use,
    operations=STUDY.operations,
    categories=STUDY.required,
    window=Window(start=date(2021, 3, 1)),
    expires=month_end_after(SINCE, 12),
    language="en",
    text_hash=STUDY.text_hash,
)


@pytest.mark.parametrize("months", MONTHS)
def test_how_long_is_told_by_the_day_on_which_it_was_given(months: int) -> None:
    lasted = replace(TERMS, expires=month_end_after(SINCE, months))
    assert chosen_before(lasted, SINCE)["months"] == str(months)


def test_what_no_choice_of_today_is_or_nobody_knows_is_beside_none() -> None:
    assert chosen_before(replace(TERMS, expires=month_end_after(SINCE, 7)), SINCE)["months"] == ""
    assert chosen_before(TERMS, None)["months"] == ""


def test_kinds_and_years_are_told_as_they_were_chosen() -> None:
    before = chosen_before(TERMS, SINCE)
    assert before["categories"] == sorted(category.value for category in STUDY.required)
    assert before["years"] == "5"
    assert chosen_before(replace(TERMS, window=Window()), SINCE)["years"] == "all"
