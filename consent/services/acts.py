"""What the log says that people did. Columns that say the same are a convenience; where they differ, the log counts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consent.domain.entry import PERMIT, Action, PlacedEntry
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from consent.ports import AuditLog

UNDONE = frozenset({"EXPIRED_UNPUBLISHED", "REJECTED_BY_LEDGER"})
"""Verdicts of grants that were acknowledged and never came on the ledger."""


@dataclass(frozen=True, slots=True)
class Acts:
    """The acts that decisions rest on.

    Attributes:
        keys: each subject's enrolment key, as first logged.
        stopped: ids of stopped consents.
        blocked: subjects who asked to be erased.
        erased: subjects whose erasure is final.
        undone: ids of consents that were acknowledged and never came on the ledger.
        consents: id of the consent that a grant's entry is about, by index.
        ignored: indices of reads that were permitted after a stop or a block.
        approved: SHA-256 of each study's definition, hex, as approved.
        releases: study and number of each release that became active.
    """

    keys: Mapping[SubjectId, Address]
    stopped: frozenset[str]
    blocked: frozenset[SubjectId]
    erased: frozenset[SubjectId]
    undone: frozenset[str]
    consents: Mapping[int, str]
    ignored: tuple[int, ...]
    approved: Mapping[str, str]
    releases: tuple[tuple[str, int], ...]


def read_acts(log: AuditLog) -> Acts:
    """Read the log from its first entry; entries that are not JSON objects say nothing."""
    acts = _Reading()
    for entry in log.entries():
        if (body := said(entry)) is not None:
            acts.take(entry.index, body)
    return acts.read()


def said(entry: PlacedEntry) -> Mapping[str, Any] | None:
    """Return what an entry says, None where it is no JSON object."""
    try:
        body = json.loads(entry.body)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def enrolment_key(body: Mapping[str, Any]) -> Address:
    """Return the enrolment key that an entry names, empty where it names none."""
    try:
        return Address(bytes.fromhex(str(_facts(body).get("key", ""))))
    except ValueError:
        return Address(b"")


class _Reading:
    """Takes one entry after the other."""

    def __init__(self) -> None:
        self.keys: dict[SubjectId, Address] = {}
        self.stopped: set[str] = set()
        self.blocked: set[SubjectId] = set()
        self.erased: set[SubjectId] = set()
        self.undone: set[str] = set()
        self.consents: dict[int, str] = {}
        self.ignored: list[int] = []
        self.approved: dict[str, str] = {}
        self.releases: list[tuple[str, int]] = []

    def take(self, index: int, body: Mapping[str, Any]) -> None:
        """Take up what one entry says."""
        action, verdict = body.get("action"), str(body.get("verdict", ""))
        subject, consent = SubjectId(str(body.get("subject", ""))), str(body.get("consent", ""))
        if action == Action.GRANT:
            self._grant(index, consent, verdict)
        elif (action, verdict) == (Action.STOP, "STOPPED"):
            self.stopped.add(consent)
        elif (action, verdict) == (Action.READ, PERMIT) and (consent in self.stopped or subject in self.blocked):
            self.ignored.append(index)
        elif (action, verdict) == (Action.ENROL, "KEY"):
            self.keys.setdefault(subject, enrolment_key(body))
        elif action == Action.ERASE:
            self._erase(subject, verdict)
        else:
            self._study(action, str(body.get("study", "")), _facts(body))

    def _grant(self, index: int, consent: str, verdict: str) -> None:
        if verdict in UNDONE:
            self.undone.add(consent)
        else:
            self.consents[index] = consent

    def _erase(self, subject: SubjectId, verdict: str) -> None:
        if verdict == "BLOCKED":
            self.blocked.add(subject)
        elif verdict == "FINAL":
            self.erased.add(subject)

    def _study(self, action: object, study: str, facts: Mapping[str, Any]) -> None:
        if action == Action.APPROVE:
            self.approved[study] = str(facts.get("definition", ""))
        elif action == Action.RELEASE:
            number = facts.get("release")
            self.releases.append((study, number if isinstance(number, int) else 0))

    def read(self) -> Acts:
        """Return all that was taken up."""
        return Acts(
            keys=self.keys,
            stopped=frozenset(self.stopped),
            blocked=frozenset(self.blocked),
            erased=frozenset(self.erased),
            undone=frozenset(self.undone),
            consents=self.consents,
            ignored=tuple(self.ignored),
            approved=self.approved,
            releases=tuple(self.releases),
        )


def _facts(body: Mapping[str, Any]) -> Mapping[str, Any]:
    facts = body.get("facts")
    return facts if isinstance(facts, dict) else {}
