"""Evaluate a model out of fold, among the rows it is fitted on and nobody else (TRIPOD+AI; BMJ 2024;385:e078378).

Each row's fold is its hash modulo the number of folds, so identical rows share a fold and no row is ever scored by a
model that saw it. Shares and curves that leave are made by `analytics.disclosure`; numbers of people and events are
exact. Scores are pooled over folds, whose models start from different shares of outcomes: below some 500 rows this
pulls AUROC down (with 121 rows by about a tenth), from some thousands on it does not show.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from analytics.calibration import Calibration, calibrate
from analytics.disclosure import SMALLEST, shown_share
from analytics.discrimination import (
    Interval,
    Labels,
    RocPoint,
    Scores,
    auprc,
    auroc,
    auroc_difference,
    roc_points,
)
from analytics.errors import RowsError
from analytics.rows import Row, labels, matrix, ordered, require_both, row_hash
from analytics.training import Parameters, fit

DECIMALS = 4
BASELINE = "Logistic regression"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Another forecast beside the model, on exactly the people for whom it was made.

    Attributes:
        name: of the other forecast.
        people: for whom it was made.
        auroc: of the other forecast.
        model: AUROC of the model on the same people.
        difference: the model's minus the other's, paired.
        roc: curve of the other forecast.
        model_roc: curve of the model on the same people.
    """

    name: str
    people: int
    auroc: Interval
    model: Interval
    difference: Interval
    roc: tuple[RocPoint, ...]
    model_roc: tuple[RocPoint, ...]


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """One feature: mean absolute TreeSHAP contribution (log-odds), and the shown share of people without a value.

    The share is None when too few people lack it, or too few have it, to be shown.
    """

    name: str
    contribution: float
    missing: float | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a model is, from forecasts for people that the forecasting fit had not seen.

    Attributes:
        people: rows.
        events: rows with the outcome.
        folds: number of folds.
        auroc: area under the ROC curve.
        auprc: average precision; a forecast without skill has events / people.
        calibration: whether the probabilities come true.
        roc: the ROC curve at fixed thresholds.
        baseline: logistic regression on the same features and folds.
        comparisons: other forecasts; one made for fewer than ten people of either outcome is left out.
        features: by contribution, largest first.
    """

    people: int
    events: int
    folds: int
    auroc: Interval
    auprc: Interval
    calibration: Calibration
    roc: tuple[RocPoint, ...]
    baseline: Comparison
    comparisons: tuple[Comparison, ...]
    features: tuple[FeatureUse, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as JSON values, numbers rounded to four decimals."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


@dataclass(frozen=True, slots=True)
class _Forecasts:
    """Out-of-fold results in the order of the rows: probabilities (rows,), contributions (rows, features)."""

    model: Scores
    baseline: Scores
    contributions: NDArray[np.float64]


def evaluate(
    rows: Sequence[Row], parameters: Parameters, folds: int = 5, comparisons: Sequence[str] = ()
) -> Evaluation:
    """Evaluate out of fold what `fit(rows, parameters)` would give.

    Args:
        rows: as for `fit`; at least ten of each label, and both labels outside each fold.
        parameters: as for `fit`.
        folds: at least 2.
        comparisons: names for the rows' comparison values, in order; "Comparison 1" and so on where none is given.

    Raises:
        RowsError: rows are too few, or not alike.
    """
    rows = ordered(rows)
    outcome = labels(rows)
    if folds < 2 or min(int(outcome.sum()), len(rows) - int(outcome.sum())) < SMALLEST:  # noqa: PLR2004  # one to fit
        raise RowsError("an evaluation needs two folds and ten people of each outcome: gather more rows")
    forecasts = _out_of_fold(rows, outcome, parameters, folds)
    return Evaluation(
        people=len(rows),
        events=int(outcome.sum()),
        folds=folds,
        auroc=auroc(forecasts.model, outcome),
        auprc=auprc(forecasts.model, outcome),
        calibration=calibrate(forecasts.model, outcome),
        roc=roc_points(forecasts.model, outcome),
        baseline=_compare(BASELINE, forecasts.baseline, forecasts.model, outcome),
        comparisons=_comparisons(rows, comparisons, forecasts.model, outcome),
        features=_features(rows, parameters.features, forecasts.contributions),
    )


def fold_of(row: Row, folds: int) -> int:
    """Return the fold that a row belongs to: its hash, as a big-endian integer, modulo `folds`."""
    return int.from_bytes(row_hash(row)) % folds


def _out_of_fold(rows: Sequence[Row], outcome: Labels, parameters: Parameters, folds: int) -> _Forecasts:
    features = matrix(rows)
    result = _Forecasts(np.zeros(len(rows)), np.zeros(len(rows)), np.zeros_like(features))
    fold = np.array([fold_of(row, folds) for row in rows])
    for number in np.unique(fold):
        seen, unseen = fold != number, fold == number
        held_out = list(compress(rows, unseen))
        model = fit(list(compress(rows, seen)), parameters)
        result.model[unseen] = model.predict(held_out)
        result.contributions[unseen] = model.explain(held_out)[:, :-1]
        result.baseline[unseen] = _logistic_forecast(features[seen], outcome[seen], features[unseen])
    return result


def _logistic_forecast(features: NDArray[np.float64], outcome: Labels, unseen: NDArray[np.float64]) -> Scores:
    """Return probabilities of a logistic regression; medians and scales come from the fold's own training rows."""
    require_both(outcome)
    pipeline = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )
    probabilities: Scores = pipeline.fit(features, outcome).predict_proba(unseen)[:, 1]
    return probabilities


def _comparisons(
    rows: Sequence[Row], names: Sequence[str], forecast: Scores, outcome: Labels
) -> tuple[Comparison, ...]:
    """Compare with each comparison value of the rows, on the people who have one."""
    width = len(rows[0].comparisons)
    if any(len(row.comparisons) != width for row in rows) or len(names) not in {0, width}:
        raise RowsError("all rows need the same number of comparisons, and as many names or none")
    found = []
    for place, name in enumerate(names or [f"Comparison {number + 1}" for number in range(width)]):
        scores = np.array([row.comparisons[place] for row in rows])
        known = ~np.isnan(scores)
        events = int(outcome[known].sum())
        if min(events, int(known.sum()) - events) >= SMALLEST:
            found.append(_compare(name, scores[known], forecast[known], outcome[known]))
    return tuple(found)


def _compare(name: str, scores: Scores, forecast: Scores, outcome: Labels) -> Comparison:
    return Comparison(
        name=name,
        people=len(outcome),
        auroc=auroc(scores, outcome),
        model=auroc(forecast, outcome),
        difference=auroc_difference(forecast, scores, outcome),
        roc=roc_points(scores, outcome),
        model_roc=roc_points(forecast, outcome),
    )


def _features(rows: Sequence[Row], names: Sequence[str], contributions: NDArray[np.float64]) -> tuple[FeatureUse, ...]:
    missing = np.isnan(matrix(rows)).sum(axis=0)
    size = np.abs(contributions).mean(axis=0)
    names = names or [f"feature {place + 1}" for place in range(len(size))]
    uses = [
        FeatureUse(name, float(size[place]), shown_share(int(missing[place]), len(rows)))
        for place, name in enumerate(names)
    ]
    return tuple(sorted(uses, key=lambda use: (-use.contribution, use.name)))


def _plain(value: Any) -> Any:  # noqa: ANN401  # any of a dataclass's values
    """Return tuples as lists and floats rounded, all the way down."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return round(value, DECIMALS) if isinstance(value, float) else value
