"""What the tests share that look at each page: studies that ask, in both languages, and how one goes on."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from playwright.sync_api import Page

from consent.domain.study import Study, Translation
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, month_end_after
from tests.browser.hospital import Hospital
from tests.browser.tongues import ENGLISH, Tongue
from tests.services.house import STUDY

Look = Callable[[str], None]
"""Looks at the page as it is now, under a name of `WAY`."""
SPANISH: Final = Tongue("es")
IN_BOTH: Final = pytest.mark.parametrize("said", [ENGLISH, SPANISH], ids=["en", "es"], indirect=True)
"""Runs a file's tests in each language, in a browser of its own."""


def study(
    reference: StudyReference, text: str, title_in_spanish: str, text_in_spanish: str, **changed: object
) -> Study:
    """Return a study like the template's, about something else."""
    spanish = (Translation("es", title_in_spanish, text_in_spanish),)
    return replace(STUDY, reference=reference, text=text, translations=spanish, **changed)  # type: ignore[arg-type]  # fields of Study


HEARTS: Final = study(
    StudyReference("hearts", "Hearts after a hospital stay", "Example University Hospital"),
    "Some people are back in hospital soon after a heart problem. Others are not.\n\n"
    "We want a computer to learn who needs help early. We look at lab results and at how people did.",
    "El corazón tras el hospital",
    "Algunas personas vuelven pronto al hospital tras un problema de corazón. Otras no.\n\n"
    "Queremos que un ordenador aprenda quién necesita ayuda pronto. Miramos análisis y cómo le fue a la gente.",
    required=frozenset({Category.DEMOGRAPHICS, Category.OUTCOMES, Category.LABORATORY}),
    optional=frozenset({Category.MEDICATIONS, Category.VITAL_SIGNS}),
)
SLEEP: Final = study(
    StudyReference("sleep", "Sleep on the ward", "Example Institute for Public Health"),
    "We ask how people sleep on a ward, and what wakes them.",
    "Dormir en planta",
    "Preguntamos cómo duerme la gente en una planta, y qué la despierta.",
    operations=frozenset({Operation.TRAIN, Operation.PREDICT}),
)
STUDIES: Final = (HEARTS, SLEEP)


def press(page: Page, name: str | re.Pattern[str]) -> None:
    """Press a button."""
    page.get_by_role("button", name=name).click()


def tick_what_is_needed(page: Page, said: Tongue) -> None:
    """Tick each kind of record that a study cannot do without."""
    needed = page.locator("fieldset", has=page.get_by_text(said("Needed"), exact=True))
    for box in needed.get_by_role("checkbox").all():
        box.check()


def allow(hospital: Hospital, subject: SubjectId, *studies: Study, months: int = 12) -> None:
    """Let somebody allow studies what they cannot do without."""
    house = hospital.house
    expires = month_end_after(house.clock(), months)
    for one in studies:
        meant = {"study": one.reference, "text_hash": one.text_hash, "operations": one.operations}
        house.grant(subject, categories=one.required, expires=expires, **meant)
