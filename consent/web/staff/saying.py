"""What every page of the staff's can say: who is signed in, what just happened, days and times."""

from datetime import UTC, datetime
from typing import Any

from flask import Flask, g, get_flashed_messages

from consent.domain.wording import ENGLISH
from consent.web.session import PageSession, here
from consent.web.staff.audit_words import AUDIT


def say_everywhere(app: Flask) -> None:
    """Give templates what they say on every page."""
    app.add_template_filter(day)
    app.add_template_filter(moment)
    for name, words in AUDIT.items():
        app.add_template_filter(words, name)

    @app.context_processor
    def _everywhere() -> dict[str, Any]:
        # Under a host that is not ours there is no session, only a problem.
        has_session = isinstance(here(), PageSession)
        said = " ".join(map(str, get_flashed_messages())) if has_session else ""
        return {"member": g.get("member"), "said": said}


def day(time: int) -> str:
    """Return a day as people write it: 26 November 2026."""
    return ENGLISH.day_of(datetime.fromtimestamp(time, UTC).date())


def moment(time: int) -> str:
    """Return a day and a time of day: 26 November 2026, 14:05 UTC."""
    return f"{day(time)}, {datetime.fromtimestamp(time, UTC):%H:%M} UTC"
