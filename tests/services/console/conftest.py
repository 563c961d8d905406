"""A hospital with a past, and what its auditors ask."""

from collections.abc import Iterator

import pytest

from consent.services.console.console import Console
from consent.services.console.looking import Looker
from consent.services.desk.callers import Role
from consent.wiring.console import console_of
from tests.services.audited import Past, lived
from tests.services.house import House, Template

AUDREY = Looker("audrey", Role.AUDITOR)


@pytest.fixture(scope="module")
def past(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """A hospital of which two weeks are over; tests of one file share it, and alter nothing."""
    with House.copied(template, tmp_path_factory.mktemp("past") / "home") as house:
        yield lived(house)


@pytest.fixture(scope="module")
def console(past: Past) -> Console:
    """What its auditors ask."""
    return console_of(past.house.open, past.house.clock)


@pytest.fixture
def who() -> Looker:
    """An auditor."""
    return AUDREY
