"""Training: exactly the rows whose consent holds at one pinned block, checked again before the model counts."""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from analytics import Dictionary, Evaluation, Model, Parameters, RowsError, evaluate, fit, row_hash, software
from consent.domain.decision import Permit
from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json, canonical_json, sha256
from consent.domain.manifest import Manifest, Opening, rows_root
from consent.domain.study import Study
from consent.domain.terms import Operation, SubjectId
from consent.domain.typed_data import SigningDomain
from consent.ports import Head, ModelStatus, Store, StoredOpening, StoredRelease, Unit
from consent.services.acts import read_acts
from consent.services.book import ConsentBook
from consent.services.gate import ConsentGate
from consent.services.log import Log
from consent.services.projection import LedgerProjection
from consent.services.studies.openings import owners
from consent.services.studies.rows import TrainingRow, training_rows
from vault import Access, Admission, Part, Refused, Vault

Told = Callable[[str], object]
"""Is told each stage as it begins; what it raises ends the training, of which nothing is kept."""
Finish = Callable[[Unit, StoredRelease], object]
"""Is called in the transaction that stores a release; what it raises undoes it."""

ATTEMPTS = 3
OPENING_LABEL = "opening"


class TrainingError(ConsentError):
    """No model came of this training; the message says whether to wait, to ask more people or to mend the study."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A release on its way to the registry: what is stored, its evaluation, how many were refused for which reason."""

    stored: StoredRelease
    manifest: Manifest
    model: Model
    evaluation: Evaluation
    rows: Sequence[TrainingRow]
    refused: Counter[str]


@dataclass(frozen=True, slots=True)
class Training:
    """Training for the studies of this installation.

    Attributes:
        max_staleness: seconds without a reading of the ledger after which nothing is decided.
        follow: reads the ledger, where this process is the one that does; elsewhere it has nothing to do.
    """

    store: Store
    vault: Vault
    book: ConsentBook
    projection: LedgerProjection
    domain: SigningDomain
    log: Log
    clock: Callable[[], datetime]
    max_staleness: int
    follow: Callable[[datetime], object] = lambda _: None

    def train(
        self,
        study_id: str,
        dictionary: Dictionary,
        parameters: Parameters,
        *,
        finish: Finish = lambda _unit, _stored: None,
        report: Told = lambda _: None,
    ) -> Trained:
        """Train, evaluate and store the next release of a study's model, and queue its registration.

        The ledger's process registers it, and retires the release before it; until then nobody is served it.

        Raises `TrainingError` when the study is unknown, too few may be read, consents kept changing meanwhile, or the
        rows give a model that an earlier release already is.
        """
        study = self._study(study_id)
        for _ in range(ATTEMPTS):
            fitted = self._fit(study, dictionary, parameters, report)
            report("checking")
            if self._still_consented(fitted):
                report("storing")
                return self._release(study, dictionary, parameters, fitted, finish)
        raise TrainingError("consents changed during each of three trainings: try again in a quieter hour")

    def _study(self, study_id: str) -> Study:
        with self.store.reading() as unit:
            study = unit.studies.get(study_id)
            approved = read_acts(unit.log).approved.get(study_id)
        if study is None:
            raise TrainingError("no such study is registered here: register it first")
        if study.hash() != approved:
            raise TrainingError("the study is not the one that was approved: restore it, or approve the new one")
        return study

    def _fit(self, study: Study, dictionary: Dictionary, parameters: Parameters, report: Told) -> "_Fitted":
        report("reading")
        access = _access(study, dictionary)
        self.follow(self.clock())
        gate = _CountingGate(
            ConsentGate(self.store, self.log, self.book, self.projection, study, self.clock, self.max_staleness)
        )
        rows = self._read(gate, access, dictionary)
        if not rows:
            raise TrainingError("nobody's records may be read for this study now: ask for consent first")
        names = [comparison.title for comparison in dictionary.comparisons]
        try:
            report("fitting")
            model = fit([row.row for row in rows], parameters)
            report("evaluating")
            evaluation = evaluate([row.row for row in rows], parameters, comparisons=names)
        except RowsError as error:
            raise TrainingError(f"too few records may be read for this study now: {error}") from error
        return _Fitted(gate, access, rows, model, evaluation)

    def _read(self, gate: "_CountingGate", access: Access, dictionary: Dictionary) -> list[TrainingRow]:
        with self.store.reading() as unit:
            subjects = [patient.subject for patient in unit.patients.everyone()]
        with self.store.reading() as unit:
            return list(training_rows(self.vault.read(unit.connection, gate, access, subjects), dictionary))

    def _still_consented(self, fitted: "_Fitted") -> bool:
        """Check every row again on the ledger as it is now: a consent that ended while training ran is not used."""
        now = self.clock()
        self.follow(now)
        with self.store.reading() as unit:
            decisions = fitted.gate.gate.decide_all(unit, [row.subject for row in fitted.rows], fitted.access, now)
        return all(
            isinstance(decision := decisions[row.subject], Permit) and decision.commitment == row.commitment
            for row in fitted.rows
        )

    def _release(
        self, study: Study, dictionary: Dictionary, parameters: Parameters, fitted: "_Fitted", finish: Finish
    ) -> Trained:  # fmt: skip
        content = fitted.model.to_bytes()
        with self.store.reading() as unit:
            earlier = unit.studies.releases(study.reference.id)
        self._require_new(sha256(content), earlier)
        openings, pinned = self._openings(fitted.rows), fitted.gate.pinned
        manifest = Manifest(
            study=study.reference.id,
            release=len(earlier) + 1,
            chain_id=self.domain.chain_id,
            registry=self.domain.contract.hex(),
            block=pinned.number,
            block_hash=pinned.hash.hex(),
            block_time=pinned.time,
            rows=len(fitted.rows),
            rows_root=rows_root([opening.leaf() for opening in openings.values()]).hex(),
            dictionary=dictionary.hash,
            parameters=parameters.to_json(),
            code=software(),
            model=sha256(content).hex(),
        )
        evaluation = canonical_json(fitted.evaluation.to_json())
        stored = StoredRelease(
            manifest.study, manifest.release, sha256(content), manifest.to_bytes(), content, evaluation
        )
        self._keep(stored, manifest, openings, earlier, finish)
        return Trained(stored, manifest, fitted.model, fitted.evaluation, fitted.rows, fitted.gate.refused)

    def _require_new(self, model: bytes, earlier: Sequence[StoredRelease]) -> None:
        """Refuse what the registry has seen: it takes a model hash once, with one manifest, and retired is for ever.

        The current release is retired all the same when its rows are no longer those that consent.
        """
        with self.store.reading() as unit:
            status = self._status(unit, model)
        if status is ModelStatus.UNKNOWN:
            return
        if model not in {release.model_hash for release in earlier}:
            raise TrainingError("another study's model is this very one: change a parameter, such as rounds")
        if status is not ModelStatus.RETIRED:
            raise TrainingError("nothing changed since the last release: it stands as it is")
        with self.store.begin() as unit:
            self._retire(unit, earlier)
        raise TrainingError(
            "an earlier, retired release is this very model, and the current one is retired now too: "
            "change a parameter, such as rounds"
        )

    def _openings(self, rows: Sequence[TrainingRow]) -> dict[SubjectId, Opening]:
        """Return what stands under each row's leaf.

        The row enters as a MAC under its person's own key: whoever holds the hospital's data cannot tell from evidence
        which address a row belongs to, and after an erasure nobody can.
        """
        macs = self.vault.mac_all([Part(row.subject, row_hash(row.row)) for row in rows])
        return {row.subject: self._opening(row, mac) for row, mac in zip(rows, macs, strict=True)}

    def _opening(self, row: TrainingRow, mac: bytes) -> Opening:
        patients = {entry.commitment: entry.patient for entry in self.book.entries(row.subject)}
        return Opening(secrets.token_bytes(32), mac, patients[row.commitment], row.commitment)

    def _status(self, unit: Unit, model: bytes) -> ModelStatus:
        """Return what the registry says of a model, or will say once what is queued is done."""
        queued = [act.status for act in unit.model_acts.everything() if act.model == model]
        return queued[-1] if queued else self.projection.model_status(model)

    def _keep(
        self,
        stored: StoredRelease,
        manifest: Manifest,
        openings: Mapping[SubjectId, Opening],
        earlier: Sequence[StoredRelease],
        finish: Finish,
    ) -> None:
        """Store a release with the sealed openings of its rows and its entry, and queue what the registry is told."""
        parts = [Part(subject, opening.to_bytes(), opening.leaf()) for subject, opening in openings.items()]
        sealed = self.vault.seal_all(OPENING_LABEL, parts)
        whose = owners(self.vault, stored.study, stored.release, list(openings))
        kept = [StoredOpening(part.context, *rest) for part, *rest in zip(parts, whose, sealed, strict=True)]
        facts: dict[str, Json] = {
            "release": stored.release,
            "model": manifest.model,
            "manifest": manifest.hash().hex(),
            "rows": manifest.rows,
            "block": manifest.block,
        }
        with self.store.begin() as unit:
            unit.studies.add_release(stored, kept)
            now = int(self.clock().timestamp())
            entry = Entry(now, f"study:{stored.study}", Action.TRAIN, "TRAINED", study=stored.study, facts=facts)
            self.log.append(unit, [entry])
            self._retire(unit, earlier)
            unit.model_acts.add(stored.model_hash, ModelStatus.ACTIVE, manifest.hash())
            finish(unit, stored)

    def _retire(self, unit: Unit, releases: Sequence[StoredRelease]) -> None:
        for old in releases:
            if self._status(unit, old.model_hash) in {ModelStatus.ACTIVE, ModelStatus.SUSPENDED}:
                unit.model_acts.add(old.model_hash, ModelStatus.RETIRED)


class _CountingGate:
    """Counts why subjects were refused, for the report's participant flow; keeps the block that they were judged at."""

    def __init__(self, gate: ConsentGate) -> None:
        self.gate = gate
        self.refused: Counter[str] = Counter()
        self.pinned = Head(0, bytes(32), 0)

    def admit(self, subjects: Sequence[str], access: Access) -> Admission:
        """Ask the gate and count its refusals."""
        admission = self.gate.admit(subjects, access)
        if self.gate.projection.head is not None:
            self.pinned = self.gate.projection.head.final
        self.refused.update(answer.reason for answer in admission.values() if isinstance(answer, Refused))
        return admission


@dataclass(frozen=True, slots=True)
class _Fitted:
    """One attempt: what the gate said and at which block, the rows, and the model that came of them."""

    gate: _CountingGate
    access: Access
    rows: Sequence[TrainingRow]
    model: Model
    evaluation: Evaluation


def _access(study: Study, dictionary: Dictionary) -> Access:
    """Return what a training opens: of the study's categories, those that the dictionary uses."""
    asked = frozenset(category.value for category in study.required | study.optional)
    if not dictionary.required <= asked:
        raise TrainingError("the dictionary needs a category that the study never asked for: mend the study")
    required = frozenset(category.value for category in study.required) | dictionary.required
    return Access(
        actor=f"study:{study.reference.id}",
        study=study.reference.id,
        operation=Operation.TRAIN.value,
        required=required,
        optional=(dictionary.optional & asked) - required,
    )
