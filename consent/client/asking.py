"""Requests: what a study asks of people, and how many of them said yes."""

from collections.abc import Iterator
from dataclasses import dataclass

from consent.client import answers
from consent.client.pages import pages
from consent.client.paths import at, named
from consent.client.transport import Transport


@dataclass(frozen=True, slots=True)
class Asked:
    """What a study asks of everybody who allows being asked.

    Attributes:
        number: counts the study's texts.
        since: when it began to be asked, Unix seconds.
        text: SHA-256 of the text that people read, hex.
    """

    number: int
    since: int
    text: str


@dataclass(frozen=True, slots=True)
class Answers:
    """How many allow a study, of those who may be asked: with noise, None where too few to be shown.

    Who said no, who did not answer and who has not seen it are one number: none of them can be told from another.
    """

    asked: int | None
    allowed: int | None
    epsilon: float
    left: float


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of one study."""

    transport: Transport
    study: str | None

    def __call__(self) -> Iterator[Asked]:
        """Yield them all."""
        return pages(self.transport, self._at(), Asked)

    def ask(self, *, key: str | None = None) -> Asked:
        """Begin to ask people, once the study is approved."""
        return answers.read(Asked, self.transport.post(self._at(), key=key))

    def answers(self, number: int, *, key: str | None = None) -> Answers:
        """Count who allows it; it costs budget, as every count does."""
        return answers.read(Answers, self.transport.post(self._at(number, "answers"), key=key))

    def _at(self, *parts: str | int) -> str:
        return at("studies", named(self.study), "requests", *parts)
