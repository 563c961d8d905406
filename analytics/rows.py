"""Rows: one person's numbers, without the person.

A row's canonical bytes, which its hash is taken over, are

    number of features (4 bytes, big-endian) || each feature (IEEE 754 binary64, big-endian) || label (1 byte, 0 or 1)

with one NaN (7ff8000000000000) for whatever is missing and no negative zero. Comparisons are not part of them: they
stand beside a model and never reach it.
"""

import hashlib
import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.errors import RowsError

LARGEST: Final = float(np.finfo(np.float32).max)
"""Features are single precision inside a model; a larger number would become infinite there."""


@dataclass(frozen=True, slots=True)
class Row:
    """Features in the order of a dictionary's names (NaN: missing), a label, and values that only stand beside a model.

    Raises `RowsError` unless the label is 0 or 1 and each number is NaN or finite in single precision.
    """

    features: tuple[float, ...]
    label: int
    comparisons: tuple[float, ...] = ()

    def to_bytes(self) -> bytes:
        """Return the canonical bytes, then each comparison (binary64, big-endian): all that a row is."""
        return _canonical_bytes(self) + struct.pack(f">{len(self.comparisons)}d", *self.comparisons)

    @classmethod
    def from_bytes(cls, content: bytes) -> "Row":
        """Read what `to_bytes` gave; raise `RowsError` for anything else."""
        try:
            (width,) = struct.unpack_from(">I", content)
            *features, label = struct.unpack_from(f">{width}dB", content, 4)
            rest = content[4 + 8 * width + 1 :]
            return cls(tuple(features), label, struct.unpack(f">{len(rest) // 8}d", rest))
        except (struct.error, MemoryError, OverflowError) as error:
            raise RowsError("these bytes are no row: derive it again") from error

    def __post_init__(self) -> None:
        if isinstance(self.label, bool) or self.label not in {0, 1}:
            raise RowsError("a row's label is 0 or 1")
        object.__setattr__(self, "label", int(self.label))
        object.__setattr__(self, "features", _canonical(self.features))
        object.__setattr__(self, "comparisons", _canonical(self.comparisons))


def row_hash(row: Row) -> bytes:
    """Return the SHA-256 of the row's canonical bytes, 32 bytes."""
    return hashlib.sha256(_canonical_bytes(row)).digest()


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Return rows sorted by hash, so that whatever follows depends on the rows and not on the order they came in."""
    return sorted(rows, key=lambda row: (row_hash(row), struct.pack(f">{len(row.comparisons)}d", *row.comparisons)))


def matrix(rows: Sequence[Row]) -> NDArray[np.float64]:
    """Return the features, shape (rows, features); raise `RowsError` when rows differ in width."""
    if len({len(row.features) for row in rows}) != 1:
        raise RowsError("there must be at least one row, and all rows need the same number of features")
    return np.array([row.features for row in rows], dtype=np.float64)


def labels(rows: Sequence[Row]) -> NDArray[np.int64]:
    """Return the labels, shape (rows,)."""
    return np.array([row.label for row in rows], dtype=np.int64)


def are_names(names: Sequence[object]) -> bool:
    """Say whether columns can be called so: different texts, without the characters that XGBoost keeps for itself."""
    texts = [name for name in names if isinstance(name, str) and name and not set(name) & set("[]<")]
    return len(set(texts)) == len(names)


def require_both(classes: NDArray[np.int64]) -> None:
    """Raise `RowsError` unless both labels occur."""
    if len(np.unique(classes)) != 2:  # noqa: PLR2004  # the two labels
        raise RowsError("people with the outcome and people without are both needed: gather more rows")


def _canonical_bytes(row: Row) -> bytes:
    width = len(row.features)
    return struct.pack(f">I{width}dB", width, *row.features, row.label)


def _canonical(values: Iterable[float]) -> tuple[float, ...]:
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError, OverflowError) as error:
        raise RowsError("a row's numbers are numbers, or NaN where missing") from error
    # Adding 0.0 turns -0.0 into 0.0; NaN is in no range.
    return tuple([number + 0.0 if -LARGEST <= number <= LARGEST else _missing(number) for number in numbers])


def _missing(number: float) -> float:
    """Return the one NaN that stands for what is missing; raise `RowsError` for any other number out of range."""
    if not math.isnan(number):
        raise RowsError("a row's numbers are finite in single precision, or NaN where missing")
    return math.nan
