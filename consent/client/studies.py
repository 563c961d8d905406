"""Studies: written as a draft, submitted, approved by an operator, recruiting, closed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from consent.client import answers
from consent.client.pages import pages
from consent.client.paths import at
from consent.client.transport import Transport
from consent.domain.hashing import Json


@dataclass(frozen=True, slots=True)
class Study:
    """A study as it stands.

    Attributes:
        id: for programs.
        state: draft, submitted, refused, approved, recruiting or closed.
        review: of a draft: `ready`, or `needs-a-person` where no machine can decide its purpose.
        undecided: what of the purpose no machine decides.
        reason: why it was refused, or approved where a person had to look at its purpose.
        created: Unix seconds.
        hash: SHA-256 of the study as approved, hex.
        definition: all that it asks for, as it was written (`consent.domain.study.Study.to_json`).
    """

    id: str
    state: str
    review: str | None
    undecided: tuple[str, ...]
    reason: str | None
    created: int
    hash: str | None
    definition: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Its title, as patients read it."""
        return str(self.definition.get("title", self.id))


@dataclass(frozen=True, slots=True)
class Studies:
    """The studies that this client may see."""

    transport: Transport

    def __call__(self) -> Iterator[Study]:
        """Yield them all."""
        return pages(self.transport, "/v1/studies", Study)

    def read(self, study: str) -> Study:
        """Return one; raise `NotFoundError`."""
        return answers.read(Study, self.transport.get(at("studies", study)))

    def write(self, definition: Mapping[str, Json], *, key: str | None = None) -> Study:
        """Keep a new draft."""
        return answers.read(Study, self.transport.post("/v1/studies", definition, key=key))

    def change(self, definition: Mapping[str, Json]) -> Study:
        """Put another text in the place of a draft, by its id."""
        return answers.read(Study, self.transport.put(at("studies", str(definition.get("id", ""))), definition))

    def submit(self, study: str, *, key: str | None = None) -> Study:
        """Ask an operator for approval."""
        return answers.read(Study, self.transport.post(at("studies", study, "submit"), key=key))

    def approve(self, study: str, ethics: str, *, reason: str | None = None, key: str | None = None) -> Study:
        """Approve, as an operator, under an ethics reference; `reason` where no machine could decide the purpose."""
        body = {"ethics": ethics, **({"reason": reason} if reason is not None else {})}
        return answers.read(Study, self.transport.post(at("studies", study, "approve"), body, key=key))

    def refuse(self, study: str, reason: str, *, key: str | None = None) -> Study:
        """Refuse, as an operator, in one line that its researchers read."""
        return answers.read(Study, self.transport.post(at("studies", study, "refuse"), {"reason": reason}, key=key))

    def close(self, study: str, *, key: str | None = None) -> Study:
        """End a study for good: its releases are withdrawn, and nobody is asked any more."""
        return answers.read(Study, self.transport.post(at("studies", study, "close"), key=key))
