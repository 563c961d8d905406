"""What the auditors' pages share: who looks, and giving a file out."""

from flask import Response

from consent.services.console.looking import Looker
from consent.web.staff.member import member


def looker() -> Looker:
    """Return who asks, as the log calls them."""
    found = member()
    return Looker(found.name, found.role)


def as_file(response: Response, name: str) -> Response:
    """Let a browser keep an answer as a file."""
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
