"""Numbers in, numbers out: from FHIR R4 resources to features, a model and its evaluation. It knows nothing of consent.

    dictionary = Dictionary.parse(text)
    rows = [row for records in people if (row := dictionary.row(records, permitted)) is not None]
    parameters = Parameters(features=dictionary.names)
    model = fit(rows, parameters)
    evaluation = evaluate(rows, parameters)

| module | holds |
| --- | --- |
| `dictionary`, `features`, `fhir`, `units` | how resources become a row |
| `cohort` | who is looked at, and from which day on |
| `cohort_table`, `cohort_columns` | the same of many people at once, from arrays |
| `synthetic` | invented people, to write a study before anybody is counted |
| `rows` | rows, their canonical bytes and hashes |
| `parameters`, `training` | fit, predict, explain |
| `apart`, `child`, `frames` | training in a process that can write no file |
| `evaluation`, `evaluating`, `folding` | how good a model is |
| `discrimination`, `calibration`, `disclosure` | its parts, told without pointing at anyone |
| `release_gate`, `examining` | what a model gives away, and whether it may serve and leave |
| `plots` | the same as SVG |
"""

from importlib import import_module
from typing import TYPE_CHECKING

from analytics.cohort import CohortQuery
from analytics.dictionary import Dictionary
from analytics.errors import (
    AnalyticsError,
    CohortError,
    DictionaryError,
    FiguresError,
    MarginsError,
    ModelError,
    ParametersError,
    RowsError,
    TrainingChildError,
)
from analytics.evaluation import Evaluation
from analytics.fhir import resource_date
from analytics.parameters import Parameters
from analytics.release_gate import GateFigures
from analytics.rows import Row, matrix, ordered, row_hash
from analytics.software import software

if TYPE_CHECKING:
    from analytics.evaluating import evaluate
    from analytics.training import Model, fit

__all__ = [
    "AnalyticsError",
    "CohortError",
    "CohortQuery",
    "Dictionary",
    "DictionaryError",
    "Evaluation",
    "FiguresError",
    "GateFigures",
    "MarginsError",
    "Model",
    "ModelError",
    "Parameters",
    "ParametersError",
    "Row",
    "RowsError",
    "TrainingChildError",
    "evaluate",
    "fit",
    "matrix",
    "ordered",
    "resource_date",
    "row_hash",
    "software",
]

_LATE = {
    "Model": "analytics.training",
    "evaluate": "analytics.evaluating",
    "fit": "analytics.training",
}


def __getattr__(name: str) -> object:
    """Import what needs XGBoost or scikit-learn when it is first asked for: they take a second to load."""
    if name not in _LATE:
        raise AttributeError(f"module 'analytics' has no attribute {name!r}")
    return getattr(import_module(_LATE[name]), name)
