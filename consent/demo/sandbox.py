"""An installation to try the API on: invented people, a study that asks them, and a key for whoever asks about them.

    make(Path("var/sandbox"), people=1000, port=8000)       serve it with `consentry serve var/sandbox`

Its people stand in no hospital's records: they are made from `examples/sandbox` and a seed, and each resource is marked
as test data. What they sign and what is kept of it is as in a deployment.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from analytics import CohortQuery, Dictionary
from analytics.synthetic import invented
from consent import wiring
from consent.adapters.fhir import read
from consent.client import ClientKey
from consent.demo.choices import Dice, chosen_terms
from consent.demo.folders import cleared
from consent.demo.wallets import Wallet
from consent.domain.data_use import DataUse
from consent.domain.grant import BATCH_LIMIT
from consent.domain.study import Study
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, Window
from consent.services.desk.callers import Role
from consent.services.received import ReceivedResource
from consent.settings import WebSettings
from consent.wiring import LedgerRoom
from examples import sandbox

STUDY: Final = "sandbox"
RESEARCHER, CLINICIAN = "researcher", "clinician"
"""The clients, and the names of their key files."""
SOMEBODY: Final = "https://consentry.example/invented|invented-7-0"
"""One of the people, who allows the study and is in its cohort."""
GRANTING: Final = 0.85
"""The share of the people who allow the study; all of them allow being counted."""
_IMPORTED_AT_ONCE: Final = 5000
_TEXT: Final = """This is a study to try things out on. It asks whether the records of people with heart failure can
teach a computer to tell how likely death within a year is. Nobody stands behind these records: they are invented."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What was made: how many people, how many of them allow the study, and the folder."""

    home: Path
    people: int
    granted: int


def make(home: Path, people: int, port: int) -> Sandbox:
    """Make the sandbox in `home`, afresh, to be served on `port` and the next; raise `DemoFolderError`."""
    settings = cleared(home)
    wiring.create(settings)
    with wiring.opened_ledger(settings) as room:
        identifiers = _import(room, people)
        granted = _consent(room, identifiers)
        _register(room, home, WebSettings.read(port).api)
    return Sandbox(home, len(identifiers), granted)


def the_study(dictionary: Dictionary) -> Study:
    """Return the study: it asks for all that the dictionary reads, to train and to predict."""
    return Study(
        reference=StudyReference(STUDY, "Heart failure and the year after", "Consentry sandbox, with invented people"),
        text=_TEXT,
        data_use=DataUse(health_research=True, non_profit_only=True),
        operations=frozenset({Operation.TRAIN, Operation.PREDICT}),
        required=frozenset(map(Category, dictionary.required)),
        optional=frozenset(map(Category, dictionary.optional)),
        window=Window(),
        ethics="none: invented people",
    )


def _import(room: LedgerRoom, people: int) -> dict[SubjectId, str]:
    """Import the invented people as any hospital's; return who is known by which identifier."""
    dictionary, query = _dictionary(), CohortQuery.parse(sandbox.population_text())
    bundles = [json.dumps(bundle).encode() for bundle in invented(dictionary, query, people, sandbox.SEED)]
    resources = (one for one in read(bundles, processes=1) if isinstance(one, ReceivedResource))
    named: dict[str, None] = {}
    while received := list(islice(resources, _IMPORTED_AT_ONCE)):
        room.records.deposit(received, wiring.utc_now())
        named |= dict.fromkeys(resource.person[0] for resource in received)
    return {subject: identifier for identifier, subject in room.records.subjects_of(list(named)).items()}


def _consent(room: LedgerRoom, identifiers: Mapping[SubjectId, str]) -> int:
    """Let everybody allow being counted, and most of them the study; return how many those are."""
    study, now = the_study(_dictionary()), wiring.utc_now()
    wallets = {subject: Wallet(subject) for subject in identifiers}
    room.records.enrol_keys({subject: one.enrolment_key.address for subject, one in wallets.items()}, now)
    room.registration.approve(study, now)
    room.preferences.prefer(identifiers, now, counted=True)
    agreeing = [subject for subject, name in identifiers.items() if Dice(name).roll("the sandbox") < GRANTING]
    for start in range(0, len(agreeing), BATCH_LIMIT):
        part = agreeing[start : start + BATCH_LIMIT]
        terms = [chosen_terms(identifiers[subject], subject, study, now) for subject in part]
        room.granting.accept([wallets[each.subject].sign(each, room.domain, now) for each in terms], now)
    room.relayer.publish(wiring.utc_now)
    return len(agreeing)


def _register(room: LedgerRoom, home: Path, api: str) -> None:
    """Register a researcher and a clinician, both for the study; leave each one's key in the folder."""
    clients = wiring.clients_of(room)
    for client, role in ((RESEARCHER, Role.RESEARCHER), (CLINICIAN, Role.CLINICIAN)):
        key = ClientKey.drawn(client, api)
        clients.register(client, role, f"The sandbox's {client}", key.public())
        clients.allow(client, STUDY)
        key.write(home / f"{client}.json")


def _dictionary() -> Dictionary:
    return Dictionary.parse(sandbox.dictionary_text())
