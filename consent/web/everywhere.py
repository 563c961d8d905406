"""What every page can say: statuses, categories, days, the telephone, the name of the ledger. English first."""

from typing import Any, Final

from flask import Flask, get_flashed_messages
from flask_babel import get_locale
from flask_babel import lazy_gettext as _

from consent.domain.terms import Category, Operation
from consent.services.portal.overview import Status
from consent.services.portal.sessions import SessionKind
from consent.web.room import PortalRoom
from consent.web.session import here

STATUSES: Final = {
    Status.ON: (_("In use"), "on"),
    Status.SOON: (_("Ends soon"), "soon"),
    Status.HELD: (_("On hold"), "wait"),
    Status.WAITING: (_("Being written down"), "wait"),
    Status.IDLE: (_("Allowed, not used"), "wait"),
    Status.CHANGED: (_("Read it again"), "soon"),
    Status.CLOSED: (_("Study closed"), "off"),
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


def say_everywhere(app: Flask, room: PortalRoom) -> None:
    """Give templates what they say on every page."""

    @app.context_processor
    def _everywhere() -> dict[str, Any]:
        kind = getattr(here(), "kind", None)  # under a host that is not ours there is no session, only a problem
        return {
            "telephone": room.telephone,
            "portal": room.origins.portal,
            "record": _("the public record") if room.public_record else _("the hospital record"),
            "demo": bool(room.demo),
            "signed_in": kind is SessionKind.PATIENT,
            "stopping": kind is SessionKind.STOPPING,
            "said": " ".join(map(str, get_flashed_messages())),
            "language": str(get_locale())[:2],
        }
