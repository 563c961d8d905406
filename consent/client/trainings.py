"""Trainings: queued here, done by the hospital's worker on exactly those who consent then; no record comes out."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from consent.client import answers
from consent.client.jobs import Job, Work
from consent.client.pages import pages
from consent.client.paths import at, named
from consent.client.progress import Show, bar
from consent.client.transport import Transport
from consent.domain.hashing import Json


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a training: the release, SHA-256 of model and manifest in hex, why it is suspended if it is."""

    release: int
    model: str
    manifest: str
    suspended: tuple[str, ...]


class Training(Work):
    """A training that may be waited for."""

    __slots__ = ()

    def wait(self, show: Callable[[str], AbstractContextManager[Show]] = bar) -> Trained:
        """Wait until it is over and return the release that came of it; raise what ended it otherwise."""
        return answers.read(Trained, self.finished(show).result())


@dataclass(frozen=True, slots=True)
class Trainings:
    """The trainings of one study."""

    transport: Transport
    study: str | None

    def __call__(self) -> Iterator[Job]:
        """Yield the study's jobs, newest first."""
        return pages(self.transport, self._at(), Job)

    def start(
        self,
        dictionary: str,
        *,
        cohort: str | None = None,
        parameters: Mapping[str, Json] | None = None,
        purpose: Mapping[str, Json] | None = None,
        key: str | None = None,
    ) -> Training:
        """Queue a training with a dictionary's TOML text, on a saved cohort or on everybody who consents."""
        chosen = {"cohort": cohort, "parameters": parameters, "purpose": purpose}
        body = {"dictionary": dictionary} | {name: value for name, value in chosen.items() if value is not None}
        return self._training(answers.read(Job, self.transport.post(self._at(), body, key=key)))

    def job(self, job: str) -> Training:
        """Return one by its id, to look at or to wait for; raise `NotFoundError`."""
        return self._training(answers.read(Job, self.transport.get(at("jobs", job))))

    def _training(self, job: Job) -> Training:
        return Training(self.transport, job, self.transport.pause)

    def _at(self) -> str:
        return at("studies", named(self.study), "trainings")
