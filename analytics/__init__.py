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
| `rows` | rows, their canonical bytes and hashes |
| `training` | fit, predict, explain |
| `evaluation`, `discrimination`, `calibration`, `disclosure` | how good a model is, told without pointing at anyone |
| `plots` | the same as SVG |
"""

from importlib import import_module
from typing import TYPE_CHECKING

from analytics.cohort import CohortQuery
from analytics.dictionary import Dictionary
from analytics.errors import AnalyticsError, CohortError, DictionaryError, ModelError, ParametersError, RowsError
from analytics.fhir import resource_date
from analytics.rows import Row, matrix, ordered, row_hash
from analytics.software import software

if TYPE_CHECKING:
    from analytics.evaluation import Evaluation, evaluate
    from analytics.training import Model, Parameters, fit

__all__ = [
    "AnalyticsError",
    "CohortError",
    "CohortQuery",
    "Dictionary",
    "DictionaryError",
    "Evaluation",
    "Model",
    "ModelError",
    "Parameters",
    "ParametersError",
    "Row",
    "RowsError",
    "evaluate",
    "fit",
    "matrix",
    "ordered",
    "resource_date",
    "row_hash",
    "software",
]

_LATE = {
    "Evaluation": "analytics.evaluation",
    "Model": "analytics.training",
    "Parameters": "analytics.training",
    "evaluate": "analytics.evaluation",
    "fit": "analytics.training",
}


def __getattr__(name: str) -> object:
    """Import what needs XGBoost or scikit-learn when it is first asked for: they take a second to load."""
    if name not in _LATE:
        raise AttributeError(f"module 'analytics' has no attribute {name!r}")
    return getattr(import_module(_LATE[name]), name)
