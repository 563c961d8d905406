"""Coming in and going out: signing in with a passkey, and making one with the code that an operator handed over.

| path | does |
| --- | --- |
| `/staff/sign-in`, `/staff/sign-in/options` | signs in with a passkey |
| `/staff/enrol` | takes a code |
| `/staff/enrol/passkey`, `/staff/enrol/options` | makes a passkey under the code's name |
| `/staff/sign-out` | ends the session |
"""

import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from flask import Blueprint, flash, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter

from consent.services.portal.sessions import SessionKind
from consent.web.one_act import as_object, posted
from consent.web.problems import Refusal
from consent.web.session import here
from consent.web.staff.member import ANYBODY, MEMBERS, NAME, SIGN_IN
from consent.web.staff.passkeys import draw, take
from consent.web.staff.room import StaffRoom
from consent.web.staff.routes import StaffRoute, pages

ONWARD: Final = {"token": "/staff/token"}
"""Where somebody goes on after signing in, by what the address asks for; else to the list of studies."""
_CODE: Final = "code"
_LONGEST_CODE: Final = 100
_SIGN_IN: Final = "sign-in"
_ENROL: Final = "enrol"
_USED: Final = "This code was used, or is too old. Ask an operator for a new one."


@dataclass(frozen=True, slots=True)
class DoorPages:
    """The pages for whoever is not signed in yet, and for going out."""

    room: StaffRoom

    def blueprint(self, limiter: Limiter) -> Blueprint:
        """Return the pages at their paths."""
        return pages(
            "doors",
            limiter,
            [
                StaffRoute(ANYBODY, "GET", "/sign-in", self.sign_in),
                StaffRoute(ANYBODY, "POST", "/sign-in/options", self.known_passkey, "30 per minute"),
                StaffRoute(ANYBODY, "POST", "/sign-in", self.come_in, "20 per minute"),
                StaffRoute(ANYBODY, "GET", "/enrol", self.enrol),
                StaffRoute(ANYBODY, "POST", "/enrol", self.take_code, "10 per minute; 40 per hour"),
                StaffRoute(ANYBODY, "GET", "/enrol/passkey", self.make_passkey),
                StaffRoute(ANYBODY, "POST", "/enrol/options", self.new_passkey, "30 per minute"),
                StaffRoute(ANYBODY, "POST", "/enrol/passkey", self.keep_passkey, "10 per minute"),
                StaffRoute(MEMBERS, "POST", "/sign-out", self.sign_out),
            ],
        )

    def sign_in(self) -> ResponseReturnValue:
        """Ask for a passkey."""
        onward = ONWARD.get(request.args.get("to", ""), "/staff")
        return render_template("staff/sign_in.html", onward=onward, out="out" in request.args)

    def known_passkey(self) -> ResponseReturnValue:
        """Hand out the options of signing in."""
        return jsonify(self.room.staff.passkeys.request(draw(_SIGN_IN, self.room.clock())))

    def come_in(self) -> ResponseReturnValue:
        """Take a passkey's answer; the session that comes of it has another secret."""
        answer, challenge = self._answered(_SIGN_IN)
        name, _ = self.room.staff.sign_in(answer, challenge)
        self.room.sessions.end(here().browser)
        here().become(self.room.sessions.begin(SessionKind.STAFF, None, self.room.clock()))
        here()[NAME] = name
        return jsonify({})

    def enrol(self) -> ResponseReturnValue:
        """Ask for a code."""
        return render_template("staff/enrol.html", errors=())

    def take_code(self) -> ResponseReturnValue:
        """Take a code; what was typed is not shown again."""
        code = self.room.staff.invited(request.form.get("code", "")[:_LONGEST_CODE])
        if code is None:
            wrong = "This code does not work. Compare it with what you were given, or ask an operator for a new one."
            return render_template("staff/enrol.html", errors=[("code", wrong)]), HTTPStatus.UNPROCESSABLE_ENTITY
        here()[_CODE] = code.hex()
        return redirect("/staff/enrol/passkey")

    def make_passkey(self) -> ResponseReturnValue:
        """Say under which name a passkey is made."""
        name = self.room.staff.name_of(self._code())
        if name is None:
            return redirect("/staff/enrol")
        return render_template("staff/make_passkey.html", name=name)

    def new_passkey(self) -> ResponseReturnValue:
        """Hand out the options of a new passkey; no device makes a second one for the same name."""
        name = self.room.staff.name_of(self._code())
        if name is None:
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, _USED)
        challenge, known = draw(_ENROL, self.room.clock()), self.room.staff.credentials(name)
        options = self.room.staff.passkeys.creation(challenge, secrets.token_bytes(32), known)
        named = {**options["user"], "name": name, "displayName": name}
        return jsonify({**options, "user": named})

    def keep_passkey(self) -> ResponseReturnValue:
        """Take a new passkey, which uses the code up."""
        answer, challenge = self._answered(_ENROL)
        name = self.room.staff.enrol(self._code(), answer, challenge)
        here().pop(_CODE, None)
        flash(f"The passkey is kept under the name {name}. Sign in with it.")
        return jsonify({})

    def sign_out(self) -> ResponseReturnValue:
        """End the session."""
        here().ended = True
        return redirect(f"{SIGN_IN}?out")

    def _answered(self, purpose: str) -> tuple[dict[str, object], bytes]:
        """Return what a passkey answered, and the challenge that it is held to."""
        answer = as_object(posted("credential")["credential"])
        return dict(answer or {}), take(purpose, self.room.clock())

    def _code(self) -> bytes:
        """Return the digest of the code that this browser typed, nothing where it typed none."""
        return bytes.fromhex(here().get(_CODE, ""))
