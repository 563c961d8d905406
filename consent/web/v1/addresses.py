"""What can stand in an address of the API: names, random ids and numbers; anything else is not there."""

from typing import Final

from flask import Flask
from werkzeug.routing import BaseConverter


class _Name(BaseConverter):
    """A study's or client's name."""

    regex = "[a-z0-9][a-z0-9-]{0,62}"


class _Id(BaseConverter):
    """An id that was drawn at random: hex digits."""

    regex = "[0-9a-f]{16}(?:[0-9a-f]{16})?"


class _Number(BaseConverter):
    """A number that counts from 1."""

    regex = "[1-9][0-9]{0,5}"

    def to_python(self, value: str) -> int:
        """Return the number."""
        return int(value)


_CONVERTERS: Final = {"name": _Name, "id": _Id, "number": _Number}


def understand(app: Flask) -> None:
    """Let `app` read such addresses."""
    app.url_map.converters.update(_CONVERTERS)
