"""The hospital in which much happened, built once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.bundles.lives import lived
from tests.services.house import House, Template


@pytest.fixture(scope="session")
def told(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Two studies, three releases, predictions, a stop, an erasure and another begun."""
    return lived(template, tmp_path_factory.mktemp("told") / "home")


@pytest.fixture
def house(told: Template, tmp_path: Path) -> Iterator[House]:
    """An open copy of it, the test's own."""
    with House.copied(told, tmp_path / "home") as opened:
        yield opened


@pytest.fixture(scope="module")
def reading_house(told: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The same for tests that leave only bundles behind."""
    with House.copied(told, tmp_path_factory.mktemp("reading") / "home") as opened:
        yield opened
