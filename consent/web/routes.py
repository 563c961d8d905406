"""Putting views at their paths, with the limits that hold for each address and minute."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint
from flask_limiter import Limiter


@dataclass(frozen=True, slots=True)
class Route:
    """A view at a path. `limit` are rates for one caller's address, `each` rates for each value of something else."""

    method: str
    path: str
    view: Callable[..., Any]
    limit: str = ""
    each: Sequence[tuple[str, Callable[[], str]]] = ()


def route(pages: Blueprint, routes: Iterable[Route], limiter: Limiter | None = None) -> Blueprint:
    """Put views at their paths and return the blueprint."""
    for one in routes:
        view: Callable[..., Any] = one.view
        if limiter is not None:
            view = limiter.limit(one.limit)(view) if one.limit else view
            for rate, key in one.each:
                view = limiter.limit(rate, key_func=key)(view)
        pages.add_url_rule(one.path, one.view.__name__, view, methods=[one.method])
    return pages
