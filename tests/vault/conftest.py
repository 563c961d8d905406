"""One vault for each test, empty."""

from pathlib import Path

import pytest

from tests.vault.homes import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new vault."""
    return Home.create(tmp_path / "home")
