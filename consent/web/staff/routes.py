"""Putting the staff's views at their paths: each says who may use it, and which limit holds for an address."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint
from flask_limiter import Limiter

from consent.services.desk.callers import Role
from consent.web.routes import Route, route
from consent.web.staff.member import guarded


@dataclass(frozen=True, slots=True)
class StaffRoute:
    """A view at a path under /staff, for those of the roles `who`, or for anybody (None)."""

    who: frozenset[Role] | None
    method: str
    path: str
    view: Callable[..., Any]
    limit: str = ""


def pages(name: str, limiter: Limiter, routes: Iterable[StaffRoute]) -> Blueprint:
    """Return views at their paths."""
    found = Blueprint(name, __name__, url_prefix="/staff")
    placed = (Route(one.method, one.path, guarded(one.view, one.who), one.limit) for one in routes)
    return route(found, placed, limiter)
