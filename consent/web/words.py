"""The words of pages, in the reader's language: templates write `_("…")`, and days look as they do there.

A catalogue is read from its source, `translations/<language>/LC_MESSAGES/messages.po`, when an application is made;
nothing is compiled beforehand. `make words` takes up new words, and a test finds those without a translation.

Who opens a page with `?lang=es` reads it in Spanish, and every page from then on: the cookie `__Host-language` says so.
Without it the browser's Accept-Language counts. The cookie is set only where somebody chose.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, Response, current_app, request
from flask_babel import Babel, Domain, format_date, format_time, get_babel, get_locale

ENGLISH: Final = "en_GB"
"""British, for the order of a date: 3 May 2026, as in the sentences that are signed."""
LANGUAGES: Final = {"en": "English", "es": "Español"}
"""What pages can be read in: the tag, and the language's own name for itself."""
COOKIE: Final = "__Host-language"
CATALOGUES: Final = Path(__file__).parent / "translations"

_FORMATS: Final = {"date": "long"}
_YEAR: Final = 365 * 86400
_COOKIELESS: Final = "/check"


class Catalogues(Domain):  # type: ignore[misc]  # flask-babel has no types
    """The translations in memory, by language; English needs none."""

    def __init__(self, translations: Mapping[str, NullTranslations]) -> None:
        super().__init__()
        self._translations = translations

    def get_translations(self) -> NullTranslations:
        """Return the translations of the language in which this is read."""
        locale = get_locale()
        return self._translations.get(locale.language if locale else "en", _NONE)


_NONE: Final = NullTranslations()


@cache
def read_catalogue(language: str) -> Translations:
    """Return the translations into a language, read from their source once; what is fuzzy is left out."""
    with (CATALOGUES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def speak(app: Flask, time_zone: str = "UTC", onward: str | None = None) -> None:
    """Give the templates of `app` their words; times of day are shown in `time_zone`, an IANA name.

    Whoever is led on to the origin `onward` takes a language that they chose along.
    """
    formats = Babel.default_date_formats | _FORMATS
    Babel(
        app,
        default_locale=ENGLISH,
        default_timezone=time_zone,
        date_formats=formats,
        locale_selector=lambda: ENGLISH if language() == "en" else language(),
    )
    catalogues = Catalogues({tag: read_catalogue(tag) for tag in LANGUAGES if tag != "en"})
    get_babel(app).instance.domain_instance = catalogues
    app.add_template_filter(moment, "datetimeformat")
    app.context_processor(lambda: {"languages": LANGUAGES, "in_language": in_language})
    app.after_request(lambda response: _remember(response, onward))


def moment(at: datetime) -> str:
    """Return a day and a time of day as people write them: 26 November 2026, 14:05."""
    return f"{format_date(at)}, {format_time(at, 'HH:mm')}"


_PARTS: Final = ("show", "before", "page", "change", "new")
"""What pages are asked for in their address."""
_PLAIN: Final = re.compile(r"[a-z0-9-]{1,20}")


def language() -> str:
    """Return the language in which this is read: chosen now, chosen before, or what the browser prefers."""
    for chosen in (request.args.get("lang"), request.cookies.get(COOKIE)):
        if chosen in LANGUAGES:
            return chosen
    return request.accept_languages.best_match(list(LANGUAGES), "en") or "en"


def in_language(tag: str) -> str:
    """Return where this page is read in a language: its own address, with which part of it was asked for.

    What is no such part is nothing of ours, and is not repeated.
    """
    kept = [(name, request.args[name]) for name in _PARTS if _PLAIN.fullmatch(request.args.get(name, ""))]
    return f"{_opens_again()}?{urlencode([('lang', tag), *kept])}"


def _opens_again() -> str:
    """Return where a link from this page leads: to itself, or to the start where only a form brings it about."""
    here = current_app.url_map.bind("")  # not of the request: a host that is none of ours is answered with a page too
    return "" if request.method == "GET" or here.test(request.path, method="GET") else "/"


def _remember(response: Response, onward: str | None) -> Response:
    chosen = request.args.get("lang")
    if chosen in LANGUAGES and not request.path.startswith(_COOKIELESS):
        response.set_cookie(COOKIE, chosen, max_age=_YEAR, secure=True, httponly=True, samesite="Lax")
    kept = request.cookies.get(COOKIE)
    if onward and kept in LANGUAGES and (response.location or "").startswith(f"{onward}/t/"):
        response.location = f"{response.location}?lang={kept}"
    return response
