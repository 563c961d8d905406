"""A small hospital for tests: a real installation with invented patients, whose clock the test can move.

with House.copied(template, tmp_path / "home") as house:
    house.grant(house.people[0])
    house.publish()
"""

import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self, cast

from analytics import Dictionary, Parameters
from consent import wiring
from consent.adapters.fhir import read
from consent.demo.wallets import Wallet
from consent.domain.data_use import DataUse
from consent.domain.decision import Deny
from consent.domain.errors import LogForkError
from consent.domain.receipt import Receipt
from consent.domain.request_file import RequestFile
from consent.domain.study import Study
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, Terms, Window, month_end_after
from consent.ports import ProjectionHead, StoredConsent
from consent.services.gate import ConsentGate
from consent.services.granting import Submission
from consent.services.received import ReceivedResource
from consent.settings import Settings, default_replicas
from consent.wiring import Installation, LedgerRoom
from tests.databases import Kind, copy_databases, databases_of, give_databases
from vault import Access

PASSPHRASE: Final = b"correct horse battery staple"
INDEX: Final = date(2020, 6, 15)
COHORT: Final = 60
CANARY_NAME: Final = "Quokkatanager"
CANARY_VALUE: Final = "73193.7319"
"""In every record: neither may come out where records do not (`tests.canaries`)."""

DICTIONARY_TEXT: Final = """
name = "invented"
version = "1"
index = 2020-06-15

[outcome]
title = "Death within 90 days"
category = "outcomes"
system = "http://loinc.org"
code = "67162-8"
value_system = "http://snomed.info/sct"
dead = "419099009"
alive = "438949009"
horizon_days = 90

[[feature]]
name = "age"
title = "Age"
category = "demographics"
resource = "Patient"
value = "age"
reducer = "last"
required = true

[[feature]]
name = "creatinine"
title = "Creatinine"
category = "laboratory"
resource = "Observation"
system = "http://loinc.org"
codes = ["2160-0"]
value = "quantity"
unit = "mg/dL"
reducer = "last"
window = [-30, 0]
required = false
"""
DICTIONARY: Final = Dictionary.parse(DICTIONARY_TEXT)
PARAMETERS: Final = Parameters(features=DICTIONARY.names, rounds=8, depth=2, min_child_weight=3)

STUDY: Final = Study(
    reference=StudyReference("kidneys", "Kidneys and the months after", "The Test Hospital"),
    text="This study asks whether kidney values tell who will live.",
    data_use=DataUse(health_research=True),
    operations=frozenset({Operation.TRAIN}),
    required=frozenset({Category.DEMOGRAPHICS, Category.OUTCOMES}),
    optional=frozenset({Category.LABORATORY}),
    window=Window(),
    ethics="EC 2026/1",
)
ALL: Final = STUDY.required | STUDY.optional


def patient_bundle(number: int, creatinine: float | None = None) -> bytes:
    """Return one invented person's Bundle: older people and worse kidneys die more often."""
    age, level = 40 + number % 45, creatinine or 0.6 + (number * 37 % 50) / 20
    dead = (age - 40) / 45 + level / 4 + (number * 53 % 17) / 17 > 1.5  # about half of them
    day = INDEX + timedelta(days=30 if dead else 120)
    entries: list[dict[str, Any]] = [
        {
            "resourceType": "Patient",
            "id": f"p{number}",
            "identifier": [{"system": "https://hospital.example", "value": str(number)}],
            "name": [{"family": CANARY_NAME}],
            "birthDate": date(INDEX.year - age, 1, 1 + number % 28).isoformat(),
        },
        _observation(number, "laboratory", "2160-0", INDEX) | {"valueQuantity": _milligrams(level)},
        _observation(number, "outcome", "67162-8", day) | {"valueCodeableConcept": _vital_status(dead=dead)},
    ]
    entry = [{"resource": resource} for resource in entries]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entry}).encode()


def _observation(number: int, category: str, code: str, day: date) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"{category}-{number}",
        "status": "final",
        "category": [{"coding": [{"code": category}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": f"Patient/p{number}"},
        "effectiveDateTime": day.isoformat(),
        "note": [{"text": CANARY_VALUE}],
    }


def _milligrams(level: float) -> dict[str, Any]:
    return {"value": round(level, 3), "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"}


def _vital_status(*, dead: bool) -> dict[str, Any]:
    return {"coding": [{"system": "http://snomed.info/sct", "code": "419099009" if dead else "438949009"}]}


def received(*numbers: int, creatinine: float | None = None) -> list[ReceivedResource]:
    """Return invented people's resources as the FHIR adapter reads them."""
    found = list(read([patient_bundle(number, creatinine) for number in numbers]))
    assert all(isinstance(one, ReceivedResource) for one in found)
    return cast("list[ReceivedResource]", found)


def receive(installation: Installation, *numbers: int) -> list[SubjectId]:
    """Import invented people; return who they are."""
    installation.records.deposit(received(*numbers), wiring.utc_now())
    found = [installation.records.subject_of(identifier_of(number)) for number in numbers]
    return [subject for subject in found if subject is not None]


def identifier_of(number: int) -> str:
    """Return the identifier under which the hospital knows an invented person."""
    return f"https://hospital.example|{number}"


@dataclass(slots=True)
class Clock:
    """The wall clock, moved by `ahead`; `at[n]` runs as the n-th reading from now on is taken."""

    ahead: timedelta = timedelta()
    at: dict[int, Callable[[], object]] = field(default_factory=dict)
    readings: int = 0

    def __call__(self) -> datetime:
        """Return the time."""
        self.readings += 1
        act = self.at.pop(self.readings, None)
        if act:
            readings = self.readings
            act()
            self.readings = readings
        return datetime.now(UTC) + self.ahead

    def watch(self, at: Mapping[int, Callable[[], object]]) -> None:
        """Count readings from here and act at some of them."""
        self.readings, self.at = 0, dict(at)


@dataclass(frozen=True, slots=True)
class State:
    """What must not change when something is refused."""

    entries: int
    consents: tuple[StoredConsent, ...]
    outbox: int
    block: int


@dataclass(slots=True)
class House:
    """An open installation with its patients."""

    settings: Settings
    clock: Clock
    open: LedgerRoom
    wallets: dict[SubjectId, Wallet]

    @classmethod
    @contextmanager
    def opened(cls, home: Path, wallets: dict[SubjectId, Wallet], clock: Clock | None = None) -> Iterator[Self]:
        """Open the installation in `home`; one whose log a test tampered with signs nothing as it closes."""
        clock, settings = clock or Clock(), settings_of(home)
        with suppress(LogForkError), wiring.opened_ledger(settings, clock) as installation:
            yield cls(settings, clock, installation, dict(wallets))

    @classmethod
    @contextmanager
    def copied(cls, template: "Template", home: Path) -> Iterator[Self]:
        """Open a copy of the template, which stays as it is."""
        shutil.copytree(template.home, home)
        copy_databases(template.home, home)
        with cls.opened(home, template.wallets) as house:
            yield house

    @classmethod
    @contextmanager
    def without_ledger(cls, home: Path, wallets: dict[SubjectId, Wallet], clock: Clock | None = None) -> Iterator[Self]:
        """Open the installation in `home` as a process that does not run its ledger: what asks it fails here."""
        clock, settings = clock or Clock(), settings_of(home)
        with wiring.opened(settings, clock) as installation:
            yield cls(settings, clock, cast("LedgerRoom", installation), dict(wallets))

    @property
    def people(self) -> list[SubjectId]:
        """Everyone, in the order in which they were invented."""
        return list(self.wallets)

    def terms(self, subject: SubjectId, **changed: object) -> Terms:
        """Return terms that the study would ask for, with some fields changed."""
        terms = Terms(
            subject=subject,
            study=STUDY.reference,
            data_use=DataUse(health_research=True),
            operations=STUDY.operations,
            categories=ALL,
            window=Window(),
            expires=month_end_after(self.clock(), 12),
            language="en",
            text_hash=STUDY.text_hash,
        )
        return replace(terms, **changed)  # type: ignore[arg-type]  # fields of Terms

    def signed(self, subject: SubjectId, **changed: object) -> Submission:
        """Return what the patient's wallet hands in."""
        terms, domain = self.terms(subject, **changed), self.open.domain
        return self.wallets[subject].sign(terms, domain, self.clock())

    def grant(self, *subjects: SubjectId, **changed: object) -> list[Receipt]:
        """Hand in a grant for each subject."""
        signed = [self.signed(subject, **changed) for subject in subjects]
        return self.open.granting.accept(signed, self.clock())

    def publish(self) -> int:
        """Put on chain what waits; returns how many items the ledger took."""
        taken = sum(batch.items for batch in self.open.relayer.publish(self.clock))
        self.refresh()
        return taken

    def follow(self) -> ProjectionHead:
        """Read the ledger."""
        self.open.follower.follow(self.clock())
        self.refresh()
        head = self.open.projection.head
        assert head is not None
        return head

    def refresh(self) -> None:
        """Take up what the ledger's process stored."""
        with self.open.store.reading() as unit:
            self.open.projection.refresh(unit)

    def stop(self, subject: SubjectId, by: str = "patient") -> list[Receipt]:
        """Stop all of a subject's consents, without a key."""
        ids = [entry.id for entry in self.open.book.entries(subject)]
        return self.open.granting.stop(subject, ids, self.clock(), by)

    def turn_epoch(self) -> None:
        """Let the live epoch die; every patient's key lives on in the next one."""
        self.open.epochs.turn()

    def ask(self, subject: SubjectId, action: RequestAction = RequestAction.ERASE) -> RequestFile:
        """Return what the patient's wallet signs to be erased, or to have all that is kept."""
        now = int(self.clock().timestamp())
        request = SubjectRequest(action, subject, self.open.log.origin, now, secrets.token_hex(16))
        return RequestFile(request, self.wallets[subject].request(request, self.open.domain))

    def anchor(self) -> None:
        """Bring what waits and the log's newest root on the chain, for good."""
        self.publish()
        self.open.anchoring.step(int(self.clock().timestamp()))
        self.publish()
        self.open.anchoring.settle()

    def erase(self, subject: SubjectId) -> Receipt:
        """See an erasure through, from the patient's request to its last receipt."""
        self.open.erasures.request(self.ask(subject))
        self.anchor()
        self.open.keep_house()
        return self.open.erasures.receipt(subject)

    def state(self) -> State:
        """Return what must not change when something is refused."""
        with self.open.store.reading() as unit:
            kept = tuple(unit.consents.everything())
            return State(unit.log.size(), kept, unit.outbox.size(), self.open.ledger.head().number)

    def verdict(self, subject: SubjectId, study: Study = STUDY) -> str:
        """Return what the gate would say now: PERMIT or the name of a reason; nothing is logged."""
        name = study.reference.id
        access = Access(f"study:{name}", name, "train", DICTIONARY.required, DICTIONARY.optional)
        with self.open.store.reading() as unit:
            decision = self.gate(study).decide_all(unit, [subject], access, self.clock())[subject]
        return decision.reason.name if isinstance(decision, Deny) else "PERMIT"

    def gate(self, study: Study = STUDY) -> ConsentGate:
        """Return the gate of a study with the id of the usual one."""
        here = self.open
        return ConsentGate(here.store, here.log, here.book, here.projection, study, self.clock, 120)

    def log(self, first: int = 0) -> list[dict[str, Any]]:
        """Return the log's entries from `first` on."""
        with self.open.store.reading() as unit:
            return [json.loads(entry.body) for entry in unit.log.entries(first)]


@dataclass(frozen=True, slots=True)
class Template:
    """A closed installation to copy: everyone imported and enrolled, the study approved, nobody asked yet."""

    home: Path
    wallets: dict[SubjectId, Wallet]

    @classmethod
    def built(cls, home: Path, people: Sequence[int] = range(COHORT), kind: Kind = "sqlite") -> Self:
        """Build one."""
        home.mkdir(parents=True)
        give_databases(home, kind, empty=True)
        return cls(home, created(settings_of(home), people))


def created(settings: Settings, people: Sequence[int]) -> dict[SubjectId, Wallet]:
    """Make an installation, import and enrol people, approve the study; return everyone's wallet."""
    wiring.create(settings)
    with wiring.opened(settings) as installation:
        now = wiring.utc_now()
        wallets = {subject: Wallet(subject) for subject in receive(installation, *people)}
        installation.records.enrol_keys({s: w.enrolment_key.address for s, w in wallets.items()}, now)
        installation.registration.approve(STUDY, now)
    return wallets


def settings_of(home: Path) -> Settings:
    """Return the settings of a test's installation."""
    return Settings(home, PASSPHRASE, default_replicas(home), epoch_every=0, databases=databases_of(home))
