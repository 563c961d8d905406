"""A hospital whose study serves predictions, and its researchers' door."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.house import House, Template
from tests.services.served import built
from tests.web.v1.place import Place, opened


@pytest.fixture(scope="session")
def bedside(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Fifty people allow the study, and its first release is ACTIVE."""
    return built(template, tmp_path_factory.mktemp("bedside") / "home")


@pytest.fixture
def place(bedside: Template, tmp_path: Path) -> Iterator[Place]:
    """The door of a copy, the test's own."""
    with House.copied(bedside, tmp_path / "home") as house, opened(house) as found:
        house.publish()
        house.follow()
        yield found


@pytest.fixture(scope="module")
def shared_place(bedside: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The door of a copy for a module whose tests leave nothing behind that others would meet."""
    with House.copied(bedside, tmp_path_factory.mktemp("shared") / "home") as house, opened(house) as found:
        house.publish()
        house.follow()
        yield found
