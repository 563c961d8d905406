"""The signing origin: the only pages with the wallet's script, and the only ones that a passkey answers.

A page is reached with a ticket of the portal, for one act. What the wallet sends is JSON: slots as ciphertext, ids,
addresses, signatures; nothing that opens them.

| path | does |
| --- | --- |
| `/t/<ticket>` | takes a ticket and leads to its page |
| `/set-up`, `/set-up/app` | a new wallet, or an app's key, for an invitation |
| `/<act>/options` | the options of a new passkey |
| `/sign-in`, `/sign-in/options`, `/sign-in/passkey`, `/sign-in/key`, `/slots/find` | signing in |
| `/sign`, `/sign/act`, `/no` | signing what was chosen, or saying no to it |
| `/<act>/challenge` | what an enrolment key signs to show itself |
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, abort, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_limiter import Limiter

from consent.domain.details import render
from consent.domain.grant import AddressCertificate
from consent.domain.hashing import canonical_json
from consent.domain.terms import SubjectId, Terms
from consent.domain.typed_data import Address
from consent.services.granting import RepeatedGrantError, Submission
from consent.services.portal.asking import ChoiceError
from consent.services.portal.enrolling import NewWallet
from consent.services.portal.sessions import SessionKind
from consent.web.guard import require_get
from consent.web.key_acts import KEY_ACTS
from consent.web.one_act import WALLET, act_of, as_bytes, as_object, domain_of, posted, reply, wallet_of, ways_in
from consent.web.own_requests import said_of
from consent.web.problems import Refusal
from consent.web.requests import choice_of, language_of
from consent.web.room import PortalRoom
from consent.web.routes import Route, route
from consent.web.session import here

PURPOSES: Final = ("set-up", "sign-in", "sign", "request", *KEY_ACTS)
"""What somebody can be here for; each has a page of its name."""
SHOWING: Final = ("set-up", "sign-in", "add-key", "new-code", "replace")
"""For which of it an enrolment key shows itself."""
PUBLISH_WITHIN: Final = 3 * 86400
"""In seconds: for how long a grant may be on its way to the ledger."""
_NO_SALT: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class SigningPages:
    """The pages of the signing origin."""

    room: PortalRoom

    def blueprint(self, limiter: Limiter) -> Blueprint:
        """Return the pages at their paths."""
        pages = Blueprint("signing", __name__)
        return route(
            pages,
            [
                Route("GET", "/", self.index),
                Route("GET", "/t/<ticket>", self.arrive, "60 per minute"),
                Route("GET", f"/<any{PURPOSES}:purpose>", self.page),
                Route("GET", "/cancel", self.cancel),
                Route("POST", "/no", self.say_no),
                Route("GET", f"/<any{SHOWING}:purpose>/challenge", self.challenge),
                Route("POST", "/<any('set-up', 'add-key', 'replace'):purpose>/options", self.new_passkey),
                Route("POST", "/set-up", self.set_up, "20 per minute"),
                Route("POST", "/set-up/app", self.set_up_with_an_app, "20 per minute"),
                Route("POST", "/sign-in/options", self.known_passkey),
                Route("POST", "/sign-in/passkey", self.by_passkey, "20 per minute"),
                Route("POST", "/slots/find", self.find_slot, "20 per minute; 200 per hour"),
                Route("POST", "/sign-in/key", self.by_key, "20 per minute"),
                Route("GET", "/sign/act", self.to_sign),
                Route("POST", "/sign", self.sign, "20 per minute"),
            ],
            limiter,
        )

    def index(self) -> ResponseReturnValue:
        """Lead back to the portal."""
        return redirect(self.room.origins.portal)

    def arrive(self, ticket: str) -> ResponseReturnValue:
        """Take a ticket, and begin a session for its one act."""
        require_get()
        now = self.room.clock()
        taken = self.room.sessions.take(ticket, now)
        if taken is None or taken.purpose not in PURPOSES:
            return render_template("signing/lost_link.html"), 410
        here().become(self.room.sessions.begin(SessionKind.SIGNING, taken.subject, now))
        here()["act"] = {
            "purpose": taken.purpose,
            "portal": taken.session.hex(),
            "challenge": secrets.token_hex(32),
            "state": dict(taken.state),
            "publish_by": int(now.timestamp()) + PUBLISH_WITHIN,
        }
        return redirect(f"/{taken.purpose}")

    def page(self, purpose: str) -> ResponseReturnValue:
        """Show the page of this session's act."""
        if here().get("act", {}).get("purpose") != purpose:
            return render_template("signing/lost_link.html"), 410
        shown = {**said_of(here()["act"]), **self._spoken(purpose)}
        return render_template(f"signing/{purpose.replace('-', '_')}.html", **shown)

    def cancel(self) -> ResponseReturnValue:
        """Lead back to the portal, having done nothing."""
        act = here().get("act", {})
        here().ended = True
        return redirect(f"{self.room.origins.portal}{_begun(act)}")

    def say_no(self) -> ResponseReturnValue:
        """Say no to what there is to sign, and lead back to the portal."""
        current = act_of(self.room, "sign")
        self.room.asking.decline(here().subject, current["state"]["study"])
        here().ended = True
        return redirect(f"{self.room.origins.portal}/requests")

    def challenge(self, purpose: str) -> ResponseReturnValue:
        """Hand out what the enrolment key signs to show itself."""
        act = act_of(self.room, purpose)
        return reply({"challenge": act["challenge"], "origin": self.room.log, **domain_of(self.room)})

    def new_passkey(self, purpose: str) -> ResponseReturnValue:
        """Hand out the options of a new passkey; a device with one for a key that stays makes no second."""
        challenge = bytes.fromhex(act_of(self.room, purpose)["challenge"])
        known = self.room.signing_in.credentials(here().subject) if purpose == "add-key" else []
        return reply(self.room.passkeys.creation(challenge, secrets.token_bytes(32), known))

    def set_up(self) -> ResponseReturnValue:
        """Take a new wallet."""
        act, sent = act_of(self.room, "set-up"), posted(*WALLET)
        return self._enrolled(act, wallet_of(sent))

    def set_up_with_an_app(self) -> ResponseReturnValue:
        """Take the key of an app that the person had before: no slots, no passkey, no way back."""
        act, sent = act_of(self.room, "set-up"), posted("enrolment", "signature")
        enrolment, signature = Address(as_bytes(sent["enrolment"], 20)), as_bytes(sent["signature"], 64)
        return self._enrolled(act, NewWallet((), enrolment, signature, brought=True))

    def known_passkey(self) -> ResponseReturnValue:
        """Hand out the options of signing in with a passkey."""
        act = act_of(self.room, "sign-in")
        return reply(self.room.passkeys.request(bytes.fromhex(act["challenge"])))

    def by_passkey(self) -> ResponseReturnValue:
        """Take a passkey's answer."""
        act, touched = act_of(self.room, "sign-in"), as_object(posted("credential")["credential"])
        seen = self.room.signing_in.seen()
        subject = self.room.signing_in.by_passkey(touched or {}, bytes.fromhex(act["challenge"]))
        return self._signed_in(act, subject, seen)

    def find_slot(self) -> ResponseReturnValue:
        """Hand out the slot that a recovery code or this browser's passphrase opens."""
        act_of(self.room, "sign-in")
        found = self.room.enrolling.slot(as_bytes(posted("id")["id"], 32))
        if found is None:
            raise Refusal(HTTPStatus.NOT_FOUND, _("This code is not known here. Compare it with the paper."))
        slot, enrolment = found
        return reply({"slot": slot.to_json(), "enrolment": enrolment.hex()})

    def by_key(self) -> ResponseReturnValue:
        """Take the enrolment key's signature."""
        act, signature = act_of(self.room, "sign-in"), as_bytes(posted("signature")["signature"], 64)
        seen = self.room.signing_in.seen()
        subject = self.room.signing_in.by_key(signature, bytes.fromhex(act["challenge"]))
        return self._signed_in(act, subject, seen)

    def to_sign(self) -> ResponseReturnValue:
        """Hand out what there is to sign."""
        current = act_of(self.room, "sign")
        subject, terms = here().subject, self._terms(current)
        details = render(terms, _NO_SALT)
        return reply(
            {
                "terms": canonical_json(terms.to_json()).decode(),
                "sentences": {name: getattr(details, name) for name in ("who", "what", "why", "until")},
                "expires": int(terms.expires.timestamp()),
                "publish_by": current["publish_by"],
                **ways_in(self.room, subject),
            }
        )

    def sign(self) -> ResponseReturnValue:
        """Take a signed grant."""
        current, sent = act_of(self.room, "sign"), posted("salt", "patient", "signature", "certificate")
        subject, terms, now = here().subject, self._terms(current), self.room.clock()
        details = render(terms, as_bytes(sent["salt"], 32))
        patient = Address(as_bytes(sent["patient"], 20))
        submission = Submission(
            terms=terms,
            details=details,
            patient=patient,
            expires=int(terms.expires.timestamp()),
            publish_by=current["publish_by"],
            signature=as_bytes(sent["signature"], 64),
            certificate=AddressCertificate(subject, patient, as_bytes(sent["certificate"], 64)),
        )
        try:
            self.room.granting.accept([submission], now)
        except RepeatedGrantError:  # sent twice, as phones do: the first is kept, and nobody may be told that it is not
            if self.room.overview.by_commitment(subject, details.commitment) is None:
                raise
        here().ended = True
        consent = self.room.overview.by_commitment(subject, details.commitment)
        return reply({"next": f"{self.room.origins.portal}/consents/{consent}?new=1"})

    def _terms(self, current: Mapping[str, Any]) -> Terms:
        """Return the terms that were checked; where the request is gone, or a new month has begun, it ends here."""
        subject, now, state = here().subject, self.room.clock(), current["state"]
        asked = self.room.asking.request(subject, state["study"], now)
        if asked is None:
            abort(410)
        try:
            terms = self.room.asking.terms(subject, asked, choice_of(state["draft"]), now, language_of(state["draft"]))
        except ChoiceError:
            abort(410)
        if terms.hash().hex() != state["terms"]:
            abort(410)
        return terms

    def _spoken(self, purpose: str) -> Mapping[str, str]:
        """Return the language of what there is to sign; where that is gone meanwhile, it ends here."""
        return {"spoken": self._terms(here()["act"]).language} if purpose == "sign" else {}

    def _enrolled(self, act: Mapping[str, Any], wallet: NewWallet) -> ResponseReturnValue:
        invitation, challenge = bytes.fromhex(act["state"]["invitation"]), bytes.fromhex(act["challenge"])
        if self.room.new_keys.replaces(invitation, self.room.clock()):
            self.room.new_keys.ask_invited(invitation, wallet, challenge, self.room.clock())
            here().ended = True  # nobody is signed in: the old key has three days to say no
            return reply({"next": f"{self.room.origins.portal}/new-key-waits"})
        subject = self.room.enrolling.enrol(invitation, wallet, challenge, self.room.clock())
        return self._signed_in(act, subject, self.room.signing_in.seen(), new=True)

    def _signed_in(
        self, act: Mapping[str, Any], subject: SubjectId, seen: int, *, new: bool = False
    ) -> ResponseReturnValue:  # fmt: skip
        """Send somebody back to the browser session that asked, which alone can use the ticket."""
        here().ended = True
        portal, state = bytes.fromhex(act["portal"]), {"new": new, "seen": seen}
        ticket = self.room.sessions.ticket("in", portal, subject, state, self.room.clock())
        return reply({"next": f"{self.room.origins.portal}/in/{ticket}"})


def _begun(act: Mapping[str, Any]) -> str:
    """Return the portal's page from which an act was begun."""
    purpose = act.get("purpose")
    if purpose == "request":
        return {"access": "/records", "erase": "/erase"}.get(act["state"]["action"], "")
    if purpose == "sign":
        return f"/requests/{act['state']['study']}/check"
    return "/keys" if purpose in KEY_ACTS else ""
