"""The letters that people get by mail: what kind of thing happened, and where to look.

A letter lies about in mailboxes, and on the way there. So it names no study, no hospital, no illness, no person and no
number, and it has no link but the portal's own address, which nobody has to click.
"""

from dataclasses import dataclass, field
from typing import Final

from flask import Flask
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from consent.services.notices import Notice
from consent.web.words import speak

SUBJECT: Final = _l("News about your health records")
_TELLS: Final = {
    Notice.FIRST_USE: _l("Somebody you said yes to has used your records for the first time."),
    Notice.ENDS_IN_A_MONTH: _l(
        "Something that you allowed ends within a month. If that is fine, you need not do anything. "
        "If you want it to go on, you can allow it again."
    ),
    Notice.ENDS_IN_A_WEEK: _l(
        "Something that you allowed ends within a week. If that is fine, you need not do anything. "
        "If you want it to go on, you can allow it again."
    ),
    Notice.STOPPED: _l("Sharing of your records was stopped. If this was not you, please look soon."),
    Notice.ERASING: _l(
        "Your records are being erased. Nobody can use them from now on. If you did not ask for this, call us today."
    ),
    Notice.ERASED: _l(
        "Your records are erased here, and your key is gone. Old copies follow by themselves.\n\n"
        "This is our last letter. We delete this mail address now."
    ),
    Notice.KEY_INVITED: _l(
        "You can now make a new key to your records, with a code that we give you. "
        "If you did not ask us for this, call us today."
    ),
    Notice.KEY_ASKED: _l(
        "Somebody asked for a new key to your records. It would count after three days. "
        "If this was not you, sign in with your old key and say no, or call us today."
    ),
    Notice.KEY_CANCELLED: _l("A new key to your records was asked for, and then called off. Your old key still works."),
    Notice.KEY_REPLACED: _l("The key to your records was replaced. If this was not you, call us today."),
    Notice.WAY_ADDED: _l("A way to sign in was added to your records. If this was not you, call us today."),
    Notice.WAY_REMOVED: _l("A way to sign in to your records was taken away. If this was not you, call us today."),
    Notice.ANSWERED: _l("We have answered something that you asked us to look into."),
}


@dataclass(frozen=True, slots=True)
class Letters:
    """Writes letters that lead to the portal at this origin, and name this telephone, where there is one."""

    portal: str
    telephone: str = ""
    _app: Flask = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_app", Flask(__name__))
        speak(self._app)

    def __call__(self, kind: Notice, language: str) -> tuple[str, str]:
        """Return the subject and the text of a letter, in a language (ISO 639-1)."""
        with self._app.app_context(), force_locale(language):
            lines = [_("Hello,"), str(_TELLS[kind]), *self._where(kind)]
            return str(SUBJECT), "\n\n".join(lines) + "\n"

    def _where(self, kind: Notice) -> list[str]:
        call = [_("Questions? Call us: %(telephone)s", telephone=self.telephone)] if self.telephone else []
        if kind is Notice.ERASED:
            return call
        look = _(
            "To see more, type this address into your browser, or use your bookmark:\n%(portal)s", portal=self.portal
        )
        care = _("We never ask for your key or your code by mail.")
        return [look, *call, care]
