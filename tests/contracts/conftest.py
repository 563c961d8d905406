"""A contract to itself for each test: deploying in memory takes some 20 ms."""

import pytest

from tests.chains import RegistryStage, Stage


@pytest.fixture
def registry() -> RegistryStage:
    """A consent registry with nothing in it."""
    return RegistryStage()


@pytest.fixture
def models() -> Stage:
    """A model registry with nothing in it."""
    return Stage("model_registry")


@pytest.fixture
def anchor() -> Stage:
    """A log anchor that keeps no tree yet."""
    return Stage("log_anchor")
