"""Match a study's purpose with what a patient permits (GA4GH Data Use Ontology, DUO).

    permitted = DataUse(health_research=True, non_profit_only=True)
    requested = DataUse(diseases=frozenset({"MONDO:0005148"}))
    match(permitted, requested, is_a).outcome        # Outcome.APPROVE

The rules follow version 4 of the matching of the Broad Institute's DUOS, which decides per data set; here the decision
is per patient. The matcher knows no ontology: `is_a(x, ancestor)` is passed in.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from consent.domain.errors import ConsentError
from consent.domain.hashing import Json
from consent.domain.wording import ENGLISH, Wording

IsA = Callable[[str, str], bool]
"""`is_a(x, ancestor)`: whether disease `x` is a kind of `ancestor`."""

_NAME_LIMIT: Final = 200
_FLAGS: Final = ("general_use", "health_research", "ancestry", "methods")
_SETS: Final = ("diseases", "other")


class InvalidDataUseError(ConsentError):
    """This is no data use; send exactly the published fields, each of its own kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataUse:
    """What a patient permits, or what a study requests. A field of the wrong kind raises `InvalidDataUseError`.

    Attributes:
        general_use: any research (GRU, DUO:0000042).
        health_research: health, medical or biomedical research, ancestry not included (HMB, DUO:0000006).
        diseases: research on these diseases (DS, DUO:0000007), each one line such as `MONDO:0005148`.
        ancestry: research on population origins or ancestry (POA, DUO:0000011).
        methods: requested: methods development is wanted. Permitted: it is forbidden (NMDS, DUO:0000015); `False`,
            the default, allows it. DUO only has a code for the prohibition, so no flag is needed to allow it.
        non_profit_only: permitted: `True` allows non-profit studies only (NPUNCU, DUO:0000018), `False` and `None`
            restrict nothing. Requested: `False` means that the study is for profit.
        other: names of anything else, which no machine decides (IRB, COL, PUB, GS, …), on either side.
    """

    general_use: bool = False
    health_research: bool = False
    diseases: frozenset[str] = frozenset()
    ancestry: bool = False
    methods: bool = False
    non_profit_only: bool | None = None
    other: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        flags_hold = all(type(getattr(self, name)) is bool for name in _FLAGS)
        if not flags_hold or not (self.non_profit_only is None or type(self.non_profit_only) is bool):
            raise InvalidDataUseError("a data use's flags are true or false; only non_profit_only may be null")
        for name in _SETS:
            names = getattr(self, name)
            if type(names) is not frozenset or not all(_is_name(member) for member in names):
                raise InvalidDataUseError(f"{name} is a set of names, each one line of 1 to 200 printable characters")

    def to_json(self) -> dict[str, Json]:
        """Return the data use as JSON values: every field, sets as sorted lists."""
        members: dict[str, Json] = {name: getattr(self, name) for name in self.__slots__}
        return members | {"diseases": sorted(self.diseases), "other": sorted(self.other)}

    @classmethod
    def from_json(cls, value: Json) -> "DataUse":
        """Read a data use back; raise `InvalidDataUseError` on anything but what `to_json` writes."""
        if not isinstance(value, Mapping) or set(value) != set(cls.__slots__):
            raise InvalidDataUseError("a data use has exactly the published fields")
        sets = {name: _name_set(value[name], name) for name in _SETS}
        return cls(**{**value, **sets})  # type: ignore[arg-type]  # __post_init__ checks each kind

    def sentence(self, wording: Wording = ENGLISH) -> str:
        """Say in one plain sentence what this, as a permission, allows: why the records may be used."""
        return f"{_aim(self, wording)}{_limits(self, wording)}."


class Outcome(Enum):
    """What a machine can say of a purpose."""

    APPROVE = "approve"
    DENY = "deny"
    ABSTAIN = "abstain"
    """A person must look; for training, what no person has resolved counts as a DENY."""


@dataclass(frozen=True, slots=True)
class Match:
    """The outcome, and the reasons for it in words that are safe to show to anyone who asks."""

    outcome: Outcome
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Condition:
    """One thing that a study asks: what the patient must have permitted for it, and whether they have."""

    asked: str
    needed: str
    met: bool


def match(permitted: DataUse, requested: DataUse, is_a: IsA) -> Match:
    """Say whether `permitted` covers everything that `requested` asks.

    A study that carries anything of `other` is an ABSTAIN whatever else it says. All its conditions must hold, or it is
    a DENY, with a reason for each that does not. A study that says only that it is for profit asks for general use; one
    that asks nothing leaves nothing to decide: ABSTAIN. So does a patient's own `other`, where all conditions hold.
    """
    if requested.other:
        return _abstain("the study", requested.other)
    conditions = tuple(_conditions(permitted, requested, is_a))
    unmet = tuple(f"{each.asked} needs {each.needed}" for each in conditions if not each.met)
    if unmet:
        return Match(Outcome.DENY, unmet)
    if not conditions:
        return Match(Outcome.ABSTAIN, ("a person must look: the study names no purpose",))
    if permitted.other:
        return _abstain("the patient", permitted.other)
    return Match(Outcome.APPROVE, tuple(f"{each.asked} is permitted" for each in conditions))


def permission_for(requested: DataUse) -> DataUse:
    """Return the narrowest permission under which `match` approves `requested`: what patients are asked to agree to.

    Whatever the study does not ask stays forbidden: making money, building new methods. A study that asks for methods
    development only could rest on any research; it gets health research, so that patients permit no more than that.

    Raises `InvalidDataUseError` where no permission can do, because a person would have to look each time.
    """
    if requested.other:
        raise InvalidDataUseError(f"no machine decides {', '.join(sorted(requested.other))}: leave it out")
    for_profit = requested.non_profit_only is False
    if not (_names_purpose(requested) or for_profit):
        raise InvalidDataUseError("the purpose names no research: say what the study is for")
    if requested.general_use or not _names_purpose(requested):
        named = DataUse(general_use=True)
    else:
        health = requested.health_research or not _names_research(requested)
        diseases = frozenset[str]() if health else requested.diseases
        named = DataUse(health_research=health, diseases=diseases, ancestry=requested.ancestry)
    return replace(named, methods=not requested.methods, non_profit_only=not for_profit)


def _abstain(speaker: str, names: frozenset[str]) -> Match:
    return Match(Outcome.ABSTAIN, tuple(f"a person must look: {speaker} says {name}" for name in sorted(names)))


def _conditions(permitted: DataUse, requested: DataUse, is_a: IsA) -> Iterator[_Condition]:
    health = permitted.general_use or permitted.health_research
    for disease in sorted(requested.diseases):
        covered = health or any(disease == each or is_a(disease, each) for each in permitted.diseases)
        needed = "general use, health research, or a permission for it or for a broader disease"
        yield _Condition(f"research on {disease}", needed, covered)
    if requested.health_research:
        yield _Condition("health research", "general use or health research", health)
    if requested.ancestry:
        ancestry = permitted.general_use or permitted.ancestry
        yield _Condition("ancestry research", "general use or ancestry research", ancestry)
    for_profit = requested.non_profit_only is False
    if requested.general_use or (for_profit and not _names_purpose(requested)):
        yield _Condition("general research", "general use", permitted.general_use)
    if requested.methods:
        allowed = _names_research(permitted) and not permitted.methods
        yield _Condition("methods development", "a permission that does not forbid it", allowed)
    if for_profit:
        yield _Condition("research for profit", "more than non-profit use", not permitted.non_profit_only)


def _names_research(use: DataUse) -> bool:
    return use.general_use or use.health_research or use.ancestry or bool(use.diseases)


def _names_purpose(requested: DataUse) -> bool:
    return _names_research(requested) or requested.methods


def _aim(use: DataUse, wording: Wording) -> str:
    if use.general_use:
        return wording.any_research
    diseases = sorted(wording.diseases.get(disease, disease) for disease in use.diseases)
    aims = [wording.health] if use.health_research else diseases
    aims += [wording.ancestry] if use.ancestry else []
    return wording.aim.format(aims=wording.listed(aims)) if aims else wording.no_research


def _limits(use: DataUse, wording: Wording) -> str:
    never = [wording.money] if use.non_profit_only else []
    never += [wording.methods] if use.methods else []
    limits = wording.never.format(never=wording.and_never.join(never)) if never else ""
    return limits + (wording.looked_at.format(names=", ".join(sorted(use.other))) if use.other else "")


def _is_name(value: object) -> bool:
    if not isinstance(value, str):
        return False
    return 0 < len(value) <= _NAME_LIMIT and value.isprintable() and value == value.strip()


def _name_set(value: Json, field: str) -> frozenset[str]:
    """Read a sorted list of names without repetition, the one spelling of a set."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise InvalidDataUseError(f"{field} is a list of names")
    names = frozenset(str(name) for name in value)
    if sorted(names) != value:
        raise InvalidDataUseError(f"{field} is sorted and names nothing twice")
    return names
