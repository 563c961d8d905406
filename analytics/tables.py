"""Reading TOML tables strictly: each key once known and typed, and none that is not known."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from analytics.errors import DictionaryError


class Table:
    """One table being read; every complaint names it by `place`. Keys that nobody took are refused by `close`."""

    def __init__(self, content: Mapping[str, Any], place: str) -> None:
        self._left = dict(content)
        self.place = place

    def refuse(self, complaint: str) -> DictionaryError:
        """Return the error for this table, to be raised."""
        return DictionaryError(f"{self.place}: {complaint}")

    def has(self, key: str) -> bool:
        """Say whether the key is there and not yet taken."""
        return key in self._left

    def text(self, key: str) -> str:
        """Take a text of one line that is not empty."""
        value = self._take(key)
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise self.refuse(f"{key} must be a text of one line")
        return value

    def chosen(self, key: str, choices: Iterable[str]) -> str:
        """Take a text that is one of `choices`."""
        value = self.text(key)
        if value not in (allowed := sorted(choices)):
            raise self.refuse(f"{key} {value!r} is not known; choose among {', '.join(allowed)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a list of at least one text, no two alike."""
        value = self._take(key)
        whole = isinstance(value, list) and value and all(isinstance(item, str) and item.strip() for item in value)
        if not whole or len(set(value)) != len(value):
            raise self.refuse(f"{key} must be a list of different texts")
        return tuple(value)

    def whole(self, key: str) -> int:
        """Take a whole number."""
        value = self._take(key)
        if not _is_whole(value):
            raise self.refuse(f"{key} must be a whole number")
        return int(value)

    def window(self, key: str) -> tuple[int, int]:
        """Take two whole numbers, the first and last day of a window."""
        value = self._take(key)
        if not (isinstance(value, list) and len(value) == 2 and all(map(_is_whole, value))):  # noqa: PLR2004  # a pair
            raise self.refuse(f"{key} must be two whole numbers of days, such as [-7, 0]")
        return value[0], value[1]

    def flag(self, key: str) -> bool:
        """Take true or false; false when the key is absent."""
        value = self._left.pop(key, False)
        if not isinstance(value, bool):
            raise self.refuse(f"{key} must be true or false")
        return value

    def day(self, key: str) -> date:
        """Take a date without a time."""
        value = self._take(key)
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self.refuse(f"{key} must be a date, such as 1994-01-12")
        return value

    def numbers(self, key: str) -> tuple[tuple[str, float], ...]:
        """Take a table from texts to numbers."""
        value = self._take(key)
        numeric = isinstance(value, dict) and value and all(map(_is_number, value.values()))
        if not numeric:
            raise self.refuse(f"{key} must be a table that gives each code a number")
        return tuple((code, float(number)) for code, number in value.items())

    def table(self, key: str) -> "Table":
        """Take a table."""
        value = self._take(key)
        if not isinstance(value, dict):
            raise self.refuse(f"{key} must be a table")
        return Table(value, key)

    def tables(self, key: str) -> list["Table"]:
        """Take an array of tables, empty when the key is absent; each is called by its own name where it has one."""
        value = self._left.pop(key, [])
        if not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
            raise self.refuse(f"{key} must be written as [[{key}]] tables")
        return [Table(item, f"{key} {item.get('name', place)!r}") for place, item in enumerate(value, 1)]

    def close(self) -> None:
        """Refuse what nobody took."""
        if self._left:
            raise self.refuse(f"unknown column {min(self._left)!r}: remove it or correct its spelling")

    def _take(self, key: str) -> Any:  # noqa: ANN401  # whatever TOML holds
        if key not in self._left:
            raise self.refuse(f"{key} is missing")
        return self._left.pop(key)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
