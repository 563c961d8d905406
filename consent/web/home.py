"""What somebody who is signed in sees and stops: Home, My consents, a consent, its stop.

| path | shows |
| --- | --- |
| `/` | who can use the records now |
| `/consents`, `/consents/<id>` | what was given, one of them |
| `/consents/<id>/stop`, `/stop-everything` | asks once more, and stops |
| `/consents/<id>/stopped`, `/consents/<id>/receipt.json` | the stop receipt |
| `/stop` | for a mailed code: a list under neutral names, and the stop |
"""

import json
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from consent.services.granting import UnknownConsentError
from consent.services.portal.overview import OPEN, Given
from consent.services.portal.sessions import SessionKind
from consent.web.guard import patient, signed_in
from consent.web.room import PortalRoom
from consent.web.routes import Route, route
from consent.web.session import here

PAGE: Final = 20
"""Consents on one page."""


@dataclass(frozen=True, slots=True)
class HomePages:
    """The pages of one's own consents."""

    room: PortalRoom

    def blueprint(self) -> Blueprint:
        """Return the pages at their paths."""
        pages = Blueprint("home", __name__)
        return route(
            pages,
            [
                Route("GET", "/", self.index),
                Route("GET", "/consents", self.consents),
                Route("GET", "/consents/<consent>", self.consent),
                Route("GET", "/consents/<consent>/stop", self.ask_stop),
                Route("POST", "/consents/<consent>/stop", self.stop),
                Route("GET", "/consents/<consent>/stopped", self.stopped),
                Route("GET", "/consents/<consent>/receipt.json", self.receipt),
                Route("GET", "/stop-everything", self.ask_stop_everything),
                Route("POST", "/stop-everything", self.stop_everything),
                Route("GET", "/stopped", self.stopped_all),
                Route("GET", "/stop", self.stop_only),
                Route("POST", "/stop", self.stop_by_code),
            ],
        )

    def index(self) -> ResponseReturnValue:
        """Show who can use the records now."""
        kind, now = here().kind, self.room.clock()
        if kind is SessionKind.STOPPING:
            return redirect(url_for("home.stop_only"))
        if kind is not SessionKind.PATIENT:
            return redirect(url_for("doors.welcome"))
        running = self.room.overview.running(here().subject, now)
        trouble = self.room.overview.trouble(now)
        using = {given.study for given in running if given.status in OPEN}
        return render_template(
            "portal/home.html",
            cards=running,
            count=0 if trouble else len(using),
            allowed=len(using),
            trouble=trouble,
            requests=len(self.room.asking.requests(here().subject, now)),
            counted=self.room.asking.is_asked(here().subject),
        )

    def consents(self) -> ResponseReturnValue:
        """List every consent, a page at a time."""
        subject = patient()
        total = self.room.overview.count(subject)
        last = max(1, -(-total // PAGE))
        page = min(max(1, request.args.get("page", 1, int)), last)
        cards = self.room.overview.given(subject, self.room.clock(), (page - 1) * PAGE, PAGE)
        return render_template("portal/consents.html", cards=cards, page=page, pages=last, total=total)

    def consent(self, consent: str) -> ResponseReturnValue:
        """Show one consent."""
        return render_template(
            "portal/consent.html", card=self._own(consent), trouble=self.room.overview.trouble(self.room.clock())
        )

    def ask_stop(self, consent: str) -> ResponseReturnValue:
        """Ask once more before one consent is stopped."""
        card = self._own(consent)
        if card.stopped:
            return redirect(url_for("home.stopped", consent=consent))
        return render_template("portal/stop.html", card=card, cards=[card])

    def stop(self, consent: str) -> ResponseReturnValue:
        """Stop one consent."""
        self._own(consent)
        self.room.overview.stop(here().subject, [consent], self.room.clock())
        return redirect(url_for("home.stopped", consent=consent))

    def stopped(self, consent: str) -> ResponseReturnValue:
        """Show its stop receipt."""
        card = self._own(consent)
        receipt = self.room.overview.stop_receipt(here().subject, consent)
        if receipt is None:
            return redirect(url_for("home.consent", consent=consent))
        return render_template("portal/stopped.html", card=card, receipt=receipt)

    def receipt(self, consent: str) -> ResponseReturnValue:
        """Hand out the stop receipt as JSON."""
        found = self.room.overview.stop_receipt(patient(), consent)
        if found is None:
            abort(404)
        headers = {"Content-Disposition": 'attachment; filename="stop-receipt.json"'}
        return Response(json.dumps(found.to_json(), indent=2) + "\n", mimetype="application/json", headers=headers)

    def ask_stop_everything(self) -> ResponseReturnValue:
        """Ask once more before everything is stopped."""
        running = self.room.overview.running(patient(), self.room.clock())
        if not running:
            return redirect(url_for("home.index"))
        return render_template("portal/stop.html", card=None, cards=running)

    def stop_everything(self) -> ResponseReturnValue:
        """Stop everything."""
        subject, now = patient(), self.room.clock()
        running = [given.id for given in self.room.overview.running(subject, now)]
        self.room.overview.stop_everything(subject, now)
        here()["stopped"] = running
        return redirect(url_for("home.stopped_all"))

    def stopped_all(self) -> ResponseReturnValue:
        """Show what was stopped, with a receipt each."""
        subject, now = patient(), self.room.clock()
        found = [self.room.overview.one(subject, str(consent), now) for consent in here().get("stopped", [])]
        return render_template("portal/stopped_all.html", cards=[card for card in found if card and card.stopped])

    def stop_only(self) -> ResponseReturnValue:
        """For a mailed code: list what runs under neutral names."""
        running = self.room.overview.running(signed_in(SessionKind.STOPPING, SessionKind.PATIENT), self.room.clock())
        return render_template("portal/stop_only.html", cards=list(enumerate(running, 1)))

    def stop_by_code(self) -> ResponseReturnValue:
        """For a mailed code: stop one of them, or all."""
        subject, consent = signed_in(SessionKind.STOPPING, SessionKind.PATIENT), request.form.get("consent", "")
        if consent:
            try:
                self.room.overview.stop(subject, [consent], self.room.clock())
            except UnknownConsentError:
                abort(404)
        else:
            self.room.overview.stop_everything(subject, self.room.clock())
        return redirect(url_for("home.stop_only", done=1))

    def _own(self, consent: str) -> Given:
        """Return one's own consent; anybody else's is not there."""
        found = self.room.overview.one(patient(), consent, self.room.clock())
        return found or abort(404)
