"""The one object that a program holds: signed in, with a member for each thing that one can ask about."""

import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from consent.client import answers
from consent.client.address import Address
from consent.client.aggregates import Aggregates
from consent.client.asking import Requests
from consent.client.cohorts import Cohorts
from consent.client.errors import UsageError
from consent.client.keys import ClientKey
from consent.client.models import Models
from consent.client.predictions import Predictions
from consent.client.signing_in import Credentials, KeyCredentials, PersonalToken
from consent.client.studies import Studies, Study
from consent.client.tokens import Me, Tokens
from consent.client.trainings import Trainings
from consent.client.transport import PATIENCE, Transport
from consent.client.wire import Wire


class Consentry:
    """Asks one API, for one study or for none. Close it, or use it in a `with`.

    Args:
        api: the API's address; where left out, the key's.
        key: signs in, and again whenever a token ends.
        token: a personal token in the place of a key.
        study: which study the tokens are for, and which one `cohorts`, `trainings` and the others are about.
        scopes: what the tokens may do; all that the client may where empty.
        patience: seconds that one call waits for a busy server in all.
        pause: waits so many seconds.
    """

    def __init__(
        self,
        api: str | None = None,
        *,
        key: ClientKey | None = None,
        token: str | None = None,
        study: str | None = None,
        scopes: Collection[str] = (),
        patience: float = PATIENCE,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self.address = Address.parse(_where(api, key))
        self.transport = Transport(Wire(self.address), _credentials(key, token, study, scopes), patience, pause)
        self.studies = Studies(self.transport)
        self.tokens = Tokens(self.transport)
        self.cohorts = Cohorts(self.transport, study)
        self.requests = Requests(self.transport, study)
        self.trainings = Trainings(self.transport, study)
        self.models = Models(self.transport, study)
        self.aggregates = Aggregates(self.transport, study)
        self.predictions = Predictions(self.transport, study)

    @classmethod
    def open(cls, key_file: Path | str, study: str | None = None) -> Self:
        """Sign in with a key file, where that file says."""
        return cls(key=ClientKey.read(key_file), study=study)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self.transport.wire.close()

    def me(self) -> Me:
        """Return who the API takes one for, and what the token is good for."""
        return answers.read(Me, self.transport.get("/v1/me"))

    def study(self, study: str) -> Study:
        """Return a study; raise `NotFoundError`."""
        return self.studies.read(study)


def _where(api: str | None, key: ClientKey | None) -> str:
    if api is None and key is None:
        raise UsageError("no API is named: give its address, or a key file, which names it")
    return api if api is not None or key is None else key.api  # type: ignore[return-value]  # one of them is there


def _credentials(
    key: ClientKey | None, token: str | None, study: str | None, scopes: Collection[str]
) -> Credentials:  # fmt: skip
    if key is not None and token is None:
        return KeyCredentials(key, study, scopes)
    if token is not None and key is None:
        return PersonalToken(token)
    raise UsageError("sign in with a key or with a personal token: give one of them")
