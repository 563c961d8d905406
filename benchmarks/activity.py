"""Ten thousand lines of one person, spread among two hundred thousand of others: what Activity is measured on."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from consent.domain.entry import PERMIT, Action, Entry
from consent.domain.terms import SubjectId
from tests.services.house import DICTIONARY, House

LINES: Final = 10_000
OTHERS: Final = 200_000
PEOPLE: Final = 5_000
"""Whom the other lines are about."""
REFUSED: Final = 100
"""Each so-manieth line is a refusal."""
PATHS: Final[Mapping[str, str]] = {
    "activity": "/activity",
    "activity_older": "/activity?before={middle}",
    "activity_rarest": "/activity?show=hospital",
}
"""The newest lines, those from the middle on, and those of a kind of which there are next to none."""
_AT_ONCE: Final = 10_000


def used_often(house: House, subject: SubjectId, study: str) -> Mapping[str, str]:
    """Write the lines, as the gate would; return the pages to ask for, by name."""
    first = len(house.log())
    lines = _lines(house, subject, study)
    while some := list(islice(lines, _AT_ONCE)):
        with house.open.store.begin() as unit:
            house.open.log.append(unit, some)
    middle = first + (LINES + OTHERS) // 2
    return {name: path.format(middle=middle) for name, path in PATHS.items()}


def _lines(house: House, subject: SubjectId, study: str) -> Iterator[Entry]:
    """Yield everybody's lines, the person's evenly among them."""
    time, every = int(house.clock().timestamp()), OTHERS // LINES + 1
    for number in range(LINES + OTHERS):
        mine, turn = number % every == 0, number // every
        whose = subject if mine else SubjectId(f"{number % PEOPLE:032x}")
        yield _line(time, whose, study, refused=turn % REFUSED == 0)


def _line(time: int, subject: SubjectId, study: str, *, refused: bool) -> Entry:
    return Entry(
        time=time,
        actor=f"study:{study}",
        action=Action.READ,
        verdict="CATEGORY" if refused else PERMIT,
        subject=subject,
        study=study,
        operation="train",
        categories=() if refused else tuple(sorted(DICTIONARY.required)),
        consent="" if refused else "c" * 32,
    )
