"""UCUM units (https://ucum.org) that features come in, and the fixed conversions between them.

A quantity in a unit that has no conversion to the feature's own is not guessed at: `convert` returns None and the value
counts as missing.
"""

from typing import Final

UNITS: Final = frozenset({
    "mm[Hg]", "kPa", "/min", "Cel", "[degF]", "10*3/uL", "10*9/L", "g/dL", "g/L", "mg/dL", "umol/L", "mmol/L", "meq/L",
    "[pH]", "mL/(24.h)", "L/(24.h)", "d", "a", "{score}", "{count}",
})  # fmt: skip
"""Units that a dictionary may ask for."""

_LINEAR: Final = {
    ("kPa", "mm[Hg]"): (7.500615758456563, 0.0),  # 1 mmHg is 133.322387415 Pa (ISO 80000-4)
    ("[degF]", "Cel"): (5 / 9, -160 / 9),
    ("10*9/L", "10*3/uL"): (1.0, 0.0),
    ("g/L", "g/dL"): (0.1, 0.0),
    ("L/(24.h)", "mL/(24.h)"): (1000.0, 0.0),
}
"""(from, to) -> factor and offset, whatever is measured."""

_GRAMS_A_MOLE: Final = {
    "2160-0": 113.12,  # creatinine
    "1975-2": 584.66,  # bilirubin
    "2345-7": 180.156,  # glucose
    "3094-0": 28.014,  # urea nitrogen: two nitrogen atoms a molecule
}
"""Molar masses by LOINC code, from the standard atomic weights (IUPAC)."""

_MONOVALENT: Final = frozenset({"2951-2"})
"""LOINC codes of ions of one charge, where a milliequivalent is a millimole: sodium."""


def convert(value: float, unit: str, wanted: str, code: str) -> float | None:
    """Return `value` in the unit `wanted`, or None when there is no conversion.

    Args:
        value: as measured.
        unit: UCUM code that the value came with.
        wanted: UCUM code of the feature.
        code: LOINC code of what was measured; between moles and grams the substance matters.
    """
    found = conversion(unit, wanted, code)
    return None if found is None else value * found[0] + found[1]


def conversion(unit: str, wanted: str, code: str) -> tuple[float, float] | None:
    """Return what `convert` multiplies by and then adds, for many values at once; None when there is no conversion."""
    if unit == wanted:
        return 1.0, 0.0
    return _LINEAR.get((unit, wanted)) or _of_substance(unit, wanted, code)


def _of_substance(unit: str, wanted: str, code: str) -> tuple[float, float] | None:
    if (unit, wanted) == ("meq/L", "mmol/L") and code in _MONOVALENT:
        return 1.0, 0.0
    if wanted == "mg/dL" and code in _GRAMS_A_MOLE:
        per_millimole = _GRAMS_A_MOLE[code] / 10
        return {"mmol/L": (per_millimole, 0.0), "umol/L": (per_millimole / 1000, 0.0)}.get(unit)
    return None
