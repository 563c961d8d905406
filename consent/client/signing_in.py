"""How a program shows who it is: a key that signs for tokens of a quarter of an hour, or a personal token.

The token request is RFC 6749, section 4.4, with a signed assertion in the place of a secret (RFC 7523, section 2.2) and
the study as the resource (RFC 8707).
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Protocol
from urllib.parse import urlencode

from consent.client import answers
from consent.client.errors import SignInError
from consent.client.keys import ClientKey
from consent.client.problems import error_of, problem_of
from consent.client.wire import Request, Wire

TOKEN_PATH: Final = "/v1/token"  # noqa: S105  # a path
EARLY_SECONDS: Final = 30
"""A token is renewed so long before its end, so that none ends on its way."""
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Credentials(Protocol):
    """Who asks."""

    def bearer(self, wire: Wire) -> str:
        """Return a token that holds now; raise `SignInError` where there is none to be had."""

    def renew(self) -> bool:
        """Forget a token that was not accepted; say whether another can be had."""


@dataclass(frozen=True, slots=True)
class _Granted:
    access_token: str = field(repr=False)
    token_type: str
    expires_in: int


@dataclass(slots=True)
class KeyCredentials:
    """Signs in with a key, for one study or for none, and again before each token ends.

    Attributes:
        key: the client's.
        study: which study the tokens are bound to; without one they are good for drafts of studies alone.
        scopes: what the tokens may do, all that the client may where empty.
        clock: Unix seconds.
    """

    key: ClientKey
    study: str | None = None
    scopes: Collection[str] = ()
    clock: Callable[[], float] = time.time
    _token: str = field(default="", init=False, repr=False)
    _until: float = field(default=0, init=False)
    _turn: Lock = field(default_factory=Lock, init=False, repr=False)

    def bearer(self, wire: Wire) -> str:
        """Return the token, a new one where the last ends within half a minute."""
        with self._turn:
            if self.clock() >= self._until:
                granted = self._sign_in(wire)
                self._token = granted.access_token
                self._until = self.clock() + granted.expires_in - EARLY_SECONDS
            return self._token

    def renew(self) -> bool:
        """Sign in anew next time."""
        with self._turn:
            self._until = 0
        return True

    def _sign_in(self, wire: Wire) -> _Granted:
        audience = f"{wire.address.origin}{TOKEN_PATH}"
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION,
            "client_assertion": self.key.assertion(audience, int(self.clock())),
            **({"resource": self.study} if self.study else {}),
            **({"scope": " ".join(sorted(self.scopes))} if self.scopes else {}),
        }
        reply = wire.ask(Request("POST", TOKEN_PATH, _FORM, body=urlencode(form).encode()))
        if not reply.is_success:
            raise error_of(problem_of(reply))
        return answers.read(_Granted, answers.parsed(reply.body))


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """A token that somebody drew for a notebook; when it ends, another must be drawn."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if not (0 < len(self.token) <= 500 and self.token.isascii() and self.token.isprintable()):  # noqa: PLR2004
            raise SignInError("this is no token: sign in with the client's key, or draw another token")

    def bearer(self, _wire: Wire) -> str:
        """Return the token as it is."""
        return self.token

    def renew(self) -> bool:
        """Nothing renews it."""
        return False
