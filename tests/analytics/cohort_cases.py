"""People and cohorts as widely as they come, for what must hold of any of them: sound, odd, and misshapen.

Each is a function of a seed. What is drawn comes from few codes, days and units, so that leaves meet resources.
"""

import json
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from analytics import CohortQuery

SCT: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
CATEGORIES: Final = ("conditions", "demographics", "laboratory", "medications", "procedures", "outcomes")

_SYSTEMS: Final = (SCT, LOINC)
_CODES: Final = ("2160-0", "2951-2", "84114007")
_UNITS: Final = ("mg/dL", "mg/dL", "umol/L", "umol/L", "mmol/L", "meq/L")
_DAYS: Final = ("2020-06-01", "2020-06-05", "2020-06-14", "2020-06-15", "2020-06-16", "2019-06-15", "2020-02-29")
_BIRTHS: Final = ("2002-06-15", "2002-06-16", "2002-06-05", "2000-02-29", "2000-03-01", "1950-01-01", "2020-06-15")
_ODD_DAYS: Final = ("2020", "2020-06", "2020-02-30", "2020-06-14T23:30:00-05:00", "2020-06-05T08:00:60Z", "", None)
_VALUES: Final = (0.9, 1, 1.2, 2.0, 106.1, 140, 1e300, -3.5)
_ODD_VALUES: Final = (None, "1", True, float("nan"), float("inf"), 1.7e308)
_STATUSES: Final = ("final", "amended", "active", "completed", "in-progress", "entered-in-error", "cancelled", None)
NONSENSE: Final[tuple[Any, ...]] = (
    None,
    5,
    True,
    "x",
    [],
    {},
    [5],
    [{}],
    {"coding": 5},
    {"coding": [None]},
    {"end": 5},
    10**400,
)
_BOUNDS: Final = (None, None, -5, 0, 1, 1.2, 2, 18, 20, 70, 140, 1e14)
_WINDOWS: Final = ([-365, 0], [-14, -1], [0, 0], [-9, 0], [-1, -1], [-73000, -366])
_TYPES: Final = {
    "conditions": ("Condition",),
    "demographics": ("Patient",),
    "laboratory": ("Observation",),
    "medications": ("MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"),
    "procedures": ("Procedure",),
    "outcomes": ("Condition", "Patient", "Observation", "MedicationStatement", "Procedure", "Encounter", "Unheard"),
}
_CODED: Final = ("condition", "medication", "procedure")


class Chance(Random):
    """What is drawn from."""

    def happens(self, one_in: int) -> bool:
        """Say whether what happens once in so many times happens."""
        return self.randrange(one_in) == 0

    def mostly(self, usual: tuple[Any, ...], odd: tuple[Any, ...], one_in: int = 12) -> Any:
        """Draw something usual, and now and then something odd."""
        return self.choice(odd if self.happens(one_in) else usual)

    def some(self, **fields: Any) -> dict[str, Any]:
        """Keep some of these fields."""
        return {name: value for name, value in fields.items() if self.happens(2)}


def person(seed: int) -> dict[str, list[Any]]:
    """Draw a person with up to five resources of each kind that they have."""
    chance = Chance(seed)
    kinds = [name for name in CATEGORIES if not chance.happens(8)]
    return {name: [_resource(chance, name) for _ in range(chance.randrange(6))] for name in kinds}


def misshapen(seed: int) -> dict[str, list[Any]]:
    """Draw a person of whose resources about one is not FHIR R4, in one place or another."""
    chance, drawn = Chance(seed), person(seed)
    for resources in drawn.values():
        for place, resource in enumerate(resources):
            if chance.happens(10):
                resources[place] = _spoilt(chance, resource)
    return drawn


def query(seed: int) -> CohortQuery:
    """Draw a cohort with any kind of index and nested conditions."""
    chance = Chance(seed)
    index = {chance.choice(("first", "last")): _coded(chance)} if chance.happens(2) else {"day": chance.choice(_DAYS)}
    return _parsed(index, _tree(chance, 3))


_SEEDS: Final = st.integers(0, 2**32)
PEOPLE: Final = _SEEDS.map(person)
MISSHAPEN: Final = _SEEDS.map(misshapen)
QUERIES: Final = _SEEDS.map(query)


def _resource(chance: Chance, category: str) -> dict[str, Any]:
    name = chance.choice(_TYPES[chance.mostly((category,), CATEGORIES)])
    if name == "Patient":
        born = chance.mostly(_BIRTHS, ("2002", "2002-06", ""))
        return {"resourceType": name} | chance.some(birthDate=born, gender=chance.mostly(("female", "male"), (5, None)))
    about = "medicationCodeableConcept" if name.startswith("Medication") else "code"
    resource = {"resourceType": name, about: _concept(chance), "status": _status(chance, name)}
    if name == "Observation":
        resource["valueQuantity"] = _quantity(chance)
    if chance.happens(8):
        resource |= chance.some(intent=chance.choice(("order", "plan")), doNotPerform=True, verificationStatus=_doubt())
    return resource | _dates(chance)


def _dates(chance: Chance) -> dict[str, Any]:
    """Draw the day of any type, and more of them now and then."""
    names = ("recordedDate", "effectiveDateTime", "performedDateTime", "authoredOn", "whenPrepared", "period")
    dates: dict[str, Any] = dict.fromkeys(names, _day(chance))
    if chance.happens(4):
        period = chance.some(start=_day(chance), end=_day(chance) or _DAYS[0])  # a null is not FHIR
        dates |= chance.some(onsetPeriod=period, effectivePeriod=period, performedPeriod=period)
        dates |= chance.some(onsetDateTime=_day(chance), whenHandedOver=_day(chance), dateAsserted=_day(chance))
    return dates if not chance.happens(12) else {}


def _day(chance: Chance) -> Any:
    return chance.mostly(_DAYS, _ODD_DAYS)


def _status(chance: Chance, name: str) -> Any:
    return chance.mostly(("final" if name == "Observation" else "completed",), _STATUSES, 6)


def _doubt() -> dict[str, Any]:
    return {"coding": [{"code": "confirmed"}, {"code": "refuted"}]}


def _concept(chance: Chance) -> Any:
    codings = [_coding(chance) for _ in range(chance.choice((1, 1, 2, 3)))]
    return chance.mostly(({"coding": codings},), ({"text": "so"}, None, {"coding": []}), 20)


def _coding(chance: Chance) -> dict[str, Any]:
    coding = {"system": chance.mostly(_SYSTEMS, ("urn:foreign", "", None)), "code": chance.mostly(_CODES, ("9", "", 5))}
    return coding if not chance.happens(20) else chance.some(**coding)


def _quantity(chance: Chance) -> Any:
    value, unit = chance.mostly(_VALUES, _ODD_VALUES), chance.mostly(_UNITS, ("furlong", "", None, 5))
    measured = {"value": value, "system": chance.mostly((UCUM,), ("urn:foreign", None)), "code": unit}
    return chance.mostly((measured,), (None, {}, {"value": 1, "code": "mg/dL"}), 20)


def _spoilt(chance: Chance, resource: dict[str, Any]) -> Any:
    """Put nonsense into one place, deep inside or in the place of all."""
    if not resource or chance.happens(12):
        return chance.choice(NONSENSE)
    name = chance.choice(tuple(resource))
    inner = resource[name]
    if isinstance(inner, dict) and chance.happens(2):
        return resource | {name: _spoilt(chance, inner)}
    if inner and isinstance(inner, list) and isinstance(inner[0], dict) and not chance.happens(3):
        return resource | {name: [*inner[:-1], _spoilt(chance, inner[-1])]}
    if chance.happens(6):
        return {other: value for other, value in resource.items() if other != name}
    return resource | {name: chance.choice(NONSENSE)}


def _tree(chance: Chance, deepest: int) -> dict[str, Any]:
    word = chance.choice(("leaf", "leaf", "all", "any", "not", "at_least"))
    if word == "leaf" or deepest == 0:
        return _leaf(chance)
    if word == "not":
        return {"not": _tree(chance, deepest - 1)}
    members = [_tree(chance, deepest - 1) for _ in range(chance.choice((1, 2, 2, 3, 4)))]
    if word == "at_least":
        once = list({_parsed({"day": _DAYS[0]}, member).id: member for member in members}.values())
        return {"at_least": {"n": chance.randint(1, len(once)), "of": once}}
    return {word: members if not chance.happens(20) or word == "any" else []}


def _leaf(chance: Chance) -> dict[str, Any]:
    if not chance.happens(3):
        return _coded(chance, window=chance.choice(_WINDOWS))
    if chance.happens(3):
        genders = chance.sample(("female", "male", "other"), chance.randint(1, 2))
        return {"demographics": {"gender": genders} | _elsewhere(chance)}
    return {"demographics": {"age": _range(chance)} | _elsewhere(chance)}


def _coded(chance: Chance, **more: Any) -> dict[str, Any]:
    named = {"system": chance.mostly(_SYSTEMS, ("urn:never",)), "codes": chance.sample(_CODES, chance.randint(1, 3))}
    named |= _elsewhere(chance) | chance.some(**more)
    if chance.happens(2):
        return {"measurement": named | {"unit": chance.mostly(_UNITS, ("Cel",)), "range": _range(chance)}}
    return {chance.choice(_CODED): named}


def _elsewhere(chance: Chance) -> dict[str, Any]:
    return chance.choice(({}, {}, {"category": "outcomes"}, {"category": chance.choice(CATEGORIES)}))


def _range(chance: Chance) -> list[Any]:
    low, high = chance.choice(_BOUNDS), chance.choice(_BOUNDS)
    return [low, high] if low is None or high is None or low <= high else [high, low]


def _parsed(index: Any, where: Any) -> CohortQuery:
    return CohortQuery.parse(json.dumps({"version": 1, "index": index, "where": where}))
