"""Personal tokens: for a notebook, of eight hours at most, told once."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from consent.client import answers
from consent.client.pages import pages
from consent.client.paths import at
from consent.client.transport import Transport
from consent.domain.hashing import Json

LONGEST = 8 * 3600


@dataclass(frozen=True, slots=True)
class Me:
    """Who the API takes one for.

    Attributes:
        holder: the client's id.
        role: researcher, clinician, auditor or operator.
        study: which study the token is bound to, if any.
        scopes: what it is good for.
        expires: Unix seconds.
        kind: access, personal or staff.
    """

    holder: str
    role: str
    study: str | None
    scopes: tuple[str, ...]
    expires: int
    kind: str


@dataclass(frozen=True, slots=True)
class Token:
    """A personal token as it is listed: without the token; times in Unix seconds."""

    id: str
    study: str | None
    scopes: tuple[str, ...]
    created: int
    expires: int


@dataclass(frozen=True, slots=True)
class NewToken:
    """A personal token, told this once."""

    id: str
    token: str = field(repr=False)
    study: str | None
    scopes: tuple[str, ...]
    created: int
    expires: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """One's own personal tokens."""

    transport: Transport

    def __call__(self) -> Iterator[Token]:
        """Yield those that hold."""
        return pages(self.transport, "/v1/tokens", Token)

    def draw(self, seconds: int = LONGEST, scopes: Collection[str] = (), *, key: str | None = None) -> NewToken:
        """Draw one for the study that one signed in for; only a client that signed in with its key may."""
        body: dict[str, Json] = {"seconds": seconds, **({"scopes": sorted(scopes)} if scopes else {})}
        return answers.read(NewToken, self.transport.post("/v1/tokens", body, key=key))

    def revoke(self, token: str) -> None:
        """End one by its id, at once."""
        self.transport.delete(at("tokens", token))
