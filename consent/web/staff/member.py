"""Who of the staff asks: looked up at every request, whatever a session remembers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

from flask import Flask, abort, g, redirect, request
from flask.typing import ResponseReturnValue

from consent.services.desk.callers import STAFF_ROLES, Role
from consent.services.portal.sessions import SessionKind
from consent.web.session import here
from consent.web.staff.room import StaffRoom

SIGN_IN: Final = "/staff/sign-in"
ANYBODY: Final = None
MEMBERS: Final = STAFF_ROLES
OPERATORS: Final = frozenset({Role.OPERATOR})
"""Who may use a route."""
NAME: Final = "name"
"""Under which a session remembers who signed in."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who is on the staff now; `since` is when they signed in, in Unix seconds."""

    name: str
    role: Role
    since: int

    @property
    def operates(self) -> bool:
        """Whether they may decide, or only look."""
        return self.role is Role.OPERATOR


def member() -> Member:
    """Return who asks; only where the route is not for anybody."""
    found: Member = g.member
    return found


def recognise(app: Flask, room: StaffRoom) -> None:
    """Look at each request who asks; the session of somebody who is on the staff no longer ends there and then."""

    @app.before_request
    def _recognise() -> ResponseReturnValue | None:
        g.member = None
        if getattr(here(), "kind", None) is not SessionKind.STAFF:  # under a host that is not ours there is no session
            return None
        name = str(here().get(NAME, ""))
        role = room.staff.standing(name)
        if role is None:
            here().ended = True
            return _shut_out()
        g.member = Member(name, role, here().browser.created)
        return None


def guarded(view: Callable[..., Any], who: frozenset[Role] | None) -> Callable[..., Any]:
    """Return a view that answers those of these roles alone."""

    @wraps(view)
    def guard(**parts: object) -> ResponseReturnValue:
        found: Member | None = g.member
        if who is not None and found is None:
            return _shut_out()
        if who is not None and found is not None and found.role not in who:
            abort(403)
        answer: ResponseReturnValue = view(**parts)
        return answer

    return guard


def _shut_out() -> ResponseReturnValue:
    return redirect(SIGN_IN) if request.method in {"GET", "HEAD"} else abort(403)
