"""Consents: which there are, what one of them says from each side, how two differ, and all of them as FHIR.

| path | does |
| --- | --- |
| `/staff/audit/consents` | lists and finds them |
| `/staff/audit/consents/export` | gives them out as FHIR R4, and says so in the log |
| `/staff/audit/consents/diff` | compares two, field by field |
| `/staff/audit/consents/<consent>` | shows log, database, what was signed and chain side by side |

Whoever looks at what was signed writes an entry with it.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter

from consent.services.console.consents import compared
from consent.services.console.sides import state_of
from consent.services.granting import UnknownConsentError
from consent.web.staff.audit_asked import is_beginning, is_id, is_study, whole
from consent.web.staff.audit_room import as_file, looker
from consent.web.staff.audit_sides import table
from consent.web.staff.member import MEMBERS
from consent.web.staff.room import StaffRoom
from consent.web.staff.routes import StaffRoute, pages

PAGE: Final = 50
_NO_BEGINNING: Final = "Write how a pseudonym or a consent's number begins: 0 to 9 and a to f."
_NO_STUDY: Final = "Write a study's id: small letters, digits and hyphens."
_NO_CONSENT: Final = "Write a consent's whole number: 32 characters, 0 to 9 and a to f."
_UNKNOWN: Final = "There is no such consent. Find it in the list first."


@dataclass(frozen=True, slots=True)
class ConsentPages:
    """The consents."""

    room: StaffRoom

    def blueprint(self, limiter: Limiter) -> Blueprint:
        """Return the pages at their paths."""
        return pages(
            "audit_consents",
            limiter,
            [
                StaffRoute(MEMBERS, "GET", "/audit/consents", self.index),
                StaffRoute(MEMBERS, "POST", "/audit/consents/export", self.export, "6 per minute"),
                StaffRoute(MEMBERS, "GET", "/audit/consents/diff", self.diff),
                StaffRoute(MEMBERS, "GET", "/audit/consents/<consent>", self.one),
            ],
        )

    def index(self) -> ResponseReturnValue:
        """List consents, the newest first."""
        search, study = request.args.get("search", "").strip().lower(), request.args.get("study", "").strip()
        errors = [("search", _NO_BEGINNING)] if not is_beginning(search) else []
        errors += [("study", _NO_STUDY)] if study and not is_study(study) else []
        if errors:
            page = render_template("staff/audit/consents.html", found=None, errors=errors, typed={}, older="")
            return page, HTTPStatus.UNPROCESSABLE_ENTITY
        before = whole(request.args.get("before", ""))
        found, typed = self.room.console.consents.page(search, study, before, PAGE), {"search": search, "study": study}
        named = {name: value for name, value in typed.items() if value}
        older = f"?{urlencode({**named, 'before': found.older})}" if found.older is not None else ""
        return render_template("staff/audit/consents.html", found=found, errors=(), typed=named, older=older)

    def export(self) -> ResponseReturnValue:
        """Give all consents that open out as lines of FHIR."""
        study = request.form.get("study", "")
        if study and not is_study(study):
            abort(HTTPStatus.UNPROCESSABLE_ENTITY)
        lines = self.room.console.giving_out.consents(looker(), study)
        response = Response(lines, content_type="application/fhir+ndjson")
        return as_file(response, "consentry-consents.ndjson")

    def one(self, consent: str) -> ResponseReturnValue:
        """Show one consent from each side."""
        if not is_id(consent):
            abort(HTTPStatus.NOT_FOUND)
        [found] = self.room.console.consents.look(looker(), consent)
        stands = state_of(found.sides, self.room.console.reconciling.now())
        return render_template("staff/audit/consent.html", found=found, stands=stands, table=table(found))

    def diff(self) -> ResponseReturnValue:
        """Compare two consents, or ask for them."""
        typed = {name: request.args.get(name, "").strip().lower() for name in ("a", "b")}
        if not any(typed.values()):
            return self._asking(typed, [])
        wrong = [(name, _NO_CONSENT) for name, value in typed.items() if not is_id(value)]
        if wrong:
            return self._asking(typed, wrong), HTTPStatus.UNPROCESSABLE_ENTITY
        try:
            one, other = self.room.console.consents.look(looker(), typed["a"], typed["b"])
        except UnknownConsentError:
            return self._asking(typed, [("a", _UNKNOWN)]), HTTPStatus.UNPROCESSABLE_ENTITY
        signed = one.sides.signed, other.sides.signed
        changes = compared(signed[0].terms, signed[1].terms) if signed[0] and signed[1] else None
        return render_template("staff/audit/diff.html", typed=typed, one=one, other=other, changes=changes, errors=())

    def _asking(self, typed: dict[str, str], errors: list[tuple[str, str]]) -> str:
        kept = {name: value if is_id(value) else "" for name, value in typed.items()}
        return render_template("staff/audit/diff.html", typed=kept, changes=None, one=None, errors=errors)
