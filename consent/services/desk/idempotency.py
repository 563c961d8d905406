"""A request that is sent again with its key gets the answer of the first time, and nothing is done twice.

    kept = once.begin(holder, key, asked, now)      None: it is yours to answer, then `keep`, or `forget` if that failed
    kept.answer                                     what was answered

An answer may hold what only the one who asked may see: it is kept sealed under the live epoch's key, for a day. A
request whose process died before it answered is free again after `IN_FLIGHT_SECONDS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consent.domain.errors import ConsentError
from consent.domain.hashing import sha256
from consent.ports import Store
from consent.ports.desk import StoredAnswer
from vault import EpochSeal, VaultError

KEPT_SECONDS: Final = 86400
IN_FLIGHT_SECONDS: Final = 300
_UNKEPT: Final = b"-"


class KeyReusedError(ConsentError):
    """The key stands for another request; take a new one."""


class InFlightError(ConsentError):
    """The first request with this key is not answered yet; send it again soon."""


class AnswerGoneError(ConsentError):
    """The answer to this key cannot be shown again; take a new key."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer of the first time."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Answers by who asked and their key; `seal` returns the live epoch's seal."""

    store: Store
    seal: Callable[[], EpochSeal]

    def begin(self, holder: str, key: str, asked: bytes, now: datetime) -> Kept | None:
        """Return the answer that is kept, or None and hold the key; `asked` is the request's SHA-256.

        Raises `KeyReusedError`, `InFlightError` or `AnswerGoneError`.
        """
        second, digest = int(now.timestamp()), _digest(holder, key)
        with self.store.begin() as unit:
            unit.answers.clear(second)
            found = unit.answers.get(digest)
            if found is None:
                unit.answers.put(StoredAnswer(digest, asked, 0, second + IN_FLIGHT_SECONDS))
                return None
        if found.asked != asked:
            raise KeyReusedError("this key stands for another request: take a new one")
        if found.answer is None:
            raise InFlightError("the first request with this key is not answered yet: send it again soon")
        return Kept(self._opened(found))

    def keep(self, holder: str, key: str, answer: bytes | None, now: datetime) -> None:
        """Store what was answered; None: that it was, and is not to be shown again."""
        seal, digest = self.seal(), _digest(holder, key)
        sealed = _UNKEPT if answer is None else seal.seal(answer, digest)
        with self.store.begin() as unit:
            held = unit.answers.get(digest)
            if held is not None:
                expires = int(now.timestamp()) + KEPT_SECONDS
                unit.answers.put(StoredAnswer(digest, held.asked, seal.number, expires, sealed))

    def forget(self, holder: str, key: str) -> None:
        """Let a key go whose request came to nothing."""
        with self.store.begin() as unit:
            unit.answers.remove(_digest(holder, key))

    def _opened(self, found: StoredAnswer) -> bytes:
        seal = self.seal()
        if found.answer == _UNKEPT or found.epoch != seal.number:
            raise AnswerGoneError("the answer was given once and is not kept: take a new key")
        try:
            return seal.open(found.answer or b"", found.key)
        except VaultError as error:
            raise AnswerGoneError("the answer that is kept does not open: take a new key") from error


def _digest(holder: str, key: str) -> bytes:
    return sha256(f"{holder}\n{key}".encode())
