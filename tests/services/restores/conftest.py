"""An installation and a backup of it from before whatever a test does."""

from pathlib import Path

import pytest

from consent.wiring.backups import Backup
from tests.databases import Kind
from tests.services.house import Template
from tests.services.restoring import Past


@pytest.fixture(scope="module")
def past(database_kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Past:
    """Four people consented, and there is a backup of then; all was signed by then."""
    return Past.built(tmp_path_factory.mktemp("past"), database_kind)


@pytest.fixture
def template(past: Past) -> Template:
    """Whose wallets the people have."""
    return past.template


@pytest.fixture
def home(past: Past, tmp_path: Path) -> Path:
    """A closed copy, the test's own."""
    return past.copied(tmp_path / "home")


@pytest.fixture
def before(past: Past) -> Backup:
    """The backup of then."""
    return past.backup
