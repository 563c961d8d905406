"""`/staff/token`: a token for the API, for a working day at most. It is shown once, to who signed in just now."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter

from consent.services.desk.callers import SCOPES_OF, Role, Scope
from consent.services.desk.tokens import Granted
from consent.web.staff.member import MEMBERS, SIGN_IN, member
from consent.web.staff.room import StaffRoom
from consent.web.staff.routes import StaffRoute, pages

HOURS: Final = (1, 2, 4, 8)
FRESH_SECONDS: Final = 600
"""How long after a touch of the passkey a token is given: it lasts longer than a page that was left open."""
_ALLOWS: Final = {
    Scope.OPERATE: "approve, refuse and close studies",
    Scope.AUDIT: "read all studies, their requests and what was answered",
    Scope.MODELS: "read all models, their cards and manifests",
}


@dataclass(frozen=True, slots=True)
class TokenPages:
    """The page on which a member of the staff takes a token."""

    room: StaffRoom

    def blueprint(self, limiter: Limiter) -> Blueprint:
        """Return the page at its path."""
        return pages(
            "tokens",
            limiter,
            [
                StaffRoute(MEMBERS, "GET", "/token", self.ask),
                StaffRoute(MEMBERS, "POST", "/token", self.give, "10 per minute"),
            ],
        )

    def ask(self) -> ResponseReturnValue:
        """Ask for how long."""
        return self._page() if self._is_fresh() else _sign_in_again()

    def give(self) -> ResponseReturnValue:
        """Give a token, and show it this once."""
        if not self._is_fresh():
            return _sign_in_again()
        hours = next((one for one in HOURS if str(one) == request.form.get("hours")), None)
        if hours is None:
            wrong = "Choose for how many hours the token is to last."
            return self._page([("hours", wrong)]), HTTPStatus.UNPROCESSABLE_ENTITY
        return self._page(granted=self.room.tokens.staff(member().name, member().role, hours * 3600))

    def _page(self, errors: list[tuple[str, str]] | None = None, granted: Granted | None = None) -> str:
        return render_template(
            "staff/token.html",
            hours=HOURS,
            allows=_allows(member().role),
            errors=errors or (),
            granted=granted,
            api=self.room.origin,
        )

    def _is_fresh(self) -> bool:
        return int(self.room.clock().timestamp()) - member().since <= FRESH_SECONDS


def _allows(role: Role) -> list[str]:
    """Return what a token of a role lets one do."""
    return [words for scope, words in _ALLOWS.items() if scope in SCOPES_OF[role]]


def _sign_in_again() -> ResponseReturnValue:
    flash("Sign in once more: a token is given to who touched their passkey in the last ten minutes.")
    return redirect(f"{SIGN_IN}?to=token")
