"""A study to try things out on: what its model looks at, and whom it is about. Its people are invented.

| file | what |
| --- | --- |
| `dictionary.toml` | which resources become which features, and the outcome |
| `population.json` | from which the people are invented: adults with heart failure |
| `cohort.json` | a researcher's question about them: those aged 50 or more |
"""

from importlib.resources import files
from typing import Final

SEED: Final = 7
"""Of the invented people: the same seed, the same people."""


def dictionary_text() -> str:
    """Return the dictionary, for `analytics.Dictionary.parse`."""
    return _text("dictionary.toml")


def population_text() -> str:
    """Return the query that the people are invented for, for `analytics.CohortQuery.parse`."""
    return _text("population.json")


def cohort_text() -> str:
    """Return the researcher's query, for `analytics.CohortQuery.parse`."""
    return _text("cohort.json")


def _text(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
