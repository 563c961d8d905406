"""What somebody does with their own key on the signing origin: adds a way in, tests the code, makes a new key.

| path | does |
| --- | --- |
| `/add-key`, `/new-code`, `/try-code`, `/replace` | the pages (`consent.web.signing` shows them) |
| `/<act>/act` | hands out the ways in; for `replace` also what the old key signs, but its nonce |
| `/add-key`, `/new-code` (POST) | take one slot |
| `/replace` (POST) | takes a whole new wallet, which waits |
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, abort
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_limiter import Limiter

from consent.domain.key_history import nonce_for
from consent.domain.request_file import PatientSignature, RequestFile
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.services.authorising import NotAuthorisedError
from consent.services.portal.enrolling import EnrolmentError
from consent.web.one_act import WALLET, act_of, as_bytes, posted, reply, wallet_of, ways_in
from consent.web.problems import Refusal
from consent.web.room import PortalRoom
from consent.web.routes import Route, route
from consent.web.session import here

KEY_ACTS: Final = ("add-key", "new-code", "try-code", "replace")
"""What `/keys` leads to."""


@dataclass(frozen=True, slots=True)
class KeyActPages:
    """The acts of somebody's own key."""

    room: PortalRoom

    def blueprint(self, limiter: Limiter) -> Blueprint:
        """Return their paths."""
        pages = Blueprint("key_acts", __name__)
        return route(
            pages,
            [
                Route("GET", f"/<any{KEY_ACTS}:purpose>/act", self.ways),
                Route("POST", "/<any('add-key', 'new-code'):purpose>", self.add, "20 per minute"),
                Route("POST", "/replace", self.replace, "20 per minute"),
            ],
            limiter,
        )

    def ways(self, purpose: str) -> ResponseReturnValue:
        """Hand out what opens the key."""
        act_of(self.room, purpose)
        asked = {"request": self._request()} if purpose == "replace" else {}
        return reply({**asked, **ways_in(self.room, here().subject)})

    def add(self, purpose: str) -> ResponseReturnValue:
        """Take one more way in."""
        act, wallet = act_of(self.room, purpose), wallet_of(posted(*WALLET))
        if any((slot.kind == "recovery") != (purpose == "new-code") for slot in wallet.slots):
            abort(400)
        with _refusals():
            self.room.own_keys.add(here().subject, wallet, bytes.fromhex(act["challenge"]), self.room.clock())
        return self._done()

    def replace(self) -> ResponseReturnValue:
        """Take a new key, which waits, and the old one's signature for it."""
        act, sent = act_of(self.room, "replace"), posted(*WALLET, "old_signature")
        wallet, signed = wallet_of(sent), PatientSignature(as_bytes(sent["old_signature"], 64))
        request = SubjectRequest.from_json({**self._request(), "nonce": nonce_for(wallet.enrolment)})
        challenge = bytes.fromhex(act["challenge"])
        file = RequestFile(request, signed)
        with _refusals():
            self.room.new_keys.ask(here().subject, file, wallet, challenge, self.room.clock())
        return self._done()

    def _request(self) -> Mapping[str, Any]:
        """Return the request that the old key signs, but its nonce; it stays the same for this session."""
        if "request" not in here():
            requested = int(self.room.clock().timestamp())
            drawn = SubjectRequest(RequestAction.REPLACE_KEY, here().subject, self.room.log, requested, "0" * 32)
            here()["request"] = {name: value for name, value in drawn.to_json().items() if name != "nonce"}
        kept: Mapping[str, Any] = here()["request"]
        return kept

    def _done(self) -> ResponseReturnValue:
        here().ended = True
        return reply({"next": f"{self.room.origins.portal}/keys"})


@contextmanager
def _refusals() -> Iterator[None]:
    """Say what to do where a key or a way in is not taken; nothing was stored then."""
    try:
        yield
    except (EnrolmentError, NotAuthorisedError) as error:
        sentence = _("This could not be stored. Go back to your keys, see what is there, and try again.")
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, sentence) from error
