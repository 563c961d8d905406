"""The package as a whole, and its units."""

import subprocess
import sys
from pathlib import Path

import pytest

import analytics
from analytics.units import UNITS, convert

LOADED = "import sys; {}; print(sorted({{'xgboost', 'sklearn', 'matplotlib'}} & set(sys.modules)))"


@pytest.mark.parametrize(
    ("program", "loaded"),
    [
        ("import analytics", "[]"),
        ("from analytics import fit", "['xgboost']"),
        ("from analytics import fit, evaluate", "['sklearn', 'xgboost']"),
    ],
)
def test_what_is_heavy_is_loaded_by_what_needs_it(program: str, loaded: str) -> None:
    command = [sys.executable, "-c", LOADED.format(program)]
    root = Path(__file__).parents[2]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)  # our own text
    assert ran.stdout.strip() == loaded


def test_every_public_name_is_there_and_no_other() -> None:
    assert all(getattr(analytics, name) for name in analytics.__all__)
    with pytest.raises(AttributeError, match="no attribute 'guess'"):
        analytics.guess  # noqa: B018  # asking is the point


def test_the_software_is_named_with_its_versions() -> None:
    assert {"numpy", "xgboost", "python", "platform"} == set(analytics.software())


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "code", "expected"),
    [
        (1.0, "kPa", "mm[Hg]", "8478-0", 7.50062),
        (98.6, "[degF]", "Cel", "8310-5", 37.0),
        (35.0, "g/L", "g/dL", "1751-7", 3.5),
        (7.0, "10*9/L", "10*3/uL", "6690-2", 7.0),
        (1.5, "L/(24.h)", "mL/(24.h)", "9192-6", 1500.0),
        (5.0, "mmol/L", "mg/dL", "2345-7", 90.08),
        (88.4, "umol/L", "mg/dL", "2160-0", 1.0),
        (17.1, "umol/L", "mg/dL", "1975-2", 1.0),
        (1.0, "mmol/L", "mg/dL", "3094-0", 2.80),
        (140.0, "meq/L", "mmol/L", "2951-2", 140.0),
        (5.0, "mmol/L", "mg/dL", "8867-4", None),
        (5.0, "meq/L", "mmol/L", "2345-7", None),
        (5.0, "mg/dL", "g/dL", "2160-0", None),
    ],
)
def test_conversions_agree_with_the_clinical_ones(
    value: float, unit: str, wanted: str, code: str, expected: float | None
) -> None:
    assert {unit, wanted} <= UNITS
    assert convert(value, unit, wanted, code) == (expected if expected is None else pytest.approx(expected, rel=2e-3))
