"""Programs of researchers and clinicians: which there are, with which keys and studies, and ending them.

| path | does |
| --- | --- |
| `/staff/clients` | lists them |
| `/staff/clients/<client>/revoke` | asks once more, and ends a client |
| `/staff/clients/<client>/keys/<kid>/revoke` | asks once more, and ends one of its keys |
"""

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, flash, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter

from consent.services.desk.clients import ListedClient, ListedKey, UnknownClientError
from consent.web.staff.member import OPERATORS
from consent.web.staff.room import StaffRoom
from consent.web.staff.routes import StaffRoute, pages

_CLIENT: Final = "/clients/<client>/revoke"
_KEY: Final = "/clients/<client>/keys/<kid>/revoke"


@dataclass(frozen=True, slots=True)
class ClientPages:
    """The list of clients, and the pages that ask once more before one of them, or a key, is revoked."""

    room: StaffRoom

    def blueprint(self, limiter: Limiter) -> Blueprint:
        """Return the pages at their paths."""
        return pages(
            "clients",
            limiter,
            [
                StaffRoute(OPERATORS, "GET", "/clients", self.index),
                StaffRoute(OPERATORS, "GET", _CLIENT, self.ask_revoke),
                StaffRoute(OPERATORS, "POST", _CLIENT, self.revoke),
                StaffRoute(OPERATORS, "GET", _KEY, self.ask_revoke_key),
                StaffRoute(OPERATORS, "POST", _KEY, self.revoke_key),
            ],
        )

    def index(self) -> ResponseReturnValue:
        """List those that count, then those that were revoked."""
        found = sorted(self.room.clients.listed(), key=lambda client: not client.stands)
        return render_template("staff/clients.html", clients=found)

    def ask_revoke(self, client: str) -> ResponseReturnValue:
        """Ask once more."""
        return render_template("staff/revoke.html", client=self._standing(client), key=None)

    def revoke(self, client: str) -> ResponseReturnValue:
        """End a client with all its keys and tokens."""
        self.room.clients.revoke(client)
        flash("The client is revoked. Its keys and tokens count no more.")
        return redirect("/staff/clients")

    def ask_revoke_key(self, client: str, kid: str) -> ResponseReturnValue:
        """Ask once more."""
        found = self._standing(client)
        return render_template("staff/revoke.html", client=found, key=_standing_key(found, kid))

    def revoke_key(self, client: str, kid: str) -> ResponseReturnValue:
        """End one key, and the tokens that rest on it."""
        self.room.clients.revoke_key(client, kid)
        flash("The key is revoked. Tokens that were given out for it count no more.")
        return redirect("/staff/clients")

    def _standing(self, client: str) -> ListedClient:
        found = next((one for one in self.room.clients.listed() if one.client == client and one.stands), None)
        if found is None:
            raise UnknownClientError("no client of this name counts here")
        return found


def _standing_key(client: ListedClient, kid: str) -> ListedKey:
    found = next((key for key in client.keys if key.kid == kid and key.stands), None)
    if found is None:
        raise UnknownClientError("no key of this client and kid counts")
    return found
