"""One's own records.

| path | shows |
| --- | --- |
| `/records` | how many there are of each kind, and who can see that kind now; opens none |
| `/records/<kind>` | those of one kind, a page at a time |
| `/records/<kind>/<record>` | one of them |
| `/records/download`, `/records/download/<ticket>` | leads to signing, and comes back with a copy |
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Final

from flask import Blueprint, Response, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from consent.domain.request_file import RequestFile
from consent.domain.terms import Category
from consent.services.access import BlockedPersonError
from consent.services.portal.overview import OPEN
from consent.services.portal.own_records import OwnRecord
from consent.services.portal.plain_records import PlainRecord
from consent.web.everywhere import CATEGORIES
from consent.web.guard import patient, require_get
from consent.web.one_act import way_to_sign
from consent.web.room import PortalRoom
from consent.web.routes import Route, route
from consent.web.session import here

PAGE: Final = 25
"""Records on one page."""
NAMES: Final = {
    "birthDate": _l("Born"),
    "gender": _l("Sex"),
    "deceasedDateTime": _l("Died"),
    "": _l("Result"),
    "code": _l("Code"),
    "when": _l("When"),
}
"""What values are called that carry no name of their own."""
KINDS: Final = {
    "Patient": _l("Who you are"),
    "Observation": _l("A finding"),
    "Condition": _l("A diagnosis"),
    "MedicationRequest": _l("A medicine"),
    "Procedure": _l("A procedure"),
    "Encounter": _l("A visit"),
    "DocumentReference": _l("A document"),
    "CarePlan": _l("A care plan"),
    "ImagingStudy": _l("Images"),
}
"""What a record is called that says nothing of itself, by its FHIR resource type."""


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """One record on a page; each part is title, day and (name, value) of what was found. `replaced` counts versions."""

    id: str
    parts: Sequence[tuple[str, date | None, Sequence[tuple[str, str]]]]
    replaced: int
    raw: Sequence[str]


@dataclass(frozen=True, slots=True)
class RecordPages:
    """The pages of one's own records."""

    room: PortalRoom

    def blueprint(self) -> Blueprint:
        """Return the pages at their paths."""
        pages = Blueprint("records", __name__, url_prefix="/records")
        return route(
            pages,
            [
                Route("GET", "", self.index),
                Route("POST", "/download", self.ask_download),
                Route("GET", "/ready/<ticket>", self.ready),
                Route("GET", "/download/<ticket>", self.download),
                Route("GET", "/<kind>", self.kind),
                Route("GET", "/<kind>/<record>", self.one),
            ],
        )

    def index(self) -> ResponseReturnValue:
        """Show how many records there are of each kind, and who can see them now."""
        subject, now = patient(), self.room.clock()
        counts = self.room.own_view.counts(subject)
        given = [one for one in self.room.overview.running(subject, now).given if one.status in OPEN]
        kinds = [
            (kind.value, str(words), counts[kind], sorted({one.title for one in given if kind in one.categories}))
            for kind, words in CATEGORIES.items()
            if kind in counts
        ]
        trouble = self.room.overview.trouble(now) is not None
        return render_template("portal/records.html", kinds=kinds, trouble=trouble)

    def kind(self, kind: str) -> ResponseReturnValue:
        """List the records of one kind."""
        category = _category(kind)
        try:
            found = self.room.own_view.records(patient(), category, self.room.clock())
        except BlockedPersonError:
            abort(410)
        pages = max(1, -(-len(found) // PAGE))
        page = min(max(1, request.args.get("page", 1, int)), pages)
        shown = [_shown(one) for one in found[(page - 1) * PAGE : page * PAGE]]
        title = str(CATEGORIES[category])
        return render_template(
            "portal/kind.html", kind=kind, title=title, records=shown, total=len(found), page=page, pages=pages
        )

    def one(self, kind: str, record: str) -> ResponseReturnValue:
        """Show one record, which alone is opened."""
        category = _category(kind)
        try:
            found = self.room.own_view.record(patient(), category, record, self.room.clock())
        except BlockedPersonError:
            abort(410)
        shown, file = found or abort(404)
        title = str(CATEGORIES[category])
        return render_template("portal/record.html", kind=kind, title=title, record=_shown(shown), file=file)

    def ask_download(self) -> ResponseReturnValue:
        """Lead to where a copy of everything is asked for with one's key."""
        patient()
        return redirect(way_to_sign(self.room, "request", {"action": "access"}))

    def ready(self, ticket: str) -> ResponseReturnValue:
        """Lead to the copy that was signed for; nothing is opened before it is asked for here."""
        patient()
        return render_template("portal/copy_ready.html", ticket=ticket)

    def download(self, ticket: str) -> ResponseReturnValue:
        """Hand out a copy of everything, once for each request that was signed."""
        require_get()
        subject = patient()
        taken = self.room.sessions.take(ticket, self.room.clock())
        if taken is None or taken.purpose != "asked" or taken.session != here().browser.digest:
            abort(410)
        if taken.subject != subject:
            abort(403)
        try:
            pieces = self.room.own_records.bundle(RequestFile.from_json(taken.state))
            first = next(pieces)
        except BlockedPersonError:
            abort(410)
        headers = {"Content-Disposition": 'attachment; filename="my-records.json"'}
        return Response(chain([first], pieces), mimetype="application/fhir+json", headers=headers)


def _category(name: str) -> Category:
    return Category(name) if name in set(Category) else abort(404)


def _shown(record: OwnRecord) -> ShownRecord:
    return ShownRecord(
        id=record.id,
        parts=[_part(one) for one in record.resources],
        replaced=record.version - 1,
        raw=[json.dumps(one.raw, indent=2, ensure_ascii=False) for one in record.resources],
    )


def _part(one: PlainRecord) -> tuple[str, date | None, Sequence[tuple[str, str]]]:
    title = one.title or str(KINDS.get(one.kind, one.kind))
    return title, one.day, [(str(NAMES.get(name, name)), value) for name, value in one.values]
