"""What every page can say: statuses, categories, days, the telephone, the name of the ledger. English first."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from flask import Flask, request
from flask_babel import format_date, format_datetime, get_locale
from flask_babel import lazy_gettext as _

from consent.domain.terms import Category, Operation
from consent.services.portal.overview import Status
from consent.services.portal.sessions import SessionKind
from consent.web.room import PortalRoom
from consent.web.session import here

STATUSES: Final = {
    Status.ON: (_("In use"), "on"),
    Status.SOON: (_("Ends soon"), "soon"),
    Status.WAITING: (_("Being written down"), "wait"),
    Status.IDLE: (_("Allowed, not used"), "wait"),
    Status.ENDED: (_("Ended"), "off"),
    Status.STOPPED: (_("Stopped"), "off"),
    Status.NEVER: (_("Never started"), "off"),
}
"""A word for each status, and its tone: `on`, `soon`, `wait` or `off`."""
CATEGORIES: Final = {
    Category.DEMOGRAPHICS: _("Age and sex"),
    Category.VITAL_SIGNS: _("Vital signs"),
    Category.LABORATORY: _("Lab results"),
    Category.CONDITIONS: _("Diagnoses"),
    Category.MEDICATIONS: _("Medicines"),
    Category.PROCEDURES: _("Procedures"),
    Category.IMAGING: _("Images"),
    Category.GENOMICS: _("Gene tests"),
    Category.SOCIAL_HISTORY: _("Social history"),
    Category.SURVEYS: _("Forms and scores"),
    Category.ASSESSMENTS: _("What doctors think"),
    Category.OUTCOMES: _("Survival"),
    Category.NOTES: _("Notes by doctors"),
    Category.ENCOUNTERS: _("Visits and stays"),
    Category.CARE_PLANS: _("Care plans"),
}
OPERATIONS: Final = {
    Operation.TRAIN: _("teach a computer to see risks"),
    Operation.PREDICT: _("work out your own risk"),
    Operation.EXPORT: _("get a copy"),
}


def words(app: Flask, room: PortalRoom) -> None:
    """Give templates what they say on every page, and the filters `day`, `moment`, `category`, `status`."""

    @app.context_processor
    def _everywhere() -> dict[str, Any]:
        kind = here().kind
        return {
            "telephone": room.telephone,
            "portal": room.origins.portal,
            "record": _("the public record") if room.public_record else _("the hospital record"),
            "demo": bool(room.demo),
            "signed_in": kind is SessionKind.PATIENT,
            "here": request.endpoint,
            "language": str(get_locale()),
            "statuses": STATUSES,
            "categories": CATEGORIES,
            "operations": OPERATIONS,
        }

    app.jinja_env.globals["asset"] = _assets(app)
    app.jinja_env.filters |= {"day": day, "moment": moment}


def _assets(app: Flask) -> Callable[[str], str]:
    """Return what gives a static file's path with the hash of its content, so that browsers may keep it for good."""

    @cache
    def asset(name: str) -> str:
        content = (Path(str(app.static_folder)) / name).read_bytes()
        return f"/static/{name}?v={sha256(content).hexdigest()[:16]}"

    return asset


def day(value: date | datetime | None) -> str:
    """Write a day out."""
    return "" if value is None else format_date(value, "d MMMM yyyy")


def moment(value: datetime | None) -> str:
    """Write a moment out, in UTC."""
    return "" if value is None else f"{format_datetime(value.astimezone(UTC), 'd MMMM yyyy, HH:mm')} UTC"
