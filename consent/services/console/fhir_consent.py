"""One consent as a FHIR R4 Consent (http://hl7.org/fhir/R4/consent.html), under its person's pseudonym.

    {"resourceType": "Consent", "id": "<consent>", "status": "active", "scope": {"coding": [{…}]}, …}

`status` is `active` while a study may rest on it, `proposed` while it is on its way to the chain, else `inactive`. The
four sentences that were signed are its narrative. Terms that R4 has no code for stand under systems of this program's.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from consent.domain.data_use import DataUse
from consent.domain.details import Details
from consent.domain.signed_consent import SignedConsent
from consent.domain.terms import Category, Operation, Window
from consent.services.console.sides import ConsentState, Difference, Sides

SYSTEM: Final = "https://consentry.example/fhir"
"""Under it stand the names that only this program has: `consent`, `subject`, `study`, `category`, `operation`."""
_HL7: Final = "http://terminology.hl7.org/CodeSystem"
_DUO: Final = "http://purl.obolibrary.org/obo/duo.owl"
_STATUS: Final = {ConsentState.IN_FORCE: "active", ConsentState.WAITING: "proposed"}
_WORDS: Final = {
    Operation.TRAIN: "Train models",
    Operation.PREDICT: "Predict their own risk",
    Operation.EXPORT: "Receive a copy",
}


def fhir_consent(sides: Sides, signed: SignedConsent, state: ConsentState, flaws: tuple[Difference, ...]) -> Any:  # noqa: ANN401  # JSON
    """Return a consent whose person was not erased as JSON values; `flaws` are the differences of its sides."""
    terms, details = signed.terms, sides.details()
    given = sides.given.time if sides.given else 0
    resource: dict[str, Any] = {
        "resourceType": "Consent",
        "id": sides.id,
        "meta": {"security": [_coding(f"{_HL7}/v3-ObservationValue", "PSEUDED", "pseudonymized")]},
        "language": terms.language,
        "identifier": [{"system": f"{SYSTEM}/consent", "value": sides.id}],
        "status": _STATUS.get(state, "inactive"),
        "scope": {"coding": [_coding(f"{_HL7}/consentscope", "research", "Research")]},
        "category": [{"coding": [_coding("http://loinc.org", "59284-0", "Consent Document")]}],
        "patient": {"identifier": {"system": f"{SYSTEM}/subject", "value": terms.subject}},
        "dateTime": _instant(given),
        "organization": [{"display": terms.study.institution}],
        "policyRule": {"coding": [_coding(f"{SYSTEM}/study", terms.study.id, terms.study.title)]},
        "verification": [{"verified": not flaws}],
        "provision": _provision(sides, signed, given),
    }
    return resource | ({"text": _narrative(details)} if details else {})


def _provision(sides: Sides, signed: SignedConsent, given: int) -> dict[str, Any]:
    """Return what is permitted from when to when: it ends as it was stopped, or runs out."""
    terms, ends = signed.terms, signed.expires
    if sides.stopped is not None:
        ends = max(given, min(ends, sides.stopped.time))
    found: dict[str, Any] = {
        "type": "permit",
        "period": {"start": _instant(given), "end": _instant(ends)},
        "action": [_action(operation) for operation in sorted(terms.operations)],
        "purpose": [_coding(f"{_HL7}/v3-ActReason", "HRESCH", "healthcare research"), *_purposes(terms.data_use)],
        "class": [_coding(f"{SYSTEM}/category", category.value) for category in sorted(terms.categories, key=_value)],
    }
    return found | _data_period(terms.window)


def _value(category: Category) -> str:
    return category.value


def _action(operation: Operation) -> dict[str, Any]:
    use = _coding(f"{_HL7}/consentaction", "use", "Use")
    return {"coding": [use, _coding(f"{SYSTEM}/operation", operation.value)], "text": _WORDS[operation]}


def _purposes(use: DataUse) -> list[dict[str, str]]:
    """Return a permission in terms of the Data Use Ontology, as far as it has terms without an argument."""
    found = [
        (use.general_use, "DUO:0000042", "general research use"),
        (use.health_research, "DUO:0000006", "health or medical or biomedical research"),
        (bool(use.diseases), "DUO:0000007", "disease specific research"),
        (use.ancestry, "DUO:0000011", "population origins or ancestry research only"),
        (bool(use.non_profit_only), "DUO:0000018", "not for profit, non commercial use only"),
    ]
    diseases = [_coding("http://purl.obolibrary.org/obo/mondo.owl", disease) for disease in sorted(use.diseases)]
    return [_coding(_DUO, code, words) for holds, code, words in found if holds] + diseases


def _data_period(window: Window) -> dict[str, Any]:
    ends = {"start": window.start, "end": window.end}
    period = {name: day.isoformat() for name, day in ends.items() if day}
    return {"dataPeriod": period} if period else {}


def _narrative(details: Details) -> Mapping[str, str]:
    sentences = (details.who, details.what, details.why, details.until)
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{said}</div>'}


def _coding(system: str, code: str, display: str = "") -> dict[str, str]:
    return {"system": system, "code": code} | ({"display": display} if display else {})


def _instant(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"
