"""Coming in and going out: the welcome, an invitation's code, the way to the signing origin and back, a mailed code.

| path | does |
| --- | --- |
| `/start` | takes an invitation's code |
| `/set-up`, `/sign-in` | leads to the signing origin |
| `/in/<ticket>` | comes back from there, signed in |
| `/stop/mail`, `/stop/code` | mails a code, and takes it: for stopping only |
| `/preferences` | where codes and letters are mailed; after set-up also whether to be counted and asked |
| `/sign-out` | ends the session |
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from threading import Timer
from typing import Final

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from consent.domain.errors import ConsentError
from consent.domain.mail import InvalidMailError, address_host
from consent.domain.terms import SubjectId
from consent.services.contacts import Contact
from consent.services.portal.sessions import SessionKind
from consent.services.portal.signing_in import BeingErasedError, MailedCodes, SignInError
from consent.web.guard import require_get
from consent.web.letters import SUBJECT
from consent.web.one_act import way_to_sign
from consent.web.problems import Refusal
from consent.web.room import PortalRoom
from consent.web.routes import Route, route
from consent.web.session import here

LONGEST_ADDRESS: Final = 254
"""Of a mail address (RFC 5321, with its angle brackets 256)."""


def _address_from_here() -> str:
    """Count by mail address and caller, so that a stranger does not use up somebody's letters at once."""
    return f"{get_remote_address()} {_address()}"


def _address() -> str:
    return "mail:" + request.form.get("email", "").strip().lower()[:LONGEST_ADDRESS]


MAILS: Final = (("3 per hour", _address_from_here), ("12 per hour", _address))
"""How many letters go to one address, asked for by one caller and by all."""
SOONEST: Final = 0.5
"""Seconds after which a letter goes out at the soonest; up to one more, so that nobody can watch for it."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DoorPages:
    """The pages for whoever is not signed in yet, and for going out."""

    room: PortalRoom

    def blueprint(self, limiter: Limiter) -> Blueprint:
        """Return the pages at their paths."""
        pages = Blueprint("doors", __name__)
        return route(
            pages,
            [
                Route("GET", "/start", self.start),
                Route("POST", "/start", self.take_code, "10 per minute; 40 per hour"),
                Route("GET", "/set-up", self.set_up),
                Route("POST", "/set-up", self.go_set_up),
                Route("POST", "/sign-in", self.sign_in, "20 per minute"),
                Route("GET", "/in/<ticket>", self.come_in, "60 per minute"),
                Route("GET", "/preferences", self.preferences),
                Route("POST", "/preferences", self.prefer, "10 per minute; 40 per hour"),
                Route("GET", "/stop/mail", self.stop_code),
                Route("POST", "/stop/mail", self.mail_code, "5 per minute; 20 per hour", MAILS),
                Route("GET", "/stop/code", self.type_code),
                Route("POST", "/stop/code", self.take_mailed_code, "10 per minute"),
                Route("POST", "/sign-out", self.sign_out),
                Route("GET", "/demo", self.demo),
                Route("POST", "/demo", self.play),
            ],
            limiter,
        )

    def start(self) -> ResponseReturnValue:
        """Ask for an invitation's code."""
        return render_template("portal/start.html")

    def take_code(self) -> ResponseReturnValue:
        """Take an invitation's code."""
        code = self.room.enrolling.invited(request.form.get("code", "")[:100], self.room.clock())
        if code is None:
            wrong = _("This code does not work. Look at the paper again, or call us for a new one.")
            return render_template("portal/start.html", errors=[("code", wrong)]), 422
        here()["invitation"] = code.hex()
        return redirect(url_for("doors.set_up"))

    def set_up(self) -> ResponseReturnValue:
        """Say what making a key is like."""
        if "invitation" not in here():
            return redirect(url_for("doors.start"))
        return render_template("portal/set_up_intro.html")

    def go_set_up(self) -> ResponseReturnValue:
        """Lead to making a key."""
        invitation = here().get("invitation")
        if not invitation:
            return redirect(url_for("doors.start"))
        return redirect(way_to_sign(self.room, "set-up", {"invitation": invitation}))

    def sign_in(self) -> ResponseReturnValue:
        """Lead to the signing origin."""
        return redirect(way_to_sign(self.room, "sign-in", {}))

    def come_in(self, ticket: str) -> ResponseReturnValue:
        """Come back from the signing origin, signed in."""
        require_get()
        taken = self.room.sessions.take(ticket, self.room.clock())
        # Only the browser that asked may use it: nobody can be signed in as somebody else by a link.
        if taken is None or taken.purpose != "in" or taken.subject is None or taken.session != here().browser.digest:
            flash(_("This link was used, or is too old. Please sign in again."))
            return redirect(url_for("home.index"))
        new = bool(taken.state.get("new"))
        _become(self.room, SessionKind.PATIENT, taken.subject)
        if not self.room.signing_in.is_same_key(taken.subject, taken.state.get("seen", 0)):
            here().ended = True
            return redirect(url_for("home.index"))
        if not new:
            return redirect(url_for("home.index"))
        here()["new"] = True
        return redirect(url_for("doors.preferences"))

    def preferences(self) -> ResponseReturnValue:
        """Ask where codes and letters may be mailed, and after set-up whether to be counted and asked."""
        if here().kind is not SessionKind.PATIENT:
            return redirect(url_for("home.index"))
        return self._asks_for(self.room.signing_in.contact(here().subject))

    def prefer(self) -> ResponseReturnValue:
        """Take that."""
        if here().kind is not SessionKind.PATIENT:
            abort(403)
        address = request.form.get("email", "").strip()
        if address and not _looks_like_mail(address):
            wrong = _("This is no e-mail address. Check it, or leave it empty.")
            return self._asks_for(address, [("email", wrong)]), 422
        self._write_to(Contact(address, str(get_locale())[:2]))
        if not self._is_new():
            flash(_("Saved. It counts from now on."))
            return redirect(url_for("home.you"))
        if request.form.get("counted") == "yes":
            self.room.preferences.prefer([here().subject], self.room.clock(), counted=True)
        here().pop("new")
        return redirect(url_for("home.index"))

    def _asks_for(self, address: str, errors: Sequence[tuple[str, str]] = ()) -> str:
        return render_template("portal/preferences.html", email=address, errors=errors, new=self._is_new())

    def _is_new(self) -> bool:
        """Say whether somebody comes from set-up: whoever was counted since says at their wishes that they are not."""
        return bool(here().get("new")) and not self.room.asking.is_asked(here().subject)

    def _write_to(self, wanted: Contact) -> None:
        """Take an address, and the language of this page for letters to it."""
        before = self.room.signing_in.letters(here().subject)
        if wanted == before or not (wanted.address or before.address):
            return
        self.room.signing_in.set_contact(here().subject, wanted.address, wanted.language)
        if wanted.address != before.address:
            _tell_of_change(self.room, before.address)

    def stop_code(self) -> ResponseReturnValue:
        """Ask for the mail address."""
        _require_mail(self.room)
        return render_template("portal/stop_code.html")

    def mail_code(self) -> ResponseReturnValue:
        """Mail a code, and answer alike whether or not the address is known."""
        _require_mail(self.room)
        address = request.form.get("email", "").strip()
        if not _looks_like_mail(address):
            wrong = _("This is no e-mail address. Check it and try again.")
            return render_template("portal/stop_code.html", errors=[("email", wrong)]), 422
        remembered, codes = self.room.signing_in.mailed_codes(address, self.room.clock())
        here()["mailed"] = remembered.to_json()
        _send(self.room, address, codes)
        return redirect(url_for("doors.type_code"))

    def type_code(self) -> ResponseReturnValue:
        """Ask for the mailed code."""
        if "mailed" not in here():
            return redirect(url_for("doors.stop_code"))
        return render_template("portal/stop_code_sent.html")

    def take_mailed_code(self) -> ResponseReturnValue:
        """Take the mailed code."""
        mailed = here().get("mailed")
        if mailed is None:
            return redirect(url_for("doors.stop_code"))
        remembered = MailedCodes(**mailed)
        try:
            subject = self.room.signing_in.by_mailed_code(
                request.form.get("code", "")[:40], remembered, self.room.clock()
            )
        except BeingErasedError:
            raise  # the code was right
        except SignInError:
            here()["mailed"] = {**mailed, "tries": remembered.tries - 1}
            wrong = _("This is not the newest code, or it is too old. Try once more, or ask for a new one.")
            return render_template("portal/stop_code_sent.html", errors=[("code", wrong)]), 422
        _become(self.room, SessionKind.STOPPING, subject)
        return redirect(url_for("home.stop_only"))

    def sign_out(self) -> ResponseReturnValue:
        """End the session."""
        here().ended = True
        return redirect(url_for("home.index"))

    def demo(self) -> ResponseReturnValue:
        """In development: offer patients of the demo."""
        if not self.room.demo:
            abort(404)
        people = [(place, one.title, "") for place, one in enumerate(self.room.demo)]
        return render_template("portal/demo.html", people=people)

    def play(self) -> ResponseReturnValue:
        """In development: sign in as one of them."""
        number = request.form.get("person", -1, int)
        if not 0 <= number < len(self.room.demo):
            abort(404)
        chosen = self.room.demo[number]
        if chosen.new and not self.room.enrolling.is_enrolled(chosen.subject):
            code = self.room.enrolling.invite(chosen.subject, self.room.clock())
            return redirect(url_for("doors.start", _anchor=code))
        _become(self.room, SessionKind.PATIENT, chosen.subject)
        return redirect(url_for("home.index"))


def _require_mail(room: PortalRoom) -> None:
    """Send whoever cannot be mailed a code to the telephone."""
    if room.post is None:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, _("We cannot mail codes here. Call us, and we stop it for you."))


def _become(room: PortalRoom, kind: SessionKind, subject: SubjectId) -> None:
    page = here()
    page.become(room.sessions.change(page.browser, kind, subject, room.clock()))


def _looks_like_mail(address: str) -> bool:
    """Say whether letters can go there: what no letter reaches must not be taken for a way to stop."""
    try:
        address_host(address)
    except InvalidMailError:
        return False
    return True


def _send(room: PortalRoom, address: str, codes: Sequence[str]) -> None:
    """Mail codes behind the answer's back, and after it: how long that takes would tell whether the address is known.

    Where there is none to mail, as much is begun.
    """
    post = room.post
    if post is None:
        return
    subject = _("Your code")
    texts = [
        _(
            "Your code is %(code)s\n\nType it on the page where you asked for it. It lasts 15 minutes.\n"
            "With it you can stop sharing your records. If you did not ask for it, you need not do anything.\n",
            code=code,
        )
        for code in (*codes, "")
    ]
    later = Timer(SOONEST + secrets.randbelow(1000) / 1000, _sent, args=(post.send, address, subject, texts[:-1]))
    later.name, later.daemon = "letters", True
    later.start()


def _tell_of_change(room: PortalRoom, before: str) -> None:
    """Tell whoever reads the old address that no letter comes there any more: it may not be its owner who said so."""
    if room.post is None or not before:
        return
    text = _("Letters about your health records do not come here any more. If this was not you, call us today.")
    later = Timer(SOONEST, _sent, args=(room.post.send, before, str(SUBJECT), [f"{text}\n"]))
    later.name, later.daemon = "letters", True
    later.start()


def _sent(send: Callable[[str, str, str], None], address: str, subject: str, texts: Sequence[str]) -> None:
    for text in texts:
        try:
            send(address, subject, text)
        except ConsentError:
            logger.warning("a letter could not be mailed")
