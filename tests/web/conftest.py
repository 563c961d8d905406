"""A hospital whose portal is served in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.house import House, Template
from tests.web.site import Site, served


@pytest.fixture
def site(consenting: Template, tmp_path: Path) -> Iterator[Site]:
    """All but the last ten allow the study, which has used nothing yet."""
    with House.copied(consenting, tmp_path / "home") as house, served(house) as found:
        house.publish()
        house.follow()
        yield found
