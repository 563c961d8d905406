"""The words of pages, in the reader's language: templates write `_("…")`, and days look as they do there.

English alone so far; a catalogue for another language needs no change here.
"""

from typing import Final

from flask import Flask
from flask_babel import Babel

ENGLISH: Final = "en_GB"
"""British, for the order of a date: 3 May 2026, as in the sentences that are signed."""

_FORMATS: Final = {"date": "long", "datetime.medium": "d MMMM y, HH:mm"}


def speak(app: Flask, time_zone: str = "UTC") -> None:
    """Give the templates of `app` their words; times of day are shown in `time_zone`, an IANA name."""
    formats = Babel.default_date_formats | _FORMATS
    Babel(app, default_locale=ENGLISH, default_timezone=time_zone, date_formats=formats)
