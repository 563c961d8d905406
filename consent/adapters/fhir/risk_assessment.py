"""A prediction as a FHIR R4 RiskAssessment (https://hl7.org/fhir/R4/riskassessment.html), for whoever asked for it.

    {"resourceType": "RiskAssessment", "status": "final", "method": {…}, "subject": {…},
     "occurrenceDateTime": "…", "performer": {…}, "basis": [{…}],
     "prediction": [{"outcome": {…}, "probabilityDecimal": 0.37, "whenRange": {…}, "rationale": "37 % …"}],
     "note": [{"text": "Creatinine: 1.9 mg/dL; raises the estimate (+0.412)"}]}

`probabilityDecimal` goes from 0 to 1, as the dictionary reads it. R4 lets a reader take it for per cents, so the
rationale says the same with its unit. People and consents are named by their random ids here, not by a hospital's.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any, Final

from consent.adapters.fhir.validation import fault
from consent.domain.errors import ConsentError
from consent.domain.hashing import canonical_json
from consent.services.studies.explaining import CAUTION, Explained

UCUM: Final = "http://unitsofmeasure.org"
SYSTEM: Final = "https://consentry.example/fhir"
"""Under which code system and namespace our own identifiers stand."""
_DECIMALS: Final = 4


class RiskAssessmentError(ConsentError):
    """A prediction does not fit into FHIR R4; take its plain text, and report which release it was."""


def risk_assessment(explained: Explained) -> dict[str, Any]:
    """Return a prediction as a RiskAssessment, JSON values; raise `RiskAssessmentError` where it is not valid R4."""
    resource: dict[str, Any] = {
        "resourceType": "RiskAssessment",
        "id": _id(explained),
        "status": "final",
        "method": _method(explained),
        "code": {"text": explained.outcome},
        "subject": _reference("Patient", "subject", explained.subject),
        "occurrenceDateTime": f"{datetime.fromtimestamp(explained.time, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "performer": _reference("Device", "model", explained.model, f"Consentry, model of {_release(explained)}"),
        "basis": [
            _reference("Consent", "consent", explained.consent),
            _reference("DocumentReference", "dictionary", explained.dictionary, "What the model looks at"),
        ],
        "prediction": [_prediction(explained)],
        "note": [{"text": line} for line in (*explained.sentences(), CAUTION)],
    }
    wrong = fault(resource)
    if wrong is not None:
        raise RiskAssessmentError(f"the prediction {wrong}: take its plain text instead")
    return resource


def _id(explained: Explained) -> str:
    """Return an id that is the same for the same prediction: 64 hex digits, as many as FHIR allows."""
    return hashlib.sha256(canonical_json(explained.to_json())).hexdigest()


def _method(explained: Explained) -> dict[str, Any]:
    coding = {"system": f"{SYSTEM}/model", "code": explained.model}
    text = f"Gradient-boosted trees with exact TreeSHAP contributions, {_release(explained)}"
    return {"coding": [coding], "text": text}


def _release(explained: Explained) -> str:
    return f"release {explained.release} of the study {explained.study}"


def _reference(kind: str, namespace: str, value: str, display: str = "") -> dict[str, Any]:
    named = {"type": kind, "identifier": {"system": f"{SYSTEM}/{namespace}", "value": value}}
    return named | {"display": display} if display else named


def _prediction(explained: Explained) -> dict[str, Any]:
    days = {"unit": "days", "system": UCUM, "code": "d"}
    return {
        "outcome": {"text": explained.outcome},
        "probabilityDecimal": round(explained.probability, _DECIMALS),
        "whenRange": {"low": {"value": 0, **days}, "high": {"value": explained.horizon_days, **days}},
        "rationale": f"{explained.percent}, counted from {explained.index.isoformat()}",
    }
