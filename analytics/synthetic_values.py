"""Invented numbers that look like measured ones, so that a chart of them is not absurd. Nothing is learned from data.

Each unit has a middle and a spread: half of all values lie above the middle, and about a sixth more than one spread
above it. Both are round figures from textbooks of clinical chemistry, with no claim beyond that.
"""

from collections.abc import Mapping
from math import exp
from typing import Final

_BY_UNIT: Final[Mapping[str, tuple[float, float]]] = {
    "mm[Hg]": (85, 0.2), "kPa": (11, 0.2), "/min": (85, 0.25), "Cel": (37.2, 0.02), "[degF]": (98.9, 0.015),
    "10*3/uL": (9, 0.4), "10*9/L": (9, 0.4), "g/dL": (4, 0.2), "g/L": (40, 0.2), "mg/dL": (20, 0.5),
    "umol/L": (90, 0.4), "mmol/L": (6, 0.3), "meq/L": (140, 0.03), "[pH]": (7.4, 0.01), "mL/(24.h)": (1800, 0.4),
    "L/(24.h)": (1.8, 0.4), "d": (6, 0.7), "a": (12, 0.25), "{score}": (20, 0.5), "{count}": (2, 0.6),
}  # fmt: skip
"""UCUM unit -> middle, and spread of the logarithm."""

_BY_CODE: Final[Mapping[tuple[str, str], tuple[float, float]]] = {
    ("2160-0", "mg/dL"): (1.1, 0.45),  # creatinine
    ("1975-2", "mg/dL"): (0.9, 0.6),  # bilirubin
    ("2345-7", "mg/dL"): (120, 0.3),  # glucose
    ("2951-2", "mmol/L"): (138, 0.03),  # sodium
    ("8310-5", "Cel"): (37.1, 0.02),  # body temperature
    ("9279-1", "/min"): (20, 0.3),  # breaths
}


def measured(code: str, unit: str, deviation: float) -> float:
    """Return a value so many spreads above the middle of what has this LOINC code and UCUM unit."""
    middle, spread = _BY_CODE.get((code, unit)) or _BY_UNIT[unit]
    value = middle * exp(spread * deviation)
    return float(round(value)) if unit == "{count}" else round(value, 2)


def between(bounds: tuple[float | None, float | None], share: float) -> float:
    """Return a value within the bounds, `share` (0 to 1) of the way from the low one, or from the only one."""
    low, high = bounds
    if low is None and high is None:
        return 1.0 + share
    if low is None:
        return (high or 0.0) - share * (abs(high or 1.0) / 2)
    return low + share * (high - low if high is not None else abs(low or 1.0) / 2)
