"""The portal of an open installation."""

import pytest

from tests.services.house import House
from tests.services.portal.patients import Portal


@pytest.fixture
def portal(house: House) -> Portal:
    """The services behind the portal's pages, as the wiring puts them together."""
    return Portal.of(house)
