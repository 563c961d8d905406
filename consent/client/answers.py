"""Read an answer's JSON into a frozen dataclass, field by field of the declared kind.

    read(Count, {"people": 415, "epsilon": 0.5, "left": 2.5, "question": "…"})

Members that are not declared are left out: a newer server may say more. One that is missing, or of another kind, means
that the server is of another version: `ServerError`, which repeats nothing of it.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from consent.client.errors import ServerError

T = TypeVar("T")
_LARGEST: Final = 2**53 - 1


class OtherVersionError(ServerError):
    """The server speaks another version of the API: take the client of the server's version."""


def parsed(body: bytes) -> Any:  # noqa: ANN401  # JSON, until it is read
    """Return an answer's JSON; raise `OtherVersionError` where it is none."""
    try:
        return json.loads(body, parse_int=_whole, parse_float=_decimal, parse_constant=_decimal)
    except (ValueError, RecursionError) as error:
        raise OtherVersionError("the API answered something that is not JSON: is this its address?") from error


def _whole(digits: str) -> int:
    """Return a whole number that every reader of JSON reads alike (RFC 8259, section 6)."""
    value = int(digits)
    if abs(value) > _LARGEST:
        raise ValueError("too large")
    return value


def _decimal(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("no number of JSON")
    return value


def text(body: bytes) -> str:
    """Return an answer's text; raise `OtherVersionError` where it is none."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise OtherVersionError("the API answered something that is no text: is this its address?") from error


def read(kind: type[T], value: object) -> T:
    """Return `value` as the dataclass `kind`; raise `OtherVersionError`, which names the field."""
    if not isinstance(value, Mapping):
        raise OtherVersionError(f"the server is of another version: where a {kind.__name__} belongs is no object")
    found = {}
    for name, hint in _declared(kind).items():
        if name not in value:
            raise OtherVersionError(f"the server is of another version: its {kind.__name__} has no {name}")
        try:
            found[name] = _member(hint, value[name])
        except _WrongKindError as error:
            raise OtherVersionError(
                f"the server is of another version: {name} of its {kind.__name__} is of another kind"
            ) from error
    return kind(**found)


class _WrongKindError(Exception):
    """The value is not of the declared kind."""


def _declared(kind: type) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind) if field.init}


def _member(hint: Any, value: Any) -> Any:  # noqa: ANN401  # kinds as they are declared
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return _either(arguments, value)
    if origin is tuple and isinstance(value, list):
        return tuple(_member(arguments[0], one) for one in value)
    if origin is Mapping and isinstance(value, dict):
        return {name: _member(arguments[1], one) for name, one in value.items()}
    if isinstance(hint, type) and is_dataclass(hint):
        return read(hint, value)
    return _plain(hint, value)


def _either(kinds: tuple[Any, ...], value: Any) -> Any:  # noqa: ANN401
    if value is None and NoneType in kinds:
        return None
    [kind] = [one for one in kinds if one is not NoneType]
    return _member(kind, value)


def _plain(hint: Any, value: Any) -> Any:  # noqa: ANN401
    """Return a text, a number or a truth; JSON writes a whole decimal without its point."""
    if hint is Any or type(value) is hint:
        return value
    if hint is float and type(value) is int:
        return float(value)
    raise _WrongKindError
