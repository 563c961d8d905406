"""What somebody who is signed in sees and stops: Home, My consents, a consent, its stop.

| path | shows |
| --- | --- |
| `/` | who can use the records now |
| `/you` | the ways to receipts, keys, wishes, erasure |
| `/consents`, `/consents/<id>` | what was given, one of them |
| `/consents/<id>/stop`, `/stop-everything` | asks once more, and stops |
| `/consents/<id>/stopped`, `/consents/<id>/receipt.json` | the stop receipt |
| `/stop`, `/stop/one`, `/stop/all`, `/stop/done` | for a mailed code: a list under neutral names, and the stop |
"""

import json
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from consent.domain.hashing import Json
from consent.domain.terms import SubjectId
from consent.services.portal.overview import OPEN, RUNNING, Given, Status
from consent.services.portal.sessions import SessionKind
from consent.web.guard import patient, signed_in
from consent.web.risk import may_ask
from consent.web.room import PortalRoom
from consent.web.routes import Route, route
from consent.web.session import here
from consent.web.views import Stopped, card, in_order, ledger_word, neutral, stopped

PAGE: Final = 20
"""Consents on one page."""
TROUBLE: Final = _l("We cannot see right now what is in force. Until then no study gets anything. You can still stop.")


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
                Route("GET", "/you", self.you),
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
                Route("POST", "/stop/one", self.stop_one_by_code),
                Route("POST", "/stop/all", self.stop_all_by_code),
                Route("GET", "/stop/done", self.stopped_by_code),
            ],
        )

    def index(self) -> ResponseReturnValue:
        """Show who can use the records now."""
        kind, now = here().kind, self.room.clock()
        if kind is SessionKind.STOPPING:
            return redirect(url_for("home.stop_only"))
        if kind is not SessionKind.PATIENT:
            return render_template("portal/welcome.html")
        running = self.room.overview.running(here().subject, now, PAGE)
        return render_template(
            "portal/home.html",
            cards=[card(given) for given in running.given if given.status in OPEN],
            others=[card(given) for given in running.given if given.status not in OPEN],
            total=running.total,
            count=running.using,
            trouble=TROUBLE if self.room.overview.trouble(now) else None,
            new_key=self.room.new_keys.waiting(here().subject),
            requests=self.room.asking.waiting(here().subject, now),
        )

    def you(self) -> ResponseReturnValue:
        """Lead to what is one's own beside the records."""
        patient()
        return render_template("portal/you.html")

    def consents(self) -> ResponseReturnValue:
        """List every consent, a page at a time."""
        found = self.room.overview.given(patient(), self.room.clock(), request.args.get("page", 1, int), PAGE)
        return render_template(
            "portal/consents.html",
            in_force=[card(given) for given in found.given if given.status in RUNNING - {Status.SOON}],
            ending_soon=[card(given) for given in found.given if given.status is Status.SOON],
            ended=[card(given) for given in found.given if given.status not in RUNNING],
            page=found.page,
            pages=found.pages,
        )

    def consent(self, consent: str) -> ResponseReturnValue:
        """Show one consent."""
        own = self._own(consent)
        technical = [
            (_("Number of the consent"), own.id),
            (_("Commitment"), own.commitment),
            (_("Address"), own.address),
            (_("The ledger says"), ledger_word(own)),
        ]
        new = request.args.get("new") == "1" and own.status is Status.WAITING
        again = own.id in self.room.asking.renewable(here().subject, self.room.clock())
        shown = {"card": card(own), "technical": technical, "new": new, "again": again, "risk": may_ask(own)}
        return render_template("portal/consent.html", changed=self._changed(own), **shown)

    def ask_stop(self, consent: str) -> ResponseReturnValue:
        """Ask once more before one consent is stopped."""
        own = self._own(consent)
        if own.stopped:
            return redirect(url_for("home.stopped", consent=consent))
        action = url_for("home.stop", consent=consent)
        return render_template("portal/stop.html", cards=[card(own)], action=action, onward=url_for("home.index"))

    def stop(self, consent: str) -> ResponseReturnValue:
        """Stop one consent."""
        self._own(consent)
        self.room.overview.stop(here().subject, [consent], self.room.clock())
        return redirect(url_for("home.stopped", consent=consent))

    def stopped(self, consent: str) -> ResponseReturnValue:
        """Show its stop receipt."""
        own = self._own(consent)
        receipt = self.room.overview.stop_receipt(here().subject, consent)
        if receipt is None:
            return redirect(url_for("home.consent", consent=consent))
        stops = [stopped(own, receipt, link=url_for("home.receipt", consent=consent))]
        return render_template("portal/stopped.html", stops=stops, onward=url_for("home.index"))

    def receipt(self, consent: str) -> ResponseReturnValue:
        """Hand out the stop receipt as JSON."""
        found = self.room.overview.stop_receipt(patient(), consent)
        if found is None:
            abort(404)
        headers = {"Content-Disposition": 'attachment; filename="stop-receipt.json"'}
        return Response(json.dumps(found.to_json(), indent=2) + "\n", mimetype="application/json", headers=headers)

    def ask_stop_everything(self) -> ResponseReturnValue:
        """Ask once more before everything is stopped."""
        running = self.room.overview.running(patient(), self.room.clock()).given
        if not running:
            return redirect(url_for("home.index"))
        cards, action = [card(given) for given in running], url_for("home.stop_everything")
        return render_template("portal/stop.html", cards=cards, action=action, onward=url_for("home.index"))

    def stop_everything(self) -> ResponseReturnValue:
        """Stop everything."""
        self._stop_all(patient())
        return redirect(url_for("home.stopped_all"))

    def stopped_all(self) -> ResponseReturnValue:
        """Show what was stopped, with a receipt each."""
        stops = self._stops(patient(), named=True)
        if not stops:
            return redirect(url_for("home.index"))
        return render_template("portal/stopped.html", stops=stops, onward=url_for("home.index"))

    def stop_only(self) -> ResponseReturnValue:
        """For a mailed code: list what runs under neutral names. Anybody else is asked for their mail address."""
        if here().kind is not SessionKind.STOPPING:
            return redirect(url_for("doors.stop_code"))
        running = in_order(self.room.overview.running(here().subject, self.room.clock()).given)
        studies = [neutral(given, _number(given.id)) for given in running]
        return render_template("portal/stop_only.html", studies=studies)

    def stop_one_by_code(self) -> ResponseReturnValue:
        """For a mailed code: stop one consent."""
        subject, number = signed_in(SessionKind.STOPPING), request.form.get("number", 0, int)
        listed = here().get("listed", [])
        if not 1 <= number <= len(listed):
            abort(404)
        chosen = listed[number - 1]
        self.room.overview.stop(subject, [chosen], self.room.clock())
        here()["stopped"] = [chosen]
        return redirect(url_for("home.stopped_by_code"))

    def stop_all_by_code(self) -> ResponseReturnValue:
        """For a mailed code: stop everything."""
        self._stop_all(signed_in(SessionKind.STOPPING))
        return redirect(url_for("home.stopped_by_code"))

    def stopped_by_code(self) -> ResponseReturnValue:
        """For a mailed code: show what was stopped, under neutral names."""
        stops = self._stops(signed_in(SessionKind.STOPPING), named=False)
        if not stops:
            return redirect(url_for("home.stop_only"))
        return render_template("portal/stopped.html", stops=stops, onward=url_for("home.stop_only"))

    def _stop_all(self, subject: SubjectId) -> None:
        now = self.room.clock()
        running = [given.id for given in self.room.overview.running(subject, now).given]
        self.room.overview.stop_everything(subject, now)
        here()["stopped"] = list[Json](running)

    def _stops(self, subject: SubjectId, *, named: bool) -> list[Stopped]:
        """Return what this session stopped last."""
        stops = []
        for consent in here().get("stopped", []):
            own = self.room.overview.one(subject, consent, self.room.clock())
            receipt = self.room.overview.stop_receipt(subject, consent)
            if own and receipt:
                link = url_for("home.receipt", consent=consent) if named else ""
                stops.append(stopped(own, receipt, _number(consent), link, named=named))
        return stops

    def _changed(self, own: Given) -> str:
        """Return where the new text of its study is read; empty where it has none, or it was answered already."""
        if own.status is not Status.CHANGED:
            return ""
        asks = self.room.asking.request(here().subject, own.study, self.room.clock())
        return url_for("requests.one", study=own.study) if asks else ""

    def _own(self, consent: str) -> Given:
        """Return one's own consent; anybody else's is not there."""
        found = self.room.overview.one(patient(), consent, self.room.clock())
        return found or abort(404)


def _number(consent: str) -> int:
    """Return under which number this session knows a consent, from 1 on; it stays the same as others are stopped.

    The consent's own id would name the study to whoever reads the log.
    """
    listed = here().get("listed", [])
    if consent not in listed:
        listed = here()["listed"] = [*listed, consent]
    return int(listed.index(consent)) + 1
