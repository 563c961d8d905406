"""What patients would sign of a study, as whoever decides about it looks at it beforehand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from consent.domain.data_use import DataUse, InvalidDataUseError, permission_for
from consent.domain.details import Details, render
from consent.domain.study import Study, StudyRefusedError
from consent.domain.terms import WORDED, SubjectId, Terms, month_end_after
from consent.domain.wording import CURRENT

_NOBODY: Final = SubjectId("0" * 32)
_MONTHS: Final = 12


def all_allowed(study: Study, now: datetime, language: str = "en") -> Details:
    """Return what somebody signs who allows everything, for a year, in one of the study's `languages`.

    Names in its purpose that no machine decides are in no permission and so in no sentence. Raises `StudyRefusedError`
    where no permission could cover the rest, or where patients cannot read the study in this language.
    """
    read = study.read_in(language) if language in CURRENT else None
    if read is None:
        raise StudyRefusedError("the study is not to be read in this language: look at those that it is in")
    wording = CURRENT[language]
    terms = Terms(
        subject=_NOBODY,
        study=read.reference,
        data_use=permitted(study),
        operations=study.operations,
        categories=study.required | study.optional,
        window=study.window,
        expires=month_end_after(now, _MONTHS),
        language=language,
        text_hash=read.text_hash,
        version=WORDED,
        wording=wording.hash,
    )
    return render(terms, bytes(32))


def languages(study: Study) -> Sequence[str]:
    """Return in which languages patients read a study, English first."""
    return ["en", *(each.language for each in study.translations if each.language in CURRENT)]


def permitted(study: Study) -> DataUse:
    """Return what patients would permit a study, less what only a person decides; raise `StudyRefusedError`."""
    try:
        return permission_for(replace(study.data_use, other=frozenset()))
    except InvalidDataUseError as error:
        raise StudyRefusedError(f"no consent could cover this study: {error}") from error
