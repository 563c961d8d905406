"""What the pages of the signing origin share: the way there, the one act of a session, and the JSON that comes in."""

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from flask import Response, abort, jsonify, request

from consent.domain.hashing import Json
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from consent.services.erasure import AlreadyErasedError
from consent.services.portal.enrolling import NewWallet, Slot
from consent.web.room import PortalRoom
from consent.web.session import here


def way_to_sign(room: PortalRoom, purpose: str, state: Mapping[str, Json]) -> str:
    """Return the link that leads the portal's browser to the signing origin, for one act and once."""
    page, now = here(), room.clock()
    room.sessions.keep(page.browser, now)
    page.modified = True
    token = room.sessions.ticket(purpose, page.browser.digest, page.browser.subject, state, now)
    return f"{room.origins.signing}/t/{token}"


def act_of(room: PortalRoom, *purposes: str) -> Mapping[str, Any]:
    """Return what this session is here for; where that is something else, or the portal's session ended, refuse.

    Raises `AlreadyErasedError` for whoever is being erased.
    """
    current: Mapping[str, Any] = here().get("act", {})
    if current.get("purpose") not in purposes:
        abort(403)
    if not room.sessions.lasts(bytes.fromhex(current["portal"]), room.clock()):
        abort(403)
    subject = here().browser.subject
    if subject is not None and room.erasing.under_way(subject):
        raise AlreadyErasedError("this person is being erased: nothing more is signed for them")
    return current


def domain_of(room: PortalRoom) -> dict[str, Any]:
    """Return where signatures count, as the wallet reads it."""
    return {"chain_id": room.domain.chain_id, "contract": room.domain.contract.hex()}


def ways_in(room: PortalRoom, subject: SubjectId) -> dict[str, Any]:
    """Return what the wallet opens a person's seed with, as `chosen.js` takes it."""
    return {
        "subject": subject,
        "enrolment": room.enrolling.enrolment_of(subject).hex(),
        "slots": [slot.to_json() for slot in room.enrolling.slots(subject)],
        "passkey_options": room.passkeys.request(secrets.token_bytes(32), room.signing_in.credentials(subject)),
        **domain_of(room),
    }


WALLET: Final = ("credential", "slots", "enrolment", "signature")
"""What a browser hands in of a new key, or of a new way in."""


def wallet_of(sent: Mapping[str, Any]) -> NewWallet:
    """Return it; raises `EnrolmentError`."""
    slots = sent["slots"] if isinstance(sent["slots"], list) else []
    return NewWallet(
        slots=tuple(map(Slot.from_json, slots[:3])),
        enrolment=Address(as_bytes(sent["enrolment"], 20)),
        signature=as_bytes(sent["signature"], 64),
        passkey=as_object(sent["credential"]),
    )


def reply(value: Mapping[str, Any]) -> Response:
    """Return JSON."""
    return jsonify(dict(value))


def posted(*names: str) -> Mapping[str, Any]:
    """Return the object of exactly these members that was sent."""
    try:
        value = request.get_json(silent=True)
    except RecursionError:  # brackets in brackets, thousands deep
        abort(400)
    if not isinstance(value, dict) or set(value) != set(names):
        abort(400)
    return value


def as_bytes(value: object, length: int) -> bytes:
    """Return the bytes of lower-case hex digits that were sent."""
    if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{2 * length}}}", value):
        abort(400)
    return bytes.fromhex(value)


def as_object(value: object) -> Mapping[str, Any] | None:
    """Return an object that was sent, or null."""
    if value is None or isinstance(value, dict):
        return value
    return abort(400)
