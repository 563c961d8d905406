"""Dataclasses of figures as JSON values, and back; strict, so that a stored figure is what it was or an error."""

from collections.abc import Hashable, Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from analytics.errors import FiguresError

DECIMALS = 4
Kind = TypeVar("Kind")


def plain(figures: Any, decimals: int | None = DECIMALS) -> dict[str, Any]:  # noqa: ANN401  # any dataclass
    """Return a dataclass as JSON values, tuples as lists; numbers rounded to `decimals`, or exact with None."""
    value: dict[str, Any] = _plain(asdict(figures), decimals)
    return value


def _plain(value: Any, decimals: int | None) -> Any:  # noqa: ANN401  # any of a dataclass's values
    if isinstance(value, dict):
        return {name: _plain(item, decimals) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, decimals) for item in value]
    return round(value, decimals) if isinstance(value, float) and decimals is not None else value


def figures(kind: type[Kind], value: object) -> Kind:
    """Return what `plain` was given; a field with a default may be missing.

    Raises `FiguresError` for whatever `plain` never gives for this dataclass.
    """
    if not isinstance(value, Mapping):
        raise _strange(kind)
    hints, found = _hints(cast("Hashable", kind)), {}
    for field in fields(kind):  # type: ignore[arg-type]  # only dataclasses are asked for
        if field.name in value:
            found[field.name] = _read(hints[field.name], value[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise _strange(kind)
    if set(value) - set(found):
        raise _strange(kind)
    return kind(**found)


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(hint: Any, value: Any) -> Any:  # noqa: ANN401  # any type, any value of it
    if isinstance(hint, UnionType):
        if value is None and NoneType in get_args(hint):
            return None
        return _read(next(part for part in get_args(hint) if part is not NoneType), value)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), value)
    if is_dataclass(hint) and isinstance(hint, type):
        return figures(hint, value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, bool) is not (hint is bool) or not isinstance(value, hint):
        raise _strange(hint)
    return value


def _tuple(parts: tuple[Any, ...], value: Any) -> tuple[Any, ...]:  # noqa: ANN401  # likewise
    if not isinstance(value, list | tuple):
        raise _strange(tuple)
    if parts[-1] is Ellipsis:
        return tuple(_read(parts[0], item) for item in value)
    if len(parts) != len(value):
        raise _strange(tuple)
    return tuple(_read(part, item) for part, item in zip(parts, value, strict=True))


def _strange(kind: type) -> FiguresError:
    return FiguresError(f"these figures are not as this software writes them ({kind.__name__}): get them again")
