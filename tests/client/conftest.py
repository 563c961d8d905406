"""A server that is told what to say, and a client that asks it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from consent.client import ClientKey, Consentry
from tests.client.speaking import Speaker, speaking


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    with speaking() as one:
        yield one


@pytest.fixture
def paused() -> list[float]:
    """The seconds that the client waited, which pass at once."""
    return []


@pytest.fixture
def client(speaker: Speaker, paused: list[float]) -> Iterator[Callable[..., Consentry]]:
    """Make clients of the speaking server, signed in with a key unless told otherwise."""
    made: list[Consentry] = []

    def make(**more: Any) -> Consentry:
        options: dict[str, Any] = {
            "key": ClientKey.drawn("kidney-team", speaker.api),
            "study": "kidneys",
            "pause": paused.append,
        }
        made.append(Consentry(speaker.api, **(options | more)))
        return made[-1]

    yield make
    for one in made:
        one.close()
