"""What somebody wishes to be asked.

| path | does |
| --- | --- |
| `/wishes` | whether one may be counted and asked at all, and which kinds of research never ask |
| `/wishes/again` | takes back a no to one study |
"""

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from consent.domain.research import ResearchKind
from consent.web.guard import patient
from consent.web.room import PortalRoom
from consent.web.routes import Route, route
from consent.web.words import language

KINDS: Final = {
    ResearchKind.HEALTH: (_l("Health and illness"), _l("How people fall ill, and what helps.")),
    ResearchKind.ORIGINS: (_l("Where families come from"), _l("What links people of one family or one region.")),
    ResearchKind.METHODS: (_l("New ways to do research"), _l("Better tools and sums, with records like yours.")),
    ResearchKind.ANY: (_l("Any kind"), _l("What it is used for may change over time.")),
    ResearchKind.PROFIT: (_l("To make money"), _l("By firms, or paid for by them.")),
}
"""A name for each kind of research, and a sentence."""


@dataclass(frozen=True, slots=True)
class WishPages:
    """The pages of wishes."""

    room: PortalRoom

    def blueprint(self) -> Blueprint:
        """Return the pages at their paths."""
        pages = Blueprint("wishes", __name__, url_prefix="/wishes")
        return route(
            pages,
            [
                Route("GET", "", self.index),
                Route("POST", "", self.wish),
                Route("POST", "/again", self.let_ask),
            ],
        )

    def index(self) -> ResponseReturnValue:
        """Show what somebody wishes, and the studies they said no to."""
        subject = patient()
        never = self.room.wishing.never(subject)
        return render_template(
            "portal/wishes.html",
            counted=self.room.asking.is_asked(subject),
            kinds=[(kind.value, words, hint, kind in never) for kind, (words, hint) in KINDS.items()],
            declined=self.room.wishing.declined(subject, language()),
        )

    def wish(self) -> ResponseReturnValue:
        """Take what somebody wishes."""
        subject, now = patient(), self.room.clock()
        asked = {kind: request.form.get(kind.value, "") for kind in KINDS}
        counted = request.form.get("counted", "")
        if counted not in {"yes", "no"} or not set(asked.values()) <= {"ask", "never"}:
            flash(_("Choose one answer for each line."))
            return redirect(url_for("wishes.index"))
        self.room.wishing.wish(subject, [kind for kind, answer in asked.items() if answer == "never"], now)
        if (counted == "yes") is not self.room.asking.is_asked(subject):
            self.room.preferences.prefer([subject], now, counted=counted == "yes")
        flash(_("Saved. It counts from now on."))
        return redirect(url_for("wishes.index"))

    def let_ask(self) -> ResponseReturnValue:
        """Take back a no."""
        self.room.wishing.let_ask(patient(), request.form.get("study", "")[:63])
        flash(_("The study may ask you again."))
        return redirect(url_for("requests.index"))
