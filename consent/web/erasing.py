"""Being erased.

| path | shows |
| --- | --- |
| `/erase` | what goes now, what by which date, what others must delete, what stays; leads to the signing origin |
| `/erasure/<code>`, `/erasure/<code>/receipt.json` | how far it is, for whoever has the address; nobody signs in |
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
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
    Wait.REQUEST: _l("Our note of your request is damaged. Please call us."),
    Wait.HOLD: _l("It waits for the law, which makes us keep your records for now."),
    Wait.CHAIN: _l("It waits until your stops stand in the public record for good."),
    Wait.ANCHOR: _l("It waits until the public record covers each look at your records. No one can then hide one."),
    Wait.TURN: _l("It waits for the next change of all our keys. That makes older copies of your key useless."),
    Wait.REPLICA: _l("It waits for a drive of ours that must be cleaned by hand. We were told."),
    Wait.DATE: _l("It waits until our last old backup is gone."),
}
"""What the next step waits for, in plain words."""
LATER: Final = {
    ErasureState.KEY_DELETED: _l("Your key is destroyed then."),
    ErasureState.EPOCH_TURNED: _l("Then all our keys change. That makes older copies of your key useless."),
    ErasureState.FINAL: _l("Then our old backups must go."),
}
"""What the steps behind the next one will wait for."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the page.

    Attributes:
        words: what it is.
        hint: what it means, once it was reached.
        at: when that was; None before.
        waits: what it waits for, empty once it was reached.
        by: by when it should be done; None where that is not known.
    """

    words: str
    hint: str
    at: datetime | None
    waits: str = ""
    by: datetime | None = None


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
            until=standing.until,
            others_by=standing.others_by,
            late=standing.late,
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
        standing = None if subject is None else self.room.erasing.standing(subject, self.room.clock())
        return (subject, standing) if subject is not None and standing is not None else abort(404)


def _steps(standing: Standing) -> Sequence[Step]:
    """Return the steps; of those that are open the first says what it waits for now, the others what comes then."""
    coming = next((state for state, _, _ in STEPS if state not in standing.at), None)
    steps = []
    for state, words, hint in STEPS:
        at = standing.at.get(state)
        waits = "" if at else str(_waits(standing) if state is coming else LATER.get(state, ""))
        steps.append(Step(str(words), str(hint), at, waits, None if at else standing.by.get(state)))
    return steps


def _waits(standing: Standing) -> str:
    return str(_l("It comes by itself within the hour.") if standing.waits is None else WAITS[standing.waits])
