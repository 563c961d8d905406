"""Whether forecast probabilities come true: Brier score, calibration slope and intercept, tenths of predicted risk."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.disclosure import shown
from analytics.discrimination import Interval, Labels, Scores, Z

GROUPS: Final = 10
CERTAIN: Final = 1e-6
"""For slope and intercept nobody is forecast with more certainty than this: log-odds of 0 and 1 are infinite."""
_NEWTON_STEPS: Final = 50


@dataclass(frozen=True, slots=True)
class RiskGroup:
    """People of similar predicted risk: how many (shown count), the mean forecast, and what came of it."""

    people: int
    predicted: float
    observed: Interval


@dataclass(frozen=True, slots=True)
class Calibration:
    """How forecasts compare with what came true (Steyerberg 2019, Clinical Prediction Models, chapter 15).

    Attributes:
        slope: of the outcome's log-odds on the forecast's; 1 is right, below 1 too extreme. None when not defined.
        intercept: the same with the slope held at 1; 0 is right, below 0 too high on the whole. None likewise.
        brier: mean squared error of the probabilities.
        brier_reference: the same for a forecast that gives everybody the share of people with the outcome.
        groups: tenths of predicted risk, lowest first; those that rest on too few people are left out.
    """

    slope: float | None
    intercept: float | None
    brier: float
    brier_reference: float
    groups: tuple[RiskGroup, ...]


def calibrate(probabilities: Scores, labels: Labels) -> Calibration:
    """Compare probabilities with labels, both of shape (people,)."""
    doubtful = np.clip(probabilities, CERTAIN, 1 - CERTAIN)
    log_odds = np.log(doubtful / (1 - doubtful))
    ones = np.ones_like(log_odds)
    line = _logistic(np.column_stack([ones, log_odds]), labels, np.zeros_like(log_odds))
    shift = _logistic(ones[:, None], labels, log_odds)
    share = float(labels.mean())
    return Calibration(
        slope=None if line is None else float(line[1]),
        intercept=None if shift is None else float(shift[0]),
        brier=float(np.mean((probabilities - labels) ** 2)),
        brier_reference=share * (1 - share),
        groups=_groups(probabilities, labels),
    )


def _logistic(design: NDArray[np.float64], labels: Labels, offset: Scores) -> Scores | None:
    """Return unpenalised logistic coefficients by Newton's method, None when it finds none or many."""
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    coefficients = np.zeros(design.shape[1])
    for _ in range(_NEWTON_STEPS):
        expected = 1 / (1 + np.exp(-np.clip(design @ coefficients + offset, -30, 30)))
        curvature = design.T @ (design * (expected * (1 - expected))[:, None])
        try:
            step = np.linalg.solve(curvature, design.T @ (labels - expected))
        except np.linalg.LinAlgError:
            return None
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-10:  # noqa: PLR2004  # converged
            return coefficients
    return None


def _groups(probabilities: Scores, labels: Labels) -> tuple[RiskGroup, ...]:
    tenths = np.array_split(np.argsort(probabilities, kind="stable"), GROUPS)
    groups = (_group(probabilities[tenth], labels[tenth]) for tenth in tenths)
    return tuple(group for group in groups if group is not None)


def _group(probabilities: Scores, labels: Labels) -> RiskGroup | None:
    """Return what may be shown of one group: None when either outcome is too rare in it."""
    cases, controls = shown(int(labels.sum())), shown(int((1 - labels).sum()))
    if cases is None or controls is None:
        return None
    return RiskGroup(cases + controls, float(probabilities.mean()), _wilson(cases, cases + controls))


def _wilson(cases: int, people: int) -> Interval:
    """Return a share with the interval of Wilson 1927 (JASA 22:209-212)."""
    share, weight = cases / people, Z * Z / people
    centre = (share + weight / 2) / (1 + weight)
    spread = Z * math.sqrt(share * (1 - share) / people + weight / (4 * people)) / (1 + weight)
    return Interval(share, centre - spread, centre + spread)
