"""One's own keys.

| path | does |
| --- | --- |
| `/keys` | the ways in, and a new key that waits |
| `/keys/go` | leads to the signing origin, for what is done with the key itself |
| `/keys/<way>/remove` | asks once more, before a way in is taken away |
| `/keys/remove` | takes it away |
| `/keys/cancel` | says no to a new key that waits |
| `/keys/sign-out` | signs out everywhere |
| `/new-key-waits` | tells whoever lost everything that their new key waits |
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from consent.services.portal.own_keys import LastWayError
from consent.web.guard import patient
from consent.web.key_acts import KEY_ACTS
from consent.web.one_act import way_to_sign
from consent.web.room import PortalRoom
from consent.web.routes import Route, route
from consent.web.session import here

WAYS: Final = {
    "passkey": (_l("A key on a device"), _l("You touch it, look at it, or type its PIN.")),
    "passphrase": (_l("Your passphrase"), _l("You type it when you sign in.")),
    "sign-in": (_l("A key on a device, to sign in only"), _l("It lets you in. It does not sign what you allow.")),
    "recovery": (_l("Your recovery code"), _l("On paper. It opens your records if you lose your device.")),
}
"""A name for each kind of way in, and a sentence."""


@dataclass(frozen=True, slots=True)
class KeyPages:
    """The pages of keys."""

    room: PortalRoom

    def blueprint(self) -> Blueprint:
        """Return the pages at their paths."""
        pages = Blueprint("keys", __name__)
        return route(
            pages,
            [
                Route("GET", "/keys", self.index),
                Route("POST", "/keys/go", self.go),
                Route("GET", "/keys/<way>/remove", self.before),
                Route("POST", "/keys/remove", self.remove),
                Route("POST", "/keys/cancel", self.cancel),
                Route("POST", "/keys/sign-out", self.sign_out),
                Route("GET", "/new-key-waits", self.waits),
            ],
        )

    def index(self) -> ResponseReturnValue:
        """Show the ways in, and a new key that waits."""
        subject = patient()
        ways = [(way, *WAYS[way.kind]) for way in self.room.own_keys.ways(subject)]
        waiting = self.room.new_keys.waiting(subject)
        due = waiting and datetime.fromtimestamp(waiting.due, UTC)
        return render_template("portal/keys.html", ways=ways, due=due)

    def go(self) -> ResponseReturnValue:
        """Lead to the signing origin, for an act of one's own key."""
        purpose, in_app = request.form.get("act", ""), not self.room.own_keys.ways(patient())
        if purpose not in KEY_ACTS or (in_app and purpose != "replace"):
            abort(404)
        return redirect(way_to_sign(self.room, purpose, {}))

    def before(self, way: str) -> ResponseReturnValue:
        """Ask once more."""
        try:
            found = self.room.own_keys.removable(patient(), way)
        except LastWayError:
            return _stays()
        words, hint = WAYS[found.kind]
        return render_template("portal/remove_way.html", way=found, words=words, hint=hint)

    def remove(self) -> ResponseReturnValue:
        """Take a way in away, and sign out wherever it may have signed in."""
        subject, way = patient(), request.form.get("way", "")[:64]
        try:
            self.room.own_keys.remove(subject, way, here().browser.digest, self.room.clock())
        except LastWayError:
            return _stays()
        flash(_("Removed. It lets no one in any more."))
        return redirect(url_for("keys.index"))

    def cancel(self) -> ResponseReturnValue:
        """Say no to a new key that waits."""
        if self.room.new_keys.cancel(patient(), self.room.clock()):
            flash(_("The new key will not count. Your key stays as it is."))
        return redirect(url_for("keys.index"))

    def sign_out(self) -> ResponseReturnValue:
        """Sign out everywhere, here too."""
        self.room.own_keys.sign_out_everywhere(patient())
        here().ended = True
        return redirect(url_for("home.index"))

    def waits(self) -> ResponseReturnValue:
        """Tell whoever lost everything that their new key waits; it says nothing about anybody."""
        return render_template("portal/new_key_waits.html")


def _stays() -> ResponseReturnValue:
    flash(_("You need this way in. It stays."))
    return redirect(url_for("keys.index"))
