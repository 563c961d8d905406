"""What somebody signs for themselves on the signing origin: to have a copy of everything, or to be erased.

| path | does |
| --- | --- |
| `/request` | says what is asked (`consent.web.signing` shows it) |
| `/request/act` | hands out the request to sign, with the ways in |
| `/request` (POST) | takes the signature |
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter

from consent.domain.request_file import PatientSignature, RequestFile
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.web.one_act import act_of, as_bytes, posted, reply, ways_in
from consent.web.room import PortalRoom
from consent.web.routes import Route, route
from consent.web.session import here

NONCE_BYTES = 16


@dataclass(frozen=True, slots=True)
class OwnRequestPages:
    """The act `request` of the signing origin."""

    room: PortalRoom

    def blueprint(self, limiter: Limiter) -> Blueprint:
        """Return its paths."""
        pages = Blueprint("own_requests", __name__)
        return route(
            pages,
            [
                Route("GET", "/request/act", self.to_sign),
                Route("POST", "/request", self.sign, "20 per minute"),
            ],
            limiter,
        )

    def to_sign(self) -> ResponseReturnValue:
        """Hand out the request, which stays the same for this session."""
        act = act_of(self.room, "request")
        if "request" not in here():
            requested = int(self.room.clock().timestamp())
            action, subject = RequestAction(act["state"]["action"]), here().subject
            drawn = SubjectRequest(action, subject, self.room.log, requested, secrets.token_hex(NONCE_BYTES))
            here()["request"] = drawn.to_json()
        return reply({"request": here()["request"], **ways_in(self.room, here().subject)})

    def sign(self) -> ResponseReturnValue:
        """Take the signature: the request goes on to the portal, or is carried out."""
        act, signature = act_of(self.room, "request"), as_bytes(posted("signature")["signature"], 64)
        if "request" not in here():
            abort(403)
        file = RequestFile(SubjectRequest.from_json(here()["request"]), PatientSignature(signature))
        if act["state"]["action"] == RequestAction.ACCESS:
            state, portal = file.to_json(), bytes.fromhex(act["portal"])
            ticket = self.room.sessions.ticket("asked", portal, here().subject, state, self.room.clock())
            onward = f"/records/ready/{ticket}"
        else:
            self.room.erasing.request(file)
            onward = self.room.erasing.place(here().subject)
        here().ended = True  # only now: who is refused can sign once more
        return reply({"next": f"{self.room.origins.portal}{onward}"})


def said_of(act: Mapping[str, Any]) -> dict[str, str]:
    """Return what the page says beside its words: the action that is asked for."""
    return {"action": str(act["state"]["action"])} if act.get("purpose") == "request" else {}
