"""The desk of an open installation, with a researcher's client of the house's study."""

import pytest

from tests.services.desk.desk import Desk
from tests.services.house import House


@pytest.fixture
def desk(house: House) -> Desk:
    """A desk at which `ann`, a researcher's program, may ask for the study."""
    return Desk.of(house)
