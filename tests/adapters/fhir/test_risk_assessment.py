"""A prediction as FHIR R4: valid, read back by our own reader, and naming nobody beyond their random id."""

import json
from dataclasses import replace
from datetime import date

import pytest
from fhir.resources.R4B.riskassessment import RiskAssessment

from analytics.fhir import is_usable, probability, resource_date
from consent.adapters.fhir import read
from consent.adapters.fhir.risk_assessment import RiskAssessmentError, risk_assessment
from consent.domain.terms import SubjectId
from consent.services.studies.explaining import CAUTION, Contribution, Explained

EXPLAINED = Explained(
    subject=SubjectId("5a" * 16),
    study="bedside",
    release=2,
    model="ab" * 32,
    dictionary="cd" * 32,
    consent="ef" * 16,
    actor="treating:ward-3",
    time=1_785_000_000,
    outcome="Death within 90 days",
    horizon_days=90,
    index=date(2020, 6, 15),
    probability=0.372549,
    log_odds=-0.5213,
    base=-0.8,
    contributions=(
        Contribution("age", "Age", "61 years", 61.2, 0.0787),
        Contribution("creatinine", "Creatinine", "1.9 mg/dL", 1.9, 0.2),
        Contribution("sodium", "Sodium", "", None, 0.0),
    ),
)


def test_it_is_valid_r4_and_says_outcome_probability_horizon_method_basis_and_performer() -> None:
    resource = risk_assessment(EXPLAINED)
    RiskAssessment.model_validate_json(json.dumps(resource))
    [prediction] = resource["prediction"]
    assert prediction["outcome"] == {"text": "Death within 90 days"}
    assert prediction["probabilityDecimal"] == 0.3725
    assert prediction["rationale"] == "37 %, counted from 2020-06-15"
    assert (prediction["whenRange"]["high"]["value"], prediction["whenRange"]["high"]["code"]) == (90, "d")
    assert resource["method"]["coding"][0]["code"] == resource["performer"]["identifier"]["value"] == EXPLAINED.model
    assert [one["type"] for one in resource["basis"]] == ["Consent", "DocumentReference"]
    assert resource["subject"]["identifier"]["value"] == EXPLAINED.subject


def test_its_notes_say_the_contributions_in_plain_words_the_weightiest_first() -> None:
    assert [note["text"] for note in risk_assessment(EXPLAINED)["note"]] == [
        "Creatinine: 1.9 mg/dL; raises the estimate (+0.200)",
        "Age: 61 years; raises the estimate (+0.079)",
        "Sodium: not recorded; changes nothing",
        CAUTION,
    ]


def test_our_own_readers_read_it() -> None:
    resource = risk_assessment(EXPLAINED)
    assert probability(resource) == 0.3725
    assert is_usable(resource)
    assert resource_date(resource) == date(2026, 7, 25)


def test_the_same_prediction_has_the_same_id_and_another_one_another() -> None:
    assert risk_assessment(EXPLAINED) == risk_assessment(EXPLAINED)
    assert risk_assessment(EXPLAINED)["id"] != risk_assessment(replace(EXPLAINED, time=EXPLAINED.time + 1))["id"]


def test_an_import_does_not_take_it_for_a_record_of_somebody() -> None:
    """It names its person by our own random id, of which a hospital's export knows nobody."""
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": risk_assessment(EXPLAINED)}]}
    assert [type(found).__name__ for found in read([json.dumps(bundle).encode()])] == ["Problem"]


def test_what_fits_into_no_r4_is_refused() -> None:
    with pytest.raises(RiskAssessmentError, match="plain text"):
        risk_assessment(replace(EXPLAINED, outcome=""))
