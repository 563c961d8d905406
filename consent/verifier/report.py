"""What was found, for people and for programs.

For people: a line for each check, in its group; what is open says why, and the last sentence is the result. For
programs: one JSON object, `{"holds": bool, "findings": [{"name", "holds", "seen", "item"}, …]}`.
"""

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from consent.verifier.findings import Finding, number

WIDTH: Final = 118
_NAME_WIDTH: Final = 26
_MARKS: Final = {True: "holds", False: "FAILS", None: "open"}
_GROUPS: Final = {
    "bundle": "The bundle",
    "log": "The log",
    "chain": "The chain",
    "consents": "Consents and keys",
    "access": "What was done with records",
    "erasures": "Stops and erasures",
    "models": "Models",
    "receipts": "Receipts",
}
_GROUP_OF: Final = {
    "keys": "consents", "predictions": "access", "stops": "erasures", "release": "models", "releases": "models",
}  # fmt: skip


def text(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the lines of a report as findings come, with the result as the last one."""
    before, found = "", list[Finding]()
    for finding in findings:
        first = finding.name.partition(".")[0]
        group = _GROUPS.get(_GROUP_OF.get(first, first), first)
        if group != before:
            yield from ["", group] if before else [group]
        before = group
        found.append(finding)
        yield from _told(finding)
    yield ""
    yield from textwrap.wrap(result(found), WIDTH)


def _told(finding: Finding) -> Iterator[str]:
    what = f"{finding.item}: {finding.seen}" if finding.item else finding.seen
    head = f"  {_MARKS[finding.holds]:<5}  {finding.name:<{_NAME_WIDTH}}  "
    lines = textwrap.wrap(printable(what), max(WIDTH - len(head), 40)) or [""]
    yield head + lines[0]
    yield from (" " * len(head) + line for line in lines[1:])


def result(findings: Sequence[Finding]) -> str:
    """Return the one sentence that a report ends with."""
    failed = [finding for finding in findings if finding.holds is False]
    unsaid = [finding for finding in findings if finding.holds is None]
    if failed:
        more = f", and {len(failed) - 1} more do not" if len(failed) > 1 else ""
        return f"This bundle does not hold: {named(failed[0])}{more}."
    held = f"All checks that could be made hold, {len(findings) - len(unsaid)} in all"
    return f"{held}; {number(len(unsaid), 'is open', 'are open')}." if unsaid else f"{held}, and none is open."


def named(finding: Finding) -> str:
    """Return a failed check with the item that it failed at."""
    return printable(f"{finding.name} fails at {finding.item}" if finding.item else f"{finding.name} fails")


def failure(findings: Sequence[Finding]) -> str:
    """Return one line about the first failure, empty where there is none."""
    failed = next((finding for finding in findings if finding.holds is False), None)
    if failed is None:
        return ""
    item = f"{failed.item}: " if failed.item else ""
    return printable(f"{failed.name} does not hold: {item}{failed.seen}")


def as_json(findings: Sequence[Finding]) -> str:
    """Return the report for programs."""
    told = [
        {"name": one.name, "holds": one.holds, "seen": printable(one.seen), "item": printable(one.item)}
        for one in findings
    ]
    holds = all(finding.holds is not False for finding in findings)
    return json.dumps({"holds": holds, "findings": told}, indent=1)


def printable(said: str) -> str:
    """Return text that no terminal takes for more than text."""
    return "".join(character if character.isprintable() else "?" for character in said)
