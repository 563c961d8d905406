"""Being erased.

| path | shows |
| --- | --- |
| `/erase` | what goes now, what by which date, what others must delete, what stays; leads to the signing origin |
| `/erasure/<code>`, `/erasure/<code>/receipt.json` | how far it is, for whoever has the address; nobody signs in |
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import segno
from flask import Blueprint, Response, abort, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from consent.domain.erasure import ErasureState, Wait
from consent.domain.terms import SubjectId
from consent.services.portal.erasing import Standing
from consent.web.guard import patient
from consent.web.room import PortalRoom
from consent.web.routes import Route, route
from consent.web.session import here

STEPS: Final = (
    (ErasureState.BLOCKED, _l("All reading stopped"), _l("No study and no one here can read your records.")),
    (ErasureState.KEY_DELETED, _l("Your key was destroyed"), _l("What we keep can no longer be opened here.")),
    (ErasureState.EPOCH_TURNED, _l("Old copies died"), _l("Copies from before cannot be opened with what we hold.")),
    (ErasureState.FINAL, _l("Erased for good"), _l("No copy that we know of opens your records.")),
)
"""The states that people see, each with what it means."""
WAITS: Final = {
    Wait.REQUEST: _l("We look into what was asked for. Call us, if this stays."),
    Wait.HOLD: _l("The law makes us keep your records for now."),
    Wait.CHAIN: _l("First all that you allowed must be stopped in public too. This takes some hours."),
    Wait.ANCHOR: _l(
        "First the list of all who read your records is sealed, so that no one can hide it. This takes some hours."
    ),
    Wait.TURN: _l("First the key of all old copies is changed."),
    Wait.REPLICA: _l(
        "A place where the old key may still lie has not answered. We look after it. Call us, if this stays."
    ),
    Wait.DATE: _l("The last old copies run out by then."),
}
"""What the next step waits for."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the page; `at` is None before it was reached, then the next has what it waits for, and till when."""

    words: str
    hint: str
    at: datetime | None
    waits: str = ""
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class ErasurePages:
    """The pages of erasure."""

    room: PortalRoom

    def blueprint(self) -> Blueprint:
        """Return the pages at their paths."""
        pages = Blueprint("erasing", __name__)
        return route(
            pages,
            [
                Route("GET", "/erase", self.explain),
                Route("POST", "/erase", self.ask),
                Route("GET", "/erasure/<code>", self.standing),
                Route("GET", "/erasure/<code>/receipt.json", self.receipt),
            ],
        )

    def explain(self) -> ResponseReturnValue:
        """Say what being erased means."""
        outlook = self.room.erasing.outlook(patient(), self.room.clock())
        return render_template("portal/erase.html", outlook=outlook)

    def ask(self) -> ResponseReturnValue:
        """Lead to where it is asked for with one's key."""
        digest, now = here().browser.digest, self.room.clock()
        ticket = self.room.sessions.ticket("request", digest, patient(), {"action": "erase"}, now)
        return redirect(f"{self.room.origins.signing}/t/{ticket}")

    def standing(self, code: str) -> ResponseReturnValue:
        """Show how far an erasure is."""
        subject, standing = self._known(code)
        receipt, address = self.room.erasing.receipt(subject), f"{self.room.origins.portal}/erasure/{code}"
        drawing = segno.make(address, error="m").svg_data_uri(scale=4, border=2, light="white")
        return render_template(
            "portal/erasure.html",
            code=code,
            steps=_steps(standing),
            held=standing.state is ErasureState.BLOCKED_RETAINED,
            final=standing.state is ErasureState.FINAL,
            receipt=receipt,
            drawing=drawing,
        )

    def receipt(self, code: str) -> ResponseReturnValue:
        """Hand out the newest receipt of an erasure."""
        subject, _standing = self._known(code)
        found = self.room.erasing.receipt(subject) or abort(404)
        headers = {"Content-Disposition": 'attachment; filename="erasure-receipt.json"'}
        return Response(json.dumps(found.to_json(), indent=2) + "\n", mimetype="application/json", headers=headers)

    def _known(self, code: str) -> tuple[SubjectId, Standing]:
        subject = self.room.erasing.subject_of(code)
        standing = None if subject is None else self.room.erasing.standing(subject)
        return (subject, standing) if subject is not None and standing is not None else abort(404)


def _steps(standing: Standing) -> Sequence[Step]:
    steps = [Step(str(words), str(hint), standing.at.get(state)) for state, words, hint in STEPS]
    coming = next((place for place, step in enumerate(steps) if step.at is None), None)
    if coming is not None and standing.waits is not None:
        due = standing.final_at if standing.waits is Wait.DATE else standing.turns_at
        steps[coming] = replace(steps[coming], waits=str(WAITS[standing.waits]), due=due)
    return steps
