"""Measure what a model gives away: membership inference by loss, and the fewest people in a leaf.

The attacker of Yeom et al. 2018 (IEEE CSF, 268-282) takes whom a model forecasts best for people it was fitted on. For
each fold of an evaluation the people outside it are in its model and the people of it are not; each person is thus
judged by every fold's model, once from outside. Figures are means over folds; their intervals add up what each person
contributes (DeLong et al. 1988), so that nobody counts as several people.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analytics.discrimination import Interval, Labels, Scores, Z
from analytics.folding import Folded, fold_out
from analytics.parameters import Parameters
from analytics.release_gate import GateFigures
from analytics.rows import Row
from analytics.training import Model

FALSE_POSITIVES = 0.01
_LEAST_PROBABILITY = 1e-12


def examine(rows: Sequence[Row], parameters: Parameters, model: Model) -> GateFigures:
    """Measure `model`, which `parameters` gave on `rows`; raise `RowsError` where `evaluate` would."""
    return examine_folded(fold_out(rows, parameters), model)


def examine_folded(folded: Folded, model: Model) -> GateFigures:
    """Measure as `examine` does, with fits that there are already."""
    areas, shares = _membership(folded)
    return GateFigures(len(folded.rows), areas, shares, _smallest_leaf(model, folded.rows))


def _membership(folded: Folded) -> tuple[Interval, Interval]:
    """Return AUROC and true positive rate of the attack, each with its interval."""
    people, folds = len(folded.rows), len(folded.models)
    inside, outside, found, taken = (np.zeros(people) for _ in range(4))
    for number, model in folded.models.items():
        members = folded.fold != number
        scores = _fit_of(model.predict(folded.rows), folded.outcome)
        inside[members] += _share_below(scores[members], scores[~members])
        outside[~members] += 1 - _share_below(scores[~members], scores[members])
        found[members] += _share_found(scores[members], scores[~members])
        taken[~members] += _share_found(scores[~members], scores[~members])
    # Each person is inside `folds - 1` models and outside one.
    found_mean = found.mean() / (folds - 1)
    odds = found_mean / FALSE_POSITIVES
    return (
        _interval(float(outside.mean()), inside / (folds - 1) + outside),
        _interval(float(found_mean), found / (folds - 1) - odds * taken),
    )


def _fit_of(probabilities: Scores, outcome: Labels) -> Scores:
    """Return the log-likelihood of each person's outcome: the negative loss, higher for people known better."""
    likelihood = np.where(outcome == 1, probabilities, 1 - probabilities)
    result: Scores = np.log(np.maximum(likelihood, _LEAST_PROBABILITY))
    return result


def _share_below(values: Scores, others: Scores) -> Scores:
    ascending = np.sort(others)
    below = np.searchsorted(ascending, values, "left") + np.searchsorted(ascending, values, "right")
    share: Scores = below / (2.0 * len(ascending))
    return share


def _share_found(values: Scores, outsiders: Scores) -> NDArray[np.float64]:
    """Return with what chance each value is taken for a member by the threshold that takes 1 % of the outsiders.

    Those who tie with the threshold are taken by lot, so that it is 1 % exactly.
    """
    wanted = FALSE_POSITIVES * len(outsiders)
    threshold = np.sort(outsiders)[-math.ceil(wanted)]
    above, tied = int((outsiders > threshold).sum()), int((outsiders == threshold).sum())
    return np.where(values > threshold, 1.0, np.where(values == threshold, (wanted - above) / tied, 0.0))


def _interval(estimate: float, contributions: Scores) -> Interval:
    spread = Z * math.sqrt(float(contributions.var(ddof=1)) / len(contributions))
    return Interval(estimate, max(0.0, estimate - spread), min(1.0, estimate + spread))


def _smallest_leaf(model: Model, rows: Sequence[Row]) -> int:
    return min(int(np.unique(tree, return_counts=True)[1].min()) for tree in model.leaves(rows).T)
