"""The auditors' other pages, a question each.

| path | answers |
| --- | --- |
| `/staff/audit` | where to begin, and how things are |
| `/staff/audit/as-of` | what a study could read on a day |
| `/staff/audit/reconcile` | whether database, signed payload and chain agree |
| `/staff/audit/models`, `/staff/audit/models/<model>` | whose consents a model stands on |
| `/staff/audit/checkpoints` | what was signed, by whom, and how late it was anchored |
| `/staff/audit/erasures` | how far erasures are |
| `/staff/audit/findings` | all checks that need no bundle, to print |
"""

import re
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Final

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter

from consent.services.console.as_of import AsOf
from consent.web.staff.audit_asked import NO_DAY, as_day, end_of, whole
from consent.web.staff.member import MEMBERS
from consent.web.staff.room import StaffRoom
from consent.web.staff.routes import StaffRoute, pages

PEOPLE: Final = 100
CHECKPOINTS: Final = 25
_MODEL: Final = re.compile(r"[0-9a-f]{64}")
_NOT_YET: Final = "This day has not come yet. Choose today, or a day of the past."
_NO_STUDY: Final = "Choose one of the studies that were approved."


@dataclass(frozen=True, slots=True)
class AuditPages:
    """A page for each question."""

    room: StaffRoom

    def blueprint(self, limiter: Limiter) -> Blueprint:
        """Return the pages at their paths."""
        return pages(
            "audit",
            limiter,
            [
                StaffRoute(MEMBERS, "GET", "/audit", self.index),
                StaffRoute(MEMBERS, "GET", "/audit/as-of", self.as_of),
                StaffRoute(MEMBERS, "GET", "/audit/reconcile", self.reconcile, "12 per minute"),
                StaffRoute(MEMBERS, "GET", "/audit/models", self.models, "30 per minute"),
                StaffRoute(MEMBERS, "GET", "/audit/models/<model>", self.model),
                StaffRoute(MEMBERS, "GET", "/audit/checkpoints", self.checkpoints),
                StaffRoute(MEMBERS, "GET", "/audit/erasures", self.erasures),
                StaffRoute(MEMBERS, "GET", "/audit/findings", self.findings),
                StaffRoute(MEMBERS, "POST", "/audit/findings", self.find, "6 per minute"),
            ],
        )

    def index(self) -> ResponseReturnValue:
        """Say where to begin."""
        page = self.room.console.checkpoints.page(None, 1)
        open_ones = [one for one, comes in self.room.console.erasures.standing() if comes is not None]
        given = self.room.console.consents.page("", "", None, 1).total
        size = page.anchored.size + page.anchored.behind
        return render_template("staff/audit/index.html", page=page, size=size, given=given, erasing=len(open_ones))

    def as_of(self) -> ResponseReturnValue:
        """Say what a study could read on a day."""
        past, today = self.room.console.past, self.room.clock().date()
        studies = past.studies()
        typed = {name: request.args.get(name, "").strip() for name in ("study", "day")}
        if not any(typed.values()):
            return self._asking({"day": today.isoformat()}, studies, [])
        day = as_day(typed["day"])
        errors = [("study", _NO_STUDY)] if typed["study"] not in studies else []
        errors += [("day", NO_DAY)] if day is None else [("day", _NOT_YET)] if day > today else []
        if errors or day is None:
            return self._asking(typed, studies, errors), HTTPStatus.UNPROCESSABLE_ENTITY
        now = int(self.room.clock().timestamp())
        found = past.at(typed["study"], min(end_of(day), now))
        return self._answered(typed, studies, found, day)

    def _answered(self, typed: dict[str, str], studies: list[str], found: AsOf, day: date) -> str:
        page, last = whole(request.args.get("page", "")) or 1, max(1, -(-len(found.readable) // PEOPLE))
        shown = found.readable[(page - 1) * PEOPLE : page * PEOPLE]
        return render_template(
            "staff/audit/as_of.html",
            typed=typed,
            studies=studies,
            errors=(),
            found=found,
            shown=shown,
            page=page,
            last=last,
            today=day == self.room.clock().date(),
        )

    def _asking(self, typed: dict[str, str], studies: list[str], errors: list[tuple[str, str]]) -> str:
        kept = {"study": typed.get("study", ""), "day": typed["day"] if as_day(typed.get("day", "")) else ""}
        return render_template("staff/audit/as_of.html", typed=kept, studies=studies, errors=errors, found=None)

    def reconcile(self) -> ResponseReturnValue:
        """Hold all sides of all consents against each other."""
        return render_template("staff/audit/reconcile.html", found=self.room.console.reconciling.all())

    def models(self) -> ResponseReturnValue:
        """List models with the consents under them."""
        return render_template("staff/audit/models.html", models=self.room.console.foundations.all())

    def model(self, model: str) -> ResponseReturnValue:
        """Show whose consents one model stands on."""
        found = self.room.console.foundations.of_model(model) if _MODEL.fullmatch(model) else None
        if found is None:
            abort(HTTPStatus.NOT_FOUND)
        page, last = whole(request.args.get("page", "")) or 1, max(1, -(-len(found.living) // PEOPLE))
        rows = sorted(found.living, key=lambda row: (row.state == "in-force", row.subject))
        shown = rows[(page - 1) * PEOPLE : page * PEOPLE]
        return render_template("staff/audit/model.html", model=found, rows=shown, page=page, last=last)

    def checkpoints(self) -> ResponseReturnValue:
        """List what was signed of the log."""
        proven = request.args.get("only") == "proven"
        before = whole(request.args.get("before", ""))
        found = self.room.console.checkpoints.page(before, CHECKPOINTS, proven=proven)
        return render_template("staff/audit/checkpoints.html", found=found, proven=proven, first=before is None)

    def erasures(self) -> ResponseReturnValue:
        """List erasures, those that are under way first."""
        console = self.room.console
        anchored = console.checkpoints.page(None, 0).anchored.size
        standing = console.erasures.standing(anchored)
        steps = console.reconciling.chronicle.erasing
        ordered = sorted(standing, key=lambda one: (one[1] is None, -one[0].asked_at))
        return render_template(
            "staff/audit/erasures.html", erasures=ordered, steps=steps, holds=console.erasures.holds()
        )

    def findings(self) -> ResponseReturnValue:
        """Ask before everything is checked: it reads the whole log."""
        return render_template("staff/audit/findings.html", findings=None)

    def find(self) -> ResponseReturnValue:
        """Check everything that needs no bundle."""
        found, now = list(self.room.console.findings.all()), int(self.room.clock().timestamp())
        identity = self.room.console.proving.identity
        return render_template("staff/audit/findings.html", findings=found, now=now, identity=identity)
