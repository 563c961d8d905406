"""`consentry invite`: a code for one person, to read out, to print, or to scan."""

import sys
from datetime import datetime, timedelta
from pathlib import Path

import segno
from flask import Flask, render_template
from flask_babel import force_locale, format_date
from rich.console import Console

from consent import wiring
from consent.cli.operators import read_request
from consent.cli.stops import person_of
from consent.services.portal.enrolling import CODE_SECONDS
from consent.settings import Settings, SettingsError, WebSettings
from consent.web.words import ENGLISH, LANGUAGES, speak
from vault.files import write_new


def run(  # as many as the command has
    home: Path, subject: str, identifier: str, letter: Path | None, request: Path | None, language: str
) -> None:  # fmt: skip
    """Print the code on standard output, and what to do with it on standard error; write the letter where asked."""
    if language not in LANGUAGES:
        raise SettingsError(f"letters are in one of these languages: {', '.join(LANGUAGES)}")
    if letter and letter.exists():
        raise SettingsError("there is a letter already: name a new file")
    web, now = WebSettings.read(), wiring.utc_now()
    with wiring.opened(Settings.read(home)) as installation:
        if request:
            code = wiring.new_keys(installation, web).invite(read_request(request), now)
        else:
            code = wiring.enrolling(installation, web).invite(person_of(installation, subject, identifier), now)
    last = now + timedelta(seconds=CODE_SECONDS)
    sys.stdout.write(f"{code}\n")
    if letter:
        write_new(letter, _letter(code, web, last, language).encode())
    told = f"It is typed at {web.portal}/start, once, before {last:%Y-%m-%d %H:%M} UTC. Hand it to this person alone."
    Console(stderr=True).print(told, highlight=False, soft_wrap=True)


def _letter(code: str, web: WebSettings, last: datetime, language: str) -> str:
    """Return a page to print. The code stands behind the # of the link, which browsers send to nobody."""
    link = f"{web.portal}/start#{code}"
    drawing = segno.make(link, error="m").svg_inline(scale=5, border=4, light="white")
    app = Flask("consent.web")
    speak(app)
    said = {"code": code, "drawing": drawing, "where": f"{web.portal}/start", "telephone": web.telephone}
    with app.app_context(), force_locale(ENGLISH if language == "en" else language):
        return render_template("letter.html", **said, language=language, until=format_date(last))
