"""Receipts: one's own, to print and to keep, and the check of one by anybody.

| path | does |
| --- | --- |
| `/receipts` | lists one's receipts |
| `/receipts/<index>`, `.json`, `/evidence.zip` | one of them to print, to keep, and with its proof |
| `/check` | checks a receipt; needs no session and sets no cookie |
"""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import segno
from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_limiter import Limiter
from flask_wtf import CSRFProtect

from consent.domain.hashing import canonical_json
from consent.domain.receipt import Receipt
from consent.services.portal.receipts import LONGEST, Kept
from consent.web.guard import patient
from consent.web.problems import Refusal
from consent.web.room import PortalRoom
from consent.web.routes import Route, route

PAGE: Final = 25
"""Receipts on one page."""
ACTS: Final = {"grant": _l("You allowed a study"), "stop": _l("Sharing was stopped"), "erase": _l("Erasure")}
SAID: Final = {
    "grant": _l("A patient allowed a study to use records."),
    "stop": _l("A patient's records may no longer be used by a study."),
    "erase": _l("A patient's records are being erased, or were."),
}
"""What a receipt proves, to whoever checks it."""
FINDINGS: Final = {
    "form": (_l("It is a whole receipt."), _l("This is not a receipt, or a part of it is missing.")),
    "origin": (_l("It is from this hospital."), _l("It is from another place. Check it there.")),
    "signature": (_l("This hospital wrote it, and not a letter was changed."), _l("It was changed, or it is made up.")),
    "entry": (_l("The log has it at this very place."), _l("The log has something else at this place.")),
    "act": (_l("The log says the same."), _l("The log says something else.")),
}
"""What each thing that is looked at means where it holds, and where it does not."""


@dataclass(frozen=True, slots=True)
class ReceiptPages:
    """The pages of receipts."""

    room: PortalRoom

    def blueprint(self, limiter: Limiter, protect: CSRFProtect) -> Blueprint:
        """Return the pages at their paths."""
        pages = Blueprint("receipts", __name__)
        route(
            pages,
            [
                Route("GET", "/receipts", self.index),
                Route("GET", "/receipts/<int:index>", self.one),
                Route("GET", "/receipts/<int:index>.json", self.as_json),
                Route("GET", "/receipts/<int:index>/evidence.zip", self.evidence),
                Route("GET", "/check", self.ask),
            ],
        )
        # It changes nothing and knows nobody: a form on another page can at most have a receipt checked.
        checks = Blueprint("checks", __name__)
        protect.exempt(route(checks, [Route("POST", "/check", self.check, "60 per minute")], limiter))
        pages.register_blueprint(checks)
        return pages

    def index(self) -> ResponseReturnValue:
        """List one's receipts, a page at a time."""
        before = request.args.get("before", None, int)
        kept, older = self.room.receipts.page(patient(), before, PAGE)
        rows = [(one, str(ACTS[one.receipt.action]), _time(one.receipt)) for one in kept]
        return render_template("portal/receipts.html", rows=rows, older=older, first=before is None)

    def one(self, index: int) -> ResponseReturnValue:
        """Show one receipt, to print."""
        kept = self._own(index)
        receipt = kept.receipt
        return render_template(
            "portal/receipt.html",
            kept=kept,
            act=str(ACTS[receipt.action]),
            at=_time(receipt),
            by=_("You") if receipt.by == "patient" else _("The hospital"),
            drawing=drawing_of(self.room, receipt),
            check=f"{self.room.origins.portal}/check",
            fields=list(receipt.to_json().items()),
        )

    def as_json(self, index: int) -> ResponseReturnValue:
        """Hand out a receipt as JSON."""
        receipt = json.dumps(self._own(index).receipt.to_json(), indent=2) + "\n"
        return _file(receipt.encode(), "application/json", f"receipt-{index}.json")

    def evidence(self, index: int) -> ResponseReturnValue:
        """Hand out a receipt with its entry and the proof that the log has it."""
        found = self.room.receipts.evidence(self._own(index).receipt, self.room.clock())
        if found is None:
            raise Refusal(HTTPStatus.NOT_FOUND, _("The proof is not ready yet. Try again in an hour."))
        return _file(found, "application/zip", f"evidence-{index}.zip")

    def ask(self) -> ResponseReturnValue:
        """Ask for a receipt."""
        return render_template("portal/check_receipt.html")

    def check(self) -> ResponseReturnValue:
        """Say what holds of a receipt."""
        file = request.files.get("file")
        brought = file.read(LONGEST + 1) if file and file.filename else request.form.get("receipt", "").encode()
        checked = self.room.receipts.check(brought.strip())
        findings = [(str(FINDINGS[name][not holds]), holds) for name, holds in checked.findings]
        shown = checked.receipt if checked.holds else None
        return render_template(
            "portal/check_receipt.html",
            findings=findings,
            holds=checked.holds,
            receipt=shown,
            what=shown and str(SAID[shown.action]),
            at=shown and _time(shown),
        )

    def _own(self, index: int) -> Kept:
        return self.room.receipts.one(patient(), index) or abort(404)


def drawing_of(room: PortalRoom, receipt: Receipt) -> str:
    """Return a QR square that leads to the check of a receipt, as a data URI; what it holds stands behind the #."""
    held = base64.urlsafe_b64encode(canonical_json(receipt.to_json())).decode().rstrip("=")
    return segno.make(f"{room.origins.portal}/check#{held}", error="l").svg_data_uri(scale=3, border=2, light="white")


def _time(receipt: Receipt) -> datetime:
    return datetime.fromtimestamp(receipt.time, UTC)


def _file(content: bytes, mimetype: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, mimetype=mimetype, headers=headers)
