"""The demo's steps, from a hospital's files to an auditor's word. `tell` runs them all in one folder."""

import json
import logging
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from analytics import Dictionary, Model, Parameters
from analytics.apart import fit_apart
from consent import wiring
from consent.adapters.fhir import read
from consent.demo import auditor, portal
from consent.demo.adversary import Adversary, copy_databases
from consent.demo.choices import agrees, chosen_terms
from consent.demo.folders import cleared
from consent.demo.narration import Narrator
from consent.demo.wallets import Wallet
from consent.domain.data_use import DataUse
from consent.domain.details import Details
from consent.domain.errors import ConsentError
from consent.domain.grant import BATCH_LIMIT
from consent.domain.hashing import Json
from consent.domain.receipt import Receipt
from consent.domain.request_file import RequestFile
from consent.domain.study import Study
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, Window
from consent.services.auditing import Evidence, audit_chain, audit_envelope, audit_release, rows_without_consent
from consent.services.received import ReceivedResource
from consent.services.relayer import Published
from consent.services.studies.serving import ModelRefusedError, load_active
from consent.services.studies.training import Trained
from consent.settings import Settings
from consent.wiring import LedgerRoom
from examples import support2
from vault.files import append_private

logger = logging.getLogger(__name__)

STUDY_ID = "death-within-180-days"
STOPPING = 300
IMPORTED_AT_ONCE = 5000
WITHOUT_KEY = 10
"""Of those who stop, one in so many has lost their key: stopping needs none."""
TEXT = """This study asks whether the records of seriously ill people can teach a computer to tell how likely death
within 180 days is. It uses what you allow below and nothing else. It never sees your name. Your care does not change,
whatever you choose. You can stop at any time."""


@dataclass(slots=True)
class Cast:
    """The simulated patients: wallets by subject, and who they are in the data."""

    identifiers: dict[SubjectId, str] = field(default_factory=dict)
    wallets: dict[SubjectId, Wallet] = field(default_factory=dict)
    agreed: list[SubjectId] = field(default_factory=list)


@dataclass(slots=True)
class Story:
    """One telling: where it happens, who takes part, and what came of it."""

    settings: Settings
    narrator: Narrator
    dictionary: Dictionary
    study: Study
    cast: Cast = field(default_factory=Cast)
    summary: dict[str, Json] = field(default_factory=dict)
    first: Trained | None = None
    second: Trained | None = None
    evidence: list[Evidence] = field(default_factory=list)
    batches: list[Published] = field(default_factory=list)
    sentences: Details | None = None
    told_on: datetime = field(default_factory=wiring.utc_now)

    @property
    def home(self) -> Path:
        """The installation's folder."""
        return self.settings.home


def tell(home: Path, console: Console, patients: int | None = None) -> Story:
    """Tell the whole story in `home`, afresh; `patients` limits it to the first so many."""
    started = time.monotonic()
    story = _begin(home, console)
    wiring.create(story.settings)
    with wiring.opened_ledger(story.settings) as installation:
        _import(story, installation, patients)
        _enrol(story, installation)
        _grant(story, installation)
        _publish(story, installation)
        story.first = _train(story, installation, "A model is trained on exactly those who said yes")
        stopped = _stop(story, installation)
        story.second = _retrain(story, installation, stopped)
        _serve(story, installation)
        _erase(story, installation, stopped[0])
        _leave(story, installation, stopped[1])
    _audit(story)
    story.summary["seconds"] = round(time.monotonic() - started, 1)
    return story


def _begin(home: Path, console: Console) -> Story:
    """Lay out the folder, and what is asked of whom."""
    settings = cleared(home)
    dictionary = Dictionary.parse(support2.dictionary_text())
    return Story(settings, Narrator(console), dictionary, _study(dictionary))


def _study(dictionary: Dictionary) -> Study:
    return Study(
        reference=StudyReference(STUDY_ID, "Death within 180 days of serious illness", "Consentry demo hospital"),
        text=TEXT,
        data_use=DataUse(health_research=True, non_profit_only=True),
        operations=frozenset({Operation.TRAIN}),
        required=frozenset(map(Category, dictionary.required)),
        optional=frozenset(map(Category, dictionary.optional)),
        window=Window(),
        ethics="none: published, de-identified data",
    )


def _import(story: Story, installation: LedgerRoom, patients: int | None) -> None:
    """Step 1: FHIR bundles are validated, split by category and sealed."""
    bundles = list(islice(support2.bundles(), patients))
    records, people = 0, dict[str, None]()
    with story.narrator.step("The hospital imports its patients", len(bundles)) as telling:
        resources = (one for one in read(bundles) if isinstance(one, ReceivedResource))
        while received := list(islice(resources, IMPORTED_AT_ONCE)):
            installation.records.deposit(received, wiring.utc_now())
            known, records = len(people), records + len(received)
            people |= dict.fromkeys(resource.person[0] for resource in received)
            telling.advance(len(people) - known)
        found = installation.records.subjects_of(list(people))
        story.cast.identifiers = {subject: identifier for identifier, subject in found.items()}
        telling.say(
            f"{len(people):,} patients, {records:,} resources validated as FHIR R4 and sealed, a key for each person"
        )
    story.summary |= {"patients": len(people), "records": records}


def _enrol(story: Story, installation: LedgerRoom) -> None:
    """Step 2: each patient makes a key of their own; the operator stores its address only."""
    with story.narrator.step("Patients make their own keys") as telling:
        new = portal.newcomer(story.cast.identifiers)
        story.cast.wallets = {subject: Wallet(subject) for subject in story.cast.identifiers if subject != new}
        keys = {subject: wallet.enrolment_key.address for subject, wallet in story.cast.wallets.items()}
        installation.records.enrol_keys(keys, wiring.utc_now())
        installation.registration.approve(story.study, wiring.utc_now())
        telling.say(f"{len(keys):,} wallets; the operator holds no key of theirs; one study is approved")


def _grant(story: Story, installation: LedgerRoom) -> None:
    """Steps 3 to 6: six in ten agree, each to terms of their own, signed with an address of its own."""
    agreeing = story.cast.agreed = [
        subject for subject, identifier in story.cast.identifiers.items() if agrees(identifier)
    ]
    with story.narrator.step("Six in ten say yes, each in their own way", len(agreeing)) as telling:
        for part in _parts(agreeing, BATCH_LIMIT):
            now = wiring.utc_now()
            domain = installation.domain
            terms = [chosen_terms(story.cast.identifiers[subject], subject, story.study, now) for subject in part]
            signed = [story.cast.wallets[term.subject].sign(term, domain, now) for term in terms]
            _keep(story, installation.granting.accept(signed, now))
            story.sentences = story.sentences or signed[0].details
            telling.advance(len(part))
        telling.say(f"{len(agreeing):,} signed grants accepted, a signed receipt each")
    story.summary["grants"] = len(agreeing)


def _publish(story: Story, installation: LedgerRoom) -> None:
    """Step 7: the relayer publishes in batches, the projection follows the chain."""
    with story.narrator.step("The grants go on the chain", len(story.cast.agreed)) as telling:
        story.batches = installation.relayer.publish(wiring.utc_now, telling.advance)
        gas = sum(batch.mined.gas_used for batch in story.batches)
        each = round(gas / max(1, sum(batch.items for batch in story.batches)))
        telling.say(
            f"{len(story.batches)} batches, {each:,} gas a grant; no study, purpose or name among what the chain holds"
        )
    story.summary |= {"batches": len(story.batches), "gas_per_grant": each}


def _train(story: Story, installation: LedgerRoom, title: str) -> Trained:
    """Steps 8 and 9: gated reading, training, evaluation out of fold, manifest, registration."""
    parameters = Parameters(features=story.dictionary.names)
    with story.narrator.step(title) as telling:
        trained = installation.training.train(STUDY_ID, story.dictionary, parameters)
        installation.relayer.publish(wiring.utc_now)
        evidence = installation.evidence.of_release(trained.stored)
        telling.say(_training_line(trained))
    _checkpoint(story, installation)
    story.evidence.append(evidence)
    if trained.stored.release == 1:
        comparison = trained.evaluation.comparisons[0]
        story.summary |= {
            "trained_rows": len(trained.rows),
            "auroc_model": round(comparison.model.estimate, 4),
            "auroc_physicians": round(comparison.auroc.estimate, 4),
            "model_sha256": trained.manifest.model,
        }
    return trained


def _training_line(trained: Trained) -> str:
    evaluation = trained.evaluation
    refused = sum(trained.refused.values())
    auroc = evaluation.auroc
    return (
        f"{len(trained.rows):,} rows at block {trained.manifest.block}, {refused:,} refused unread; "
        f"AUROC {auroc.estimate:.3f} ({auroc.low:.3f} to {auroc.high:.3f}) out of fold"
    )


def _stop(story: Story, installation: LedgerRoom) -> list[SubjectId]:
    """Step 10: people stop. It acts at once; the chain follows."""
    first = _trained(story.first)
    rows = sorted(first.rows, key=lambda row: story.cast.identifiers[row.subject])
    number = min(STOPPING, len(rows) // 10)
    stopping = [row.subject for row in rows[:: len(rows) // number]][:number]
    with story.narrator.step("People change their minds", len(stopping)) as telling:
        for place, subject in enumerate(stopping):
            _keep(story, _stop_one(story, installation, subject, with_key=place % WITHOUT_KEY > 0))
            telling.advance()
        without = len(stopping[::WITHOUT_KEY])
        installation.relayer.publish(wiring.utc_now)
        telling.say(f"{len(stopping)} stopped at once, {without} of them without any key; the chain has followed")
    story.summary["stopped"] = len(stopping)
    return stopping


def _stop_one(story: Story, installation: LedgerRoom, subject: SubjectId, *, with_key: bool) -> list[Receipt]:
    [entry] = installation.book.entries(subject)
    wallet, domain = story.cast.wallets[subject], installation.domain
    revocations = [wallet.revoke(entry.commitment, domain)] if with_key else []
    return installation.granting.stop(subject, [entry.id], wiring.utc_now(), revocations=revocations)


def _retrain(story: Story, installation: LedgerRoom, stopped: Sequence[SubjectId]) -> Trained:
    """The next release must be, byte for byte, the model that never knew those who stopped."""
    first = _trained(story.first)
    second = _train(story, installation, "The next release leaves them out")
    gone = set(stopped)
    never_known = fit_apart([row.row for row in first.rows if row.subject not in gone], _parameters(story))
    still_there = sum(row.subject in gone for row in second.rows)
    story.summary |= {
        "rows_after_stop": len(second.rows),
        "stopped_in_training": still_there,
        "unlearning_byte_identical": never_known == second.stored.model,
        "model_sha256_after_stop": second.manifest.model,
    }
    return second


def _serve(story: Story, installation: LedgerRoom) -> None:
    """Step 9's other half: nothing but the registered bytes is served."""
    first, second = _trained(story.first), _trained(story.second)
    with story.narrator.step("Only the registered model is served") as telling:
        _load(installation, second.stored.model)
        altered = second.stored.model[:-1] + bytes([second.stored.model[-1] ^ 1])
        refused = sum(_refused(installation, content) for content in (first.stored.model, altered))
        story.summary["models_refused"] = refused
        telling.say(
            f"release 2 loads; the retired release 1 and a copy with one bit flipped are refused: {refused} of 2"
        )


def _load(installation: LedgerRoom, content: bytes) -> Model:
    return load_active(installation.store, installation.projection, content, wiring.utc_now(), 120)


def _refused(installation: LedgerRoom, content: bytes) -> bool:
    try:
        _load(installation, content)
    except ModelRefusedError:
        return True
    return False


def _erase(story: Story, installation: LedgerRoom, subject: SubjectId) -> None:
    """Step 11: one person's key dies, and with its epoch every copy that anyone kept."""
    categories = frozenset(map(str, story.study.required | story.study.optional))
    copy, now = story.home / "adversary" / "copy", story.home / "adversary" / "now"
    adversary = Adversary(story.settings, subject, categories, story.home / "adversary" / "attempt")
    with story.narrator.step("One person asks to be erased") as telling:
        copy_databases(installation.places, copy)
        opened_before = adversary.opens(copy)
        _keep(story, [installation.erasures.request(_asked(story, installation, subject))])
        installation.relayer.publish(wiring.utc_now)
        installation.anchoring.step(int(wiring.utc_now().timestamp()))
        installation.relayer.publish(wiring.utc_now)
        installation.anchoring.settle()
        installation.keep_house()
        _keep(story, [installation.erasures.receipt(subject)])
        copy_databases(installation.places, now)
        story.summary |= {
            "erased_unreadable": opened_before and not adversary.opens(now),
            "erased_unreadable_from_old_copy": opened_before and not adversary.opens(copy),
        }
        for spent in (adversary.workspace, now):
            shutil.rmtree(spent)
        telling.say(
            "a copy of both databases, made before, opened their records; "
            "with every key that is left, neither it nor the databases do"
        )
    _checkpoint(story, installation)


def _asked(story: Story, installation: LedgerRoom, subject: SubjectId) -> RequestFile:
    """Return what the patient's own key signs."""
    now, nonce = int(wiring.utc_now().timestamp()), secrets.token_hex(16)
    request = SubjectRequest(RequestAction.ERASE, subject, installation.log.origin, now, nonce)
    return RequestFile(request, story.cast.wallets[subject].request(request, installation.domain))


def _leave(story: Story, installation: LedgerRoom, stopped: SubjectId) -> None:
    """Leave a portal behind that `make serve` opens, with people to sign in as; and what the auditor takes home."""
    sharing = min(row.subject for row in _trained(story.second).rows)
    wallets, new = story.cast.wallets, portal.newcomer(story.cast.identifiers)
    portal.leave(installation, wallets[sharing], wallets[stopped], new)
    _checkpoint(story, installation)
    auditor.leave(installation, story.settings, story.home / "auditor")


def _audit(story: Story) -> None:
    """Step 12: an auditor opens the folder without any key and replays the chain."""
    with story.narrator.step("An auditor replays it all, without any key") as telling:
        with wiring.opened_for_audit(story.home) as room:
            chain, history = audit_chain(room.ledger)
            findings = [history]
            for evidence in story.evidence:
                findings.append(audit_envelope(evidence, room.public_key, room.verify))
                findings += audit_release(evidence, chain, room.ledger)
        wrong = sum(rows_without_consent(evidence, chain) for evidence in story.evidence)
        story.summary |= {
            "rows_replayed": len(story.evidence[0].openings),
            "rows_replayed_after_stop": len(story.evidence[1].openings),
            "rows_without_valid_consent": wrong,
            "audit_findings_failed": sum(not finding.holds for finding in findings),
        }
        rows = sum(len(evidence.openings) for evidence in story.evidence)
        telling.say(
            f"{history.seen}; {rows:,} training rows of two releases, {wrong} without a consent in force at its block"
        )


def _trained(trained: Trained | None) -> Trained:
    if trained is None:
        raise ConsentError("the story is told in order: train first")
    return trained


def _parameters(story: Story) -> Parameters:
    return Parameters(features=story.dictionary.names)


def _keep(story: Story, receipts: Sequence[Receipt]) -> None:
    """Patients keep their receipts: appended after the acknowledgement, never before."""
    path = story.home / "patients" / "receipts.jsonl"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with append_private(path) as file:
        file.writelines(json.dumps(receipt.to_json()).encode() + b"\n" for receipt in receipts)


def _checkpoint(story: Story, installation: LedgerRoom) -> None:
    """The auditor takes a signed checkpoint home."""
    with installation.store.begin() as unit:
        note, size = installation.log.checkpoint(unit), unit.log.size()
    folder = story.home / "auditor"
    folder.mkdir(mode=0o700, exist_ok=True)
    wiring.write_private(folder / f"checkpoint-{size:07}.txt", note.encode())


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
