"""Fit a model for each fold on everybody outside it.

Each row's fold is its hash modulo the number of folds, so identical rows share a fold and no row is ever scored by a
model that saw it. Evaluation and release gate look at the same fits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from analytics.disclosure import SMALLEST
from analytics.discrimination import Labels
from analytics.errors import RowsError
from analytics.parameters import Parameters
from analytics.rows import Row, labels, ordered, row_hash
from analytics.training import Model, fit

FOLDS = 5
Told = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Folded:
    """Rows in canonical order, the outcome and the fold of each, shape (rows,), and for each fold in use its model."""

    rows: tuple[Row, ...]
    outcome: Labels
    fold: NDArray[np.int64]
    models: dict[int, Model]
    folds: int


def fold_of(row: Row, folds: int) -> int:
    """Return the fold that a row belongs to: its hash, as a big-endian integer, modulo `folds`."""
    return int.from_bytes(row_hash(row)) % folds


def fold_out(rows: Sequence[Row], parameters: Parameters, folds: int = FOLDS, told: Told = str) -> Folded:
    """Fit each fold's model; `told` hears "evaluating 2 of 5" before each.

    Raises `RowsError` unless there are two folds, ten people of each outcome, and both outcomes outside each fold.
    """
    rows = ordered(rows)
    outcome = labels(rows)
    if folds < 2 or min(int(outcome.sum()), len(rows) - int(outcome.sum())) < SMALLEST:  # noqa: PLR2004  # one to fit
        raise RowsError("an evaluation needs two folds and ten people of each outcome: gather more rows")
    fold = np.array([fold_of(row, folds) for row in rows])
    used = [int(number) for number in np.unique(fold)]
    models = {}
    for place, number in enumerate(used, 1):
        told(f"evaluating {place} of {len(used)}")
        models[number] = fit(list(compress(rows, fold != number)), parameters)
    return Folded(tuple(rows), outcome, fold, models, folds)
