"""A cohort in plain sentences: what a researcher reads before a count, and a reader of a model card after it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from analytics.cohort_leaf import Bounds, Kind, Leaf

if TYPE_CHECKING:
    from analytics.cohort_reading import Tree

_NAMES: Final[Mapping[str, str]] = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED CT",
    "http://hl7.org/fhir/sid/icd-10": "ICD-10",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://www.whocc.no/atc": "ATC",
}
"""What people call a code system."""
_SHOWN_CODES: Final = 5


def described(day: date | None, event: Leaf | None, where: "Tree", *, last: bool) -> str:
    """Return the query in sentences, the last of which says how the index day is chosen."""
    if event is None:
        index = f"The index is {_day(day)} for everybody." if day else ""
    else:
        index = f"The index is the day of the {'last' if last else 'first'} {_event(event)}."
    if not isinstance(where, Leaf) and not where.members and not where.negated:
        who = "Everybody." if event is None else "Everybody with the event below."
    else:
        who = f"People {_tree(where)}."
    return f"{who} {index} Nothing after the index is looked at."


def _tree(tree: "Tree", *, inner: bool = False) -> str:
    if isinstance(tree, Leaf):
        return _leaf(tree)
    parts = [_tree(member, inner=True) for member in tree.members]
    if tree.negated:
        return f"not {parts[0]}" if isinstance(tree.members[0], Leaf) else f"of whom this is not true: {parts[0]}"
    if not parts:
        return "of any kind"
    if tree.word == "at_least":
        return f"of whom at least {tree.least} of these hold: ({'; '.join(parts)})"
    text = f" {'and' if tree.word == 'all' else 'or'} ".join(parts)
    return f"({text})" if inner and len(parts) > 1 else text


def _leaf(leaf: Leaf) -> str:
    if leaf.kind is Kind.AGE:
        return f"aged {_range(leaf.bounds)}"
    if leaf.kind is Kind.GENDER:
        return f"whose gender is {_or(leaf.codes)}"
    return f"with a {_event(leaf)}{_window(leaf.window)}"


def _event(leaf: Leaf) -> str:
    text = f"{leaf.kind.value} coded {_codes(leaf)}"
    if leaf.kind is Kind.MEASUREMENT:
        text += f", with a value of {_range(leaf.bounds)} {leaf.unit}"
    return text


def _codes(leaf: Leaf) -> str:
    shown = list(leaf.codes[:_SHOWN_CODES])
    if len(leaf.codes) > _SHOWN_CODES:
        shown.append(f"one of {len(leaf.codes) - _SHOWN_CODES} more")
    return f"{_or(shown)} ({_NAMES.get(leaf.system, leaf.system)})"


def _window(window: tuple[int, int] | None) -> str:
    if window is None:
        return " at any time up to the index"
    first, last = -window[0], -window[1]
    if first == last:
        return " on the day of the index" if not last else f" exactly {_days(last)} before the index"
    return f" in the {_days(first)} up to the index" if not last else f" from {first} to {_days(last)} before the index"


def _range(bounds: Bounds | None) -> str:
    low, high = bounds or (None, None)
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None:
        return f"{low:g} or more"
    return f"{high:g} or less" if high is not None else "any size"


def _days(number: int) -> str:
    return f"{number} day{'' if number == 1 else 's'}"


def _day(day: date) -> str:
    return f"{day:%-d %B %Y}"


def _or(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
