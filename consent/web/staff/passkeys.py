"""Challenges for passkeys: each is drawn for one purpose, kept in the session, and taken once and soon."""

import secrets
from datetime import datetime
from http import HTTPStatus
from typing import Final

from consent.web.problems import Refusal
from consent.web.session import here

CHALLENGE_SECONDS: Final = 300
_KEPT: Final = "challenge"


def draw(purpose: str, now: datetime) -> bytes:
    """Return 32 new bytes for a passkey to sign; whatever was drawn before counts no more."""
    challenge = secrets.token_bytes(32)
    until = int(now.timestamp()) + CHALLENGE_SECONDS
    here()[_KEPT] = {"purpose": purpose, "challenge": challenge.hex(), "until": until}
    return challenge


def take(purpose: str, now: datetime) -> bytes:
    """Return what was drawn for this purpose, and use it up whatever comes of it."""
    kept = here().pop(_KEPT, None)
    if kept is None or kept["purpose"] != purpose or kept["until"] <= int(now.timestamp()):
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "This took too long, or was sent twice. Try once more.")
    return bytes.fromhex(kept["challenge"])
