"""One vault for each test, empty, on SQLite and on PostgreSQL."""

from pathlib import Path

import pytest

from tests.databases import KINDS
from tests.vault.homes import Home


@pytest.fixture(params=KINDS)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """A new vault."""
    return Home.create(tmp_path / "home", kind=request.param)
