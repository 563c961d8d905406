"""Evaluate a model out of fold, among the rows it is fitted on and nobody else (TRIPOD+AI; BMJ 2024;385:e078378).

Shares and curves that leave are made by `analytics.disclosure`; numbers of people and events are exact. Scores are
pooled over folds (`analytics.folding`), whose models start from different shares of outcomes: below some 500 rows this
pulls AUROC down (with 121 rows by about a tenth), from some thousands on it does not show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from analytics.calibration import calibrate
from analytics.decision_curve import decision_curve
from analytics.describing import characteristics
from analytics.disclosure import SMALLEST, shown_share
from analytics.discrimination import Labels, Scores, auprc, auroc, auroc_difference, roc_points
from analytics.errors import RowsError
from analytics.evaluation import Comparison, Evaluation, FeatureUse
from analytics.folding import FOLDS, Folded, fold_out
from analytics.parameters import Parameters
from analytics.rows import Row, matrix, require_both
from analytics.subgroups import Group, subgroups

BASELINE = "Logistic regression"


@dataclass(frozen=True, slots=True)
class _Forecasts:
    """Out-of-fold results in the order of the rows: probabilities (rows,), contributions (rows, features)."""

    model: Scores
    baseline: Scores
    contributions: NDArray[np.float64]


def evaluate(
    rows: Sequence[Row],
    parameters: Parameters,
    folds: int = FOLDS,
    comparisons: Sequence[str] = (),
    groups: Sequence[Group] = (),
) -> Evaluation:
    """Evaluate out of fold what `fit(rows, parameters)` would give.

    Args:
        rows: as for `fit`; at least ten of each label, and both labels outside each fold.
        parameters: as for `fit`.
        folds: at least 2.
        comparisons: names for the rows' comparison values, in order; "Comparison 1" and so on where none is given.
        groups: of people, who are looked at by themselves too, as of `analytics.subgroups.groups_of`.

    Raises:
        RowsError: rows are too few, or not alike.
    """
    return evaluate_folded(fold_out(rows, parameters, folds), parameters, comparisons, groups)


def evaluate_folded(
    folded: Folded, parameters: Parameters, comparisons: Sequence[str] = (), groups: Sequence[Group] = ()
) -> Evaluation:
    """Evaluate as `evaluate` does, with fits that there are already."""
    rows, outcome, features = folded.rows, folded.outcome, matrix(folded.rows)
    names = parameters.features or tuple(f"feature {place + 1}" for place in range(features.shape[1]))
    forecasts = _out_of_fold(folded)
    roc = roc_points(forecasts.model, outcome)
    return Evaluation(
        people=len(rows),
        events=int(outcome.sum()),
        folds=folded.folds,
        auroc=auroc(forecasts.model, outcome),
        auprc=auprc(forecasts.model, outcome),
        calibration=calibrate(forecasts.model, outcome),
        roc=roc,
        baseline=_compare(BASELINE, forecasts.baseline, forecasts.model, outcome),
        comparisons=_comparisons(rows, comparisons, forecasts.model, outcome),
        features=_features(features, names, forecasts.contributions),
        decision=decision_curve(roc, len(rows), int(outcome.sum())),
        subgroups=subgroups(groups, names, features, forecasts.model, outcome),
        characteristics=characteristics(names, features, outcome),
    )


def _out_of_fold(folded: Folded) -> _Forecasts:
    rows, outcome = folded.rows, folded.outcome
    features = matrix(rows)
    result = _Forecasts(np.zeros(len(rows)), np.zeros(len(rows)), np.zeros_like(features))
    for number, model in folded.models.items():
        seen, unseen = folded.fold != number, folded.fold == number
        held_out = list(compress(rows, unseen))
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


def _features(
    features: NDArray[np.float64], names: Sequence[str], contributions: NDArray[np.float64]
) -> tuple[FeatureUse, ...]:
    missing = np.isnan(features).sum(axis=0)
    size = np.abs(contributions).mean(axis=0)
    uses = [
        FeatureUse(name, float(size[place]), shown_share(int(missing[place]), len(features)))
        for place, name in enumerate(names)
    ]
    return tuple(sorted(uses, key=lambda use: (-use.contribution, use.name)))
