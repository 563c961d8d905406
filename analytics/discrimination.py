"""How well a forecast tells people with the outcome from people without: AUROC, AUPRC, 95 % intervals, ROC curves."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.disclosure import shown_share

Scores = NDArray[np.float64]
Labels = NDArray[np.int64]

Z: Final = NormalDist().inv_cdf(0.975)
THRESHOLDS: Final = tuple(step / 100 for step in range(100))
"""Where curves are read: fixed, because the steps of a full ROC curve are people."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % confidence interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RocPoint:
    """One threshold of a ROC curve, from shown counts."""

    threshold: float
    false_positive_rate: float
    sensitivity: float


def auroc(scores: Scores, labels: Labels) -> Interval:
    """Return the area under the ROC curve with DeLong's interval (DeLong et al. 1988, Biometrics 44:837-845).

    `scores` and `labels` have shape (people,); at least two people of each label are needed.
    """
    with_outcome, without = _placements(scores, labels)
    return _clipped(with_outcome.mean(), _variance(with_outcome, without), 0.0)


def auroc_difference(scores: Scores, others: Scores, labels: Labels) -> Interval:
    """Return AUROC of `scores` minus AUROC of `others` on the same people, with the paired interval (ibid.)."""
    with_one, without_one = _placements(scores, labels)
    with_other, without_other = _placements(others, labels)
    with_difference, without_difference = with_one - with_other, without_one - without_other
    return _clipped(with_difference.mean(), _variance(with_difference, without_difference), -1.0)


def auprc(scores: Scores, labels: Labels) -> Interval:
    """Return average precision with the logit interval of Boyd, Eng and Page 2013 (ECML PKDD, LNCS 8190:451-466)."""
    from sklearn.metrics import average_precision_score  # noqa: PLC0415  # heavy, and only asked for here

    estimate = float(average_precision_score(labels, scores))
    if estimate >= 1.0:
        return Interval(1.0, 1.0, 1.0)
    logit = math.log(estimate / (1 - estimate))
    spread = Z / math.sqrt(float(labels.sum()) * estimate * (1 - estimate))
    return Interval(estimate, _expit(logit - spread), _expit(logit + spread))


def roc_points(scores: Scores, labels: Labels) -> tuple[RocPoint, ...]:
    """Return the ROC curve at `THRESHOLDS` from shown counts; points that rest on too few people are left out."""
    points = []
    for threshold in THRESHOLDS:
        above = scores >= threshold
        sensitivity = shown_share(int((above & (labels == 1)).sum()), int((labels == 1).sum()))
        false_positives = shown_share(int((above & (labels == 0)).sum()), int((labels == 0).sum()))
        if sensitivity is not None and false_positives is not None:
            points.append(RocPoint(threshold, false_positives, sensitivity))
    return tuple(points)


def _placements(scores: Scores, labels: Labels) -> tuple[Scores, Scores]:
    """Return for each person the share of those with the other label who are ranked on the right side; ties count half.

    Their mean is the AUROC; their variances give DeLong's.
    """
    cases, controls = np.sort(scores[labels == 1]), np.sort(scores[labels == 0])
    return _share_below(scores[labels == 1], controls), 1.0 - _share_below(scores[labels == 0], cases)


def _share_below(values: Scores, ascending: Scores) -> Scores:
    below = np.searchsorted(ascending, values, "left") + np.searchsorted(ascending, values, "right")
    return below / (2.0 * len(ascending))


def _variance(with_outcome: Scores, without: Scores) -> float:
    return float(with_outcome.var(ddof=1) / len(with_outcome) + without.var(ddof=1) / len(without))


def _clipped(estimate: float, variance: float, least: float) -> Interval:
    spread = Z * math.sqrt(variance)
    return Interval(float(estimate), max(least, float(estimate - spread)), min(1.0, float(estimate + spread)))


def _expit(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-logit))
