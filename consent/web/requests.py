"""What studies ask, and the way to a yes: categories, time, three questions, all answers checked, then signing.

| path | shows |
| --- | --- |
| `/requests`, `/requests/<study>` | what is asked, one of it |
| `/requests/<study>/choose`, `/when`, `/questions`, `/check` | the steps; each asks for what is missing before it |
| `/requests/<study>/sign` | leads to the signing origin |
| `/requests/<study>/no` | says no |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from consent.domain.details import Details, render
from consent.domain.hashing import Json
from consent.domain.terms import Category, Terms, month_end_after
from consent.services.portal.asking import MONTHS, YEARS, Choice, ChoiceError, Request
from consent.web.guard import patient
from consent.web.room import PortalRoom
from consent.web.routes import Route, route
from consent.web.session import here

QUESTIONS: Final = {"care": "no", "stop": "yes", "name": "no"}
"""The three questions and their right answers: does your care change, can you stop, does the study get your name."""
_NO_SALT: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class RequestPages:
    """The pages of requests."""

    room: PortalRoom

    def blueprint(self) -> Blueprint:
        """Return the pages at their paths."""
        pages = Blueprint("requests", __name__, url_prefix="/requests")
        return route(
            pages,
            [
                Route("GET", "", self.index),
                Route("GET", "/<study>", self.one),
                Route("POST", "/<study>/no", self.say_no),
                Route("GET", "/<study>/choose", self.choose),
                Route("POST", "/<study>/choose", self.take_categories),
                Route("GET", "/<study>/when", self.when),
                Route("POST", "/<study>/when", self.take_time),
                Route("GET", "/<study>/questions", self.questions),
                Route("POST", "/<study>/questions", self.take_answers),
                Route("GET", "/<study>/check", self.check),
                Route("POST", "/<study>/sign", self.sign),
            ],
        )

    def index(self) -> ResponseReturnValue:
        """List what is asked."""
        subject = patient()
        asked = self.room.asking.requests(subject, self.room.clock())
        return render_template("portal/requests.html", requests=asked, counted=self.room.asking.is_asked(subject))

    def one(self, study: str) -> ResponseReturnValue:
        """Show one request."""
        return render_template("portal/request.html", request=self._asked(study))

    def say_no(self, study: str) -> ResponseReturnValue:
        """Say no to it."""
        asked = self._asked(study)
        self.room.asking.decline(here().subject, study)
        here().pop("draft", None)
        flash(_("You said no to “%(title)s”. Your care does not change.", title=asked.reference.title))
        return redirect(url_for("requests.index"))

    def choose(self, study: str) -> ResponseReturnValue:
        """Ask for the kinds of record."""
        asked = self._asked(study)
        return render_template("portal/choose.html", request=asked, chosen=_draft(study).get("categories", []))

    def take_categories(self, study: str) -> ResponseReturnValue:
        """Take them."""
        asked = self._asked(study)
        offered = asked.study.required | asked.study.optional
        chosen = sorted(set(request.form.getlist("category")) & {category.value for category in offered})
        _remember(study, categories=chosen)
        missing = asked.study.required - set(map(Category, chosen))
        if missing:
            wrong = _("The study cannot work without the kinds marked “needed”. Tick them all, or say no.")
            return render_template("portal/choose.html", request=asked, chosen=chosen, error=wrong), 422
        return _next(study, "requests.when")

    def when(self, study: str) -> ResponseReturnValue:
        """Ask for which years, and until when."""
        return self._when(self._asked(study), "")

    def take_time(self, study: str) -> ResponseReturnValue:
        """Take that."""
        asked = self._asked(study)
        years, months = request.form.get("years", ""), request.form.get("months", "")
        _remember(study, years=years, months=months)
        if years not in {"all", *map(str, YEARS)} or months not in set(map(str, MONTHS)):
            return self._when(asked, _("Choose one answer to each of the two questions.")), 422
        return _next(study, "requests.questions" if asked.first else "requests.check")

    def questions(self, study: str) -> ResponseReturnValue:
        """Ask the three questions."""
        return render_template("portal/questions.html", request=self._asked(study), answers={}, wrong=[])

    def take_answers(self, study: str) -> ResponseReturnValue:
        """Take the answers; wrong ones are explained."""
        asked = self._asked(study)
        answers = {name: request.form.get(name, "") for name in QUESTIONS}
        wrong = [name for name, right in QUESTIONS.items() if answers[name] != right]
        if wrong:
            page = render_template("portal/questions.html", request=asked, answers=answers, wrong=wrong)
            return page, 422
        _remember(study, understood=True)
        return redirect(url_for("requests.check", study=study))

    def check(self, study: str) -> ResponseReturnValue:
        """Show all answers, and the sentences that will be signed."""
        asked = self._asked(study)
        terms = self._terms(asked)
        return render_template("portal/check.html", request=asked, details=_sentences(terms), terms=terms)

    def sign(self, study: str) -> ResponseReturnValue:
        """Lead to the signing origin."""
        asked = self._asked(study)
        self._terms(asked)
        page, now = here(), self.room.clock()
        state: dict[str, Json] = {"study": study, "draft": dict(_draft(study))}
        ticket = self.room.sessions.ticket("sign", page.browser.digest, page.subject, state, now)
        return redirect(f"{self.room.origins.signing}/t/{ticket}")

    def _asked(self, study: str) -> Request:
        return self.room.asking.request(patient(), study, self.room.clock()) or abort(404)

    def _terms(self, asked: Request) -> Terms:
        """Return the terms of what was chosen; whoever left something out is led back to it."""
        study, draft = asked.reference.id, _draft(asked.reference.id)
        if asked.first and not draft.get("understood"):
            abort(redirect(url_for("requests.questions" if draft.get("months") else "requests.choose", study=study)))
        try:
            return self.room.asking.terms(here().subject, asked, choice_of(draft), self.room.clock())
        except ChoiceError:
            return abort(redirect(url_for("requests.choose", study=study)))

    def _when(self, asked: Request, error: str) -> str:
        now = self.room.clock()
        ends = {months: month_end_after(now, months) for months in MONTHS}
        draft = _draft(asked.reference.id)
        return render_template("portal/when.html", request=asked, years=YEARS, ends=ends, draft=draft, error=error)


def choice_of(draft: Mapping[str, Any]) -> Choice:
    """Return what the pages remember of somebody's choice; raise `ChoiceError` where something is left to choose."""
    try:
        categories = frozenset(map(Category, draft["categories"]))
        years = None if draft["years"] == "all" else int(draft["years"])
        return Choice(categories, years, int(draft["months"]))
    except (KeyError, ValueError) as error:
        raise ChoiceError("something is left to choose: go back and choose it") from error


def _sentences(terms: Terms) -> Details:
    return render(terms, _NO_SALT)


def _draft(study: str) -> Mapping[str, Any]:
    draft = here().get("draft", {})
    return draft if draft.get("study") == study else {}


def _remember(study: str, **chosen: object) -> None:
    here()["draft"] = {**_draft(study), "study": study, **chosen}


def _next(study: str, endpoint: str) -> ResponseReturnValue:
    """Go on, or back to the check for whoever came from there to change one answer."""
    back = request.form.get("back") == "check"
    return redirect(url_for("requests.check" if back else endpoint, study=study))
