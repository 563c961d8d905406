"""What happened to one's records, and saying that a line looks wrong.

| path | does |
| --- | --- |
| `/activity` | lists what happened, the newest first |
| `/activity/<index>` | shows one line |
| `/activity/<index>/wrong` | says that it looks wrong |
"""

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from consent.domain.terms import SubjectId
from consent.services.portal.activity import Line, Shown
from consent.services.portal.reporting import LONGEST, ReportError
from consent.web.guard import patient
from consent.web.lines import FILTERS, technical, told
from consent.web.room import PortalRoom
from consent.web.routes import Route, route
from consent.web.words import language

PAGE: Final = 25
"""Lines on one page."""


@dataclass(frozen=True, slots=True)
class ActivityPages:
    """The pages of activity."""

    room: PortalRoom

    def blueprint(self) -> Blueprint:
        """Return the pages at their paths."""
        pages = Blueprint("activity", __name__, url_prefix="/activity")
        return route(
            pages,
            [
                Route("GET", "", self.index),
                Route("GET", "/<int:index>", self.one),
                Route("POST", "/<int:index>/wrong", self.report),
            ],
        )

    def index(self) -> ResponseReturnValue:
        """List what happened, a page at a time."""
        subject, shown, before = patient(), _shown(), request.args.get("before", None, int)
        page = self.room.activity.page(subject, shown, before, PAGE, language())
        reports = self.room.reporting.about(subject, [line.index for line in page.lines])
        return render_template(
            "portal/activity.html",
            lines=[told(line, reports.get(line.index)) for line in page.lines],
            filters=[(name.value, str(words), name is shown) for name, words in FILTERS.items()],
            shown=shown.value,
            older=page.older,
            first=before is None,
        )

    def one(self, index: int) -> ResponseReturnValue:
        """Show one line."""
        return self._page(patient(), index)

    def report(self, index: int) -> ResponseReturnValue:
        """Take that it looks wrong."""
        subject, text = patient(), request.form.get("text", "")
        if len(text) > LONGEST * 2:  # line breaks count twice in forms
            return self._page(subject, index, _("Write less, please.")), 422
        self._own(subject, index)
        try:
            report = self.room.reporting.report(subject, index, text, self.room.clock())
        except ReportError:
            wrong = _("This could not be kept. Write less, in plain lines, or call us.")
            return self._page(subject, index, wrong), 422
        flash(_("We look into it. Your number is %(number)s. The answer will stand here.", number=report.number))
        return redirect(url_for("activity.one", index=index))

    def _page(self, subject: SubjectId, index: int, wrong: str = "") -> str:
        line = self._own(subject, index)
        report = self.room.reporting.about(subject, [index]).get(index)
        errors = [("text", wrong)] if wrong else []
        return render_template(
            "portal/line.html", line=told(line, report), technical=technical(line), errors=errors, longest=LONGEST
        )

    def _own(self, subject: SubjectId, index: int) -> Line:
        return self.room.activity.line(subject, index, language()) or abort(404)


def _shown() -> Shown:
    wanted = request.args.get("show", Shown.ALL.value)
    return Shown(wanted) if wanted in set(Shown) else Shown.ALL
