"""A person's own risk, where a consent of theirs allows predictions and is in use.

| path | shows |
| --- | --- |
| `/consents/<id>/risk` | what an answer is and is not; a POST asks for one |
| `/consents/<id>/risk/<index>` | the answer, as it stands in the log; each opening is written down first |
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, abort, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from consent.domain.terms import Operation
from consent.services.portal.overview import OPEN, Given
from consent.services.studies.explaining import Contribution, Explained
from consent.services.studies.serving import ModelRefusedError, PredictionRefusedError
from consent.web.guard import patient
from consent.web.room import PortalRoom
from consent.web.routes import Route, route
from consent.web.session import here

MOST: Final = 3
"""How many findings are named that raise the risk, and as many that lower it."""
_LATER: Final = _l("There is no answer right now. It is not about you. Please try again in a few days.")
REFUSALS: Final = {
    "RATE": _l("You asked many times in the last hour. Please wait an hour, then ask again."),
    "COHORT": _l("This study is about other people than you. So it has no answer for you."),
    "NO_RECORDS": _l("We have too few records of you for this. So there is no answer."),
    "CATEGORY": _l("You did not allow a kind of record that is needed for this. So there is no answer."),
    "OPERATION": _l("You did not allow this when you said yes. So there is no answer."),
    "MODEL": _l("This study has not learned enough yet. Please try again in a few weeks."),
    "TEXT": _l("The study has changed its text. Read the new one and say yes or no to it first."),
    "STUDY_CLOSED": _l("This study has closed. It gives no more answers."),
}
"""What people read instead of an answer, by the reason in the log."""


@dataclass(frozen=True, slots=True)
class RiskPages:
    """The pages of one's own risk."""

    room: PortalRoom

    def blueprint(self) -> Blueprint:
        """Return the pages at their paths."""
        pages = Blueprint("risk", __name__, url_prefix="/consents/<consent>/risk")
        return route(
            pages,
            [
                Route("GET", "", self.about),
                Route("POST", "", self.ask),
                Route("GET", "/<int:index>", self.answer),
            ],
        )

    def about(self, consent: str) -> ResponseReturnValue:
        """Say what an answer is, before anybody asks."""
        given = self._own(consent)
        return _about(given)

    def ask(self, consent: str) -> ResponseReturnValue:
        """Ask for an answer."""
        given = self._own(consent)
        try:
            asked = self.room.risk.ask(here().subject, given, self.room.clock())
        except (PredictionRefusedError, ModelRefusedError) as refused:
            reason = refused.reason if isinstance(refused, PredictionRefusedError) else "MODEL"
            refusal = REFUSALS.get(reason, _LATER)
            return _about(given, refusal), 422
        return redirect(url_for("risk.answer", consent=asked.consent, index=asked.index))

    def answer(self, consent: str, index: int) -> ResponseReturnValue:
        """Show an answer."""
        given = self.room.overview.one(patient(), consent, self.room.clock()) or abort(404)
        found = self.room.risk.answer(here().subject, given, index, self.room.clock()) or abort(404)
        return render_template(
            "portal/risk_answer.html",
            consent=given.id,
            title=given.title,
            spoken=given.language,
            outcome=found.outcome,
            of_hundred=of_hundred(found),
            day=found.index,
            days=found.horizon_days,
            up=weightiest(found, lambda one: one.log_odds),
            down=weightiest(found, lambda one: -one.log_odds),
            technical=[
                (_("Model"), found.model),
                (_("Release"), str(found.release)),
                (_("Number of the entry"), str(index)),
                (_("Probability"), f"{found.probability:.4f}"),
            ],
        )

    def _own(self, consent: str) -> Given:
        """Return one's own consent under which one may ask; any other is not there."""
        found = self.room.overview.one(patient(), consent, self.room.clock())
        return found if found and may_ask(found) else abort(404)


def _about(given: Given, refusal: object = None) -> str:
    """Return the page before an answer, with the reason where there was none."""
    shown = {"consent": given.id, "title": given.title, "spoken": given.language, "refusal": refusal}
    return render_template("portal/risk.html", **shown)


def may_ask(given: Given) -> bool:
    """Say whether a consent lets its owner ask for their own risk now."""
    return given.status in OPEN and Operation.PREDICT in given.operations


def of_hundred(found: Explained) -> str:
    """Say a probability as people of a hundred, never as a certainty."""
    people = round(found.probability * 100)
    if people < 1:
        return str(_("fewer than 1 of 100"))
    return str(_("more than 99 of 100") if people > 99 else _("about %(people)s of 100", people=people))  # noqa: PLR2004  # of a hundred


def weightiest(found: Explained, weight: Callable[[Contribution], float]) -> Sequence[tuple[str, str]]:
    """Return the findings of most weight as (title, value); what is not recorded has no value, and none weighs 0."""
    own = sorted((one for one in found.contributions if weight(one) > 0), key=weight, reverse=True)
    return [(one.title, one.shown) for one in own[:MOST]]
