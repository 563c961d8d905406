"""A hospital whose staff's pages are served in this process."""

from collections.abc import Iterator

import pytest

from consent.services.desk.callers import Role
from tests.services.house import House
from tests.web.staff.office import Office, StaffBrowser, served


@pytest.fixture
def office(house: House) -> Iterator[Office]:
    """The staff's pages of a hospital with one approved study, and one client that writes others."""
    with served(house) as found:
        yield found


@pytest.fixture
def operator(office: Office) -> StaffBrowser:
    """A browser in which an operator signed in."""
    return office.somebody("olga", Role.OPERATOR)


@pytest.fixture
def auditor(office: Office) -> StaffBrowser:
    """A browser in which an auditor signed in."""
    return office.somebody("audrey", Role.AUDITOR)
