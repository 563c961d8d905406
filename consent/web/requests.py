"""What studies ask, and the way to a yes: categories, time, three questions, all answers checked, then signing.

| path | shows |
| --- | --- |
| `/requests`, `/requests/<study>` | what is asked, one of it |
| `/requests/<study>/choose`, `/when`, `/questions`, `/check` | the steps; each asks for what is missing before it |
| `/requests/<study>/allow` | leads to the signing origin |
| `/requests/again` | begins with the earlier answers beside the choices, for a consent that ends soon |
| `/requests/<study>/no` | says no |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from consent.domain.details import render
from consent.domain.hashing import Json
from consent.domain.terms import Category, Terms, month_end_after
from consent.services.portal.asking import MONTHS, Choice, ChoiceError, Request, years_of
from consent.web.guard import patient
from consent.web.one_act import way_to_sign
from consent.web.room import PortalRoom
from consent.web.routes import Route, route
from consent.web.session import here
from consent.web.views import asked, ends, windows
from consent.web.words import language

QUESTIONS: Final = {"care": "no", "stop": "yes", "name": "no"}
"""The three questions and their right answers: does your care change, can you stop, does the study see your name."""
PAGE: Final = 10
"""Requests on one page."""
Errors = Sequence[tuple[str, str]]
"""What is wrong with a form: the field's id, and a sentence."""
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
                Route("POST", "/again", self.again),
                Route("POST", "/<study>/no", self.say_no),
                Route("GET", "/<study>/choose", self.choose),
                Route("POST", "/<study>/choose", self.take_categories),
                Route("GET", "/<study>/when", self.when),
                Route("POST", "/<study>/when", self.take_time),
                Route("GET", "/<study>/questions", self.questions),
                Route("POST", "/<study>/questions", self.take_answers),
                Route("GET", "/<study>/check", self.check),
                Route("POST", "/<study>/allow", self.allow),
            ],
        )

    def index(self) -> ResponseReturnValue:
        """List what is asked, a page at a time."""
        waiting = self.room.asking.requests(patient(), self.room.clock())
        pages = max(1, -(-len(waiting) // PAGE))
        page = min(max(1, request.args.get("page", 1, int)), pages)
        shown = [asked(one) for one in waiting[(page - 1) * PAGE : page * PAGE]]
        return render_template("portal/requests.html", asked=shown, page=page, pages=pages)

    def one(self, study: str) -> ResponseReturnValue:
        """Show one request."""
        return render_template("portal/request.html", asked=asked(self._asked(study)))

    def say_no(self, study: str) -> ResponseReturnValue:
        """Say no to it."""
        title = asked(self._asked(study)).title
        self.room.asking.decline(here().subject, study)
        here().pop("draft", None)
        flash(_("You said no to “%(title)s”. Your care does not change.", title=title))
        return redirect(url_for("requests.index"))

    def again(self) -> ResponseReturnValue:
        """Begin anew for a consent that ends soon: what was chosen last time is shown, and nothing is ticked.

        A tick that nobody made is no consent, the second time as little as the first.
        """
        now, consent = self.room.clock(), request.form.get("consent", "")
        terms = self.room.asking.renewable(patient(), now).get(consent) or abort(404)
        given = self.room.overview.one(patient(), consent, now)
        here().pop("draft", None)
        _remember(terms.study.id, before=chosen_before(terms, given.since if given else None))
        return redirect(url_for("requests.choose", study=terms.study.id))

    def choose(self, study: str) -> ResponseReturnValue:
        """Ask for the kinds of record."""
        return self._choosing(self._asked(study))

    def take_categories(self, study: str) -> ResponseReturnValue:
        """Take them."""
        found = self._asked(study)
        offered = {category.value for category in found.study.required | found.study.optional}
        chosen = sorted(set(request.form.getlist("category")) & offered)
        _remember(study, categories=chosen)
        if not found.study.required <= set(map(Category, chosen)):
            wrong = _("Tick every kind that is needed, or say no.")
            return self._choosing(found, [("required", wrong)]), 422
        return self._onward(study, "requests.when")

    def when(self, study: str) -> ResponseReturnValue:
        """Ask for which years, and until when."""
        return self._timing(self._asked(study))

    def take_time(self, study: str) -> ResponseReturnValue:
        """Take that."""
        found, window, end = self._asked(study), request.form.get("window", ""), request.form.get("end", "")
        errors = []
        if window not in dict(windows(found.study, self.room.clock())):
            errors.append(("window", _("Choose how far back they may look.")))
        if end not in set(map(str, MONTHS)):
            errors.append(("end", _("Choose how long they may use them.")))
        _remember(study, years="" if errors else window, months="" if errors else end)
        if errors:
            return self._timing(found, errors), 422
        return self._onward(study, "requests.questions" if found.first else "requests.check")

    def questions(self, study: str) -> ResponseReturnValue:
        """Ask the three questions."""
        return self._questioning(self._asked(study), {}, [], [])

    def take_answers(self, study: str) -> ResponseReturnValue:
        """Take the answers; wrong ones are explained."""
        found, given = self._asked(study), {name: request.form.get(name, "") for name in QUESTIONS}
        empty = [(name, _("Choose yes or no.")) for name in QUESTIONS if not given[name]]
        mistaken = [name for name, right in QUESTIONS.items() if given[name] not in {right, ""}]
        if empty or mistaken:
            return self._questioning(found, given, mistaken, empty), 422
        _remember(study, understood=True)
        return redirect(url_for("requests.check", study=study))

    def check(self, study: str) -> ResponseReturnValue:
        """Show all answers, and the sentences that will be signed."""
        found = self._asked(study)
        terms = self._terms(found)
        sentences, spoken = render(terms, _NO_SALT), terms.language
        return self._page("check", found, 4, sentences=sentences, spoken=spoken, terms=terms.hash().hex())

    def allow(self, study: str) -> ResponseReturnValue:
        """Lead to the signing origin with what was checked; what changed since, as in another tab, is checked again."""
        terms = self._terms(self._asked(study)).hash().hex()
        if request.form.get("terms") != terms:
            flash(_("Your answers have changed. Please check them again."))
            return redirect(url_for("requests.check", study=study))
        draft = {name: chosen for name, chosen in _draft(study).items() if name != "before"}
        state: dict[str, Json] = {"study": study, "draft": draft, "terms": terms}
        return redirect(way_to_sign(self.room, "sign", state))

    def _choosing(self, found: Request, errors: Errors = ()) -> str:
        return self._page("choose", found, 1, chosen=_draft(found.reference.id).get("categories", []), errors=errors)

    def _timing(self, found: Request, errors: Errors = ()) -> str:
        draft = _draft(found.reference.id)
        window = request.form.get("window", draft.get("years", ""))
        end = request.form.get("end", draft.get("months", ""))
        choices = {"windows": windows(found.study, self.room.clock()), "ends": ends(self.room.clock())}
        return self._page("when", found, 2, **choices, window=window, end=end, errors=errors)

    def _questioning(
        self, found: Request, given: Mapping[str, str], mistaken: Sequence[str], errors: Errors
    ) -> str:  # fmt: skip
        return self._page("questions", found, 3, given=given, mistaken=mistaken, errors=errors)

    def _page(self, name: str, found: Request, step: int, **shown: Any) -> str:  # noqa: ANN401  # what a template takes
        """Return a step's page; those who were asked the questions before have a step less."""
        of = 4 if found.first else 3
        changing = request.args.get("change") == "1"
        return render_template(
            f"portal/{name}.html",
            asked=asked(found),
            step=min(step, of),
            of=of,
            changing=changing,
            before=_draft(found.reference.id).get("before", {}),
            **shown,
        )

    def _onward(self, study: str, endpoint: str) -> ResponseReturnValue:
        """Go on, or back to the check for whoever came from there to change one answer."""
        draft = _draft(study)
        complete = bool(draft.get("categories") and draft.get("months")) and request.args.get("change") == "1"
        return redirect(url_for("requests.check" if complete else endpoint, study=study))

    def _asked(self, study: str) -> Request:
        return self.room.asking.request(patient(), study, self.room.clock()) or abort(404)

    def _terms(self, asked: Request) -> Terms:
        """Return the terms of what was chosen; whoever left something out is led back to it."""
        study, draft = asked.reference.id, _draft(asked.reference.id)
        if asked.first and not draft.get("understood"):
            abort(redirect(url_for("requests.questions" if draft.get("months") else "requests.choose", study=study)))
        try:
            return self.room.asking.terms(
                here().subject, asked, choice_of(draft), self.room.clock(), language_of(draft)
            )
        except ChoiceError:
            return abort(redirect(url_for("requests.choose", study=study)))


def choice_of(draft: Mapping[str, Any]) -> Choice:
    """Return what the pages remember of somebody's choice; raise `ChoiceError` where something is left to choose."""
    try:
        categories = frozenset(map(Category, draft["categories"]))
        years = None if draft["years"] == "all" else int(draft["years"])
        return Choice(categories, years, int(draft["months"]))
    except (KeyError, ValueError) as error:
        raise ChoiceError("something is left to choose: go back and choose it") from error


def language_of(draft: Mapping[str, Any]) -> str:
    """Return the language in which somebody chose."""
    return str(draft.get("language", "en"))


def chosen_before(terms: Terms, since: datetime | None) -> dict[str, Json]:
    """Return what somebody chose last time, as the pages name it; "" where none of today's choices is that."""
    years = years_of(terms.window, (since or terms.expires).date())
    lasted = [months for months in MONTHS if since and month_end_after(since, months) == terms.expires]
    return {
        "categories": [category.value for category in sorted(terms.categories)],
        "years": "all" if years is None else str(years),
        "months": str(lasted[0]) if lasted else "",
    }


def _draft(study: str) -> Mapping[str, Any]:
    draft = here().get("draft", {})
    return draft if draft.get("study") == study else {}


def _remember(study: str, **chosen: object) -> None:
    here()["draft"] = {**_draft(study), "study": study, "language": language(), **chosen}
