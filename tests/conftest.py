"""Installations to copy; building one takes a second, so that each run builds each of them once."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.services.house import House, Template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> "Template":
    """Everyone imported and enrolled, the study approved, nobody asked yet."""
    from tests.services.house import Template

    return Template.built(tmp_path_factory.mktemp("template") / "home")


@pytest.fixture
def house(template: "Template", tmp_path: Path) -> "Iterator[House]":
    """An open copy of the template, the test's own."""
    from tests.services.house import House

    with House.copied(template, tmp_path / "home") as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_house(template: "Template", tmp_path_factory: pytest.TempPathFactory) -> "Iterator[House]":
    """An open copy of the template for a module whose tests leave nothing behind."""
    from tests.services.house import House

    with House.copied(template, tmp_path_factory.mktemp("shared") / "home") as opened:
        yield opened
