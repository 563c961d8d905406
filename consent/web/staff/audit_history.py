"""What happened: the log with filters, one entry with its proof, and the log as a file.

| path | does |
| --- | --- |
| `/staff/audit/history` | lists entries, the newest first |
| `/staff/audit/history/export` | gives them out as CSV or NDJSON, and says so in the log |
| `/staff/audit/entry/<index>` | shows one entry, and how it is proven |
"""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter

from consent.web.staff.audit_asked import Asked, asked_filter, whole
from consent.web.staff.audit_room import as_file, looker
from consent.web.staff.audit_words import ACTIONS
from consent.web.staff.member import MEMBERS
from consent.web.staff.room import StaffRoom
from consent.web.staff.routes import StaffRoute, pages

PAGE: Final = 50
FORMS: Final = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class HistoryPages:
    """The log."""

    room: StaffRoom

    def blueprint(self, limiter: Limiter) -> Blueprint:
        """Return the pages at their paths."""
        return pages(
            "audit_history",
            limiter,
            [
                StaffRoute(MEMBERS, "GET", "/audit/history", self.index),
                StaffRoute(MEMBERS, "POST", "/audit/history/export", self.export, "10 per minute"),
                StaffRoute(MEMBERS, "GET", "/audit/entry/<int:index>", self.one),
            ],
        )

    def index(self) -> ResponseReturnValue:
        """List entries that are wanted."""
        asked = asked_filter(request.args)
        if asked.errors:
            return self._page(asked, None), HTTPStatus.UNPROCESSABLE_ENTITY
        return self._page(asked, whole(request.args.get("before", "")))

    def export(self) -> ResponseReturnValue:
        """Give the entries that are wanted out as a file."""
        asked, form = asked_filter(request.form), request.form.get("format", "")
        if asked.errors or form not in FORMS:
            abort(HTTPStatus.UNPROCESSABLE_ENTITY)
        pieces = self.room.console.giving_out.entries(looker(), asked.filter, form)
        return as_file(Response(pieces, content_type=FORMS[form]), f"consentry-history.{form}")

    def one(self, index: int) -> ResponseReturnValue:
        """Show one entry, and compute its proof again."""
        row = self.room.console.history.entry(index)
        if row is None:
            abort(HTTPStatus.NOT_FOUND)
        placed = self.room.console.proving.of(row.entry)
        told = json.dumps(row.body, indent=2, ensure_ascii=False)
        return render_template("staff/audit/entry.html", row=row, placed=placed, told=told)

    def _page(self, asked: Asked, before: int | None) -> str:
        found = None if asked.errors else self.room.console.history.page(asked.filter, before, PAGE)
        typed = {name: value for name, value in asked.typed.items() if value}
        older = f"?{urlencode({**typed, 'before': found.older})}" if found and found.older is not None else ""
        return render_template(
            "staff/audit/history.html",
            found=found,
            typed=typed,
            errors=asked.errors,
            actions=ACTIONS,
            older=older,
            first=before is None,
        )
