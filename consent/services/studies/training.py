"""Training: exactly the rows whose consent holds at one pinned block, checked again before the model counts."""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from analytics import (
    CohortQuery,
    Dictionary,
    Evaluation,
    GateFigures,
    Parameters,
    Row,
    RowsError,
    TrainingChildError,
    row_hash,
    software,
)
from analytics.apart import Fitted, fit_apart, train_apart
from analytics.disclosure import SMALLEST
from analytics.subgroups import groups_of
from consent.domain.decision import Permit
from consent.domain.dsse import MANIFEST_TYPE, sign
from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json, canonical_json, sha256
from consent.domain.manifest import Manifest, Opening, rows_root
from consent.domain.study import Study
from consent.domain.terms import Operation, SubjectId
from consent.domain.typed_data import SigningDomain
from consent.ports import ModelStatus, Store, StoredOpening, StoredRelease, Unit
from consent.services.book import ConsentBook
from consent.services.gate import ConsentGate
from consent.services.log import Log
from consent.services.projection import LedgerProjection
from consent.services.studies.approved import StudyNotApprovedError, open_study
from consent.services.studies.asked import Asked
from consent.services.studies.openings import owners
from consent.services.studies.reading import CountingGate, RowsRead, uncollected
from consent.services.studies.rows import TrainingRow, derivation, row_from, row_of
from consent.services.studies.standing import STANDING, model_status
from consent.services.studies.suspending import reasons_to_suspend
from vault import Access, Part, Unkept, Vault

Told = Callable[[str], object]
"""Is told each stage as it begins; what it raises ends the training, of which nothing is kept."""
Finish = Callable[[Unit, StoredRelease], object]
"""Is called in the transaction that stores a release; what it raises undoes it."""

ATTEMPTS = 3
OPENING_LABEL = "opening"
KEPT_AT_ONCE = 5_000
"""So many rows that were worked out are kept in one transaction."""


class TrainingError(ConsentError):
    """No model came of this training; the message says whether to wait, to ask more people or to mend the study."""


class CategoryNeededError(TrainingError):
    """The dictionary or cohort cannot do without a category that the study never asked for; leave it out."""


class TooFewRowsError(TrainingError):
    """So few people's records may be read now that no model can be fitted or judged; ask more people for consent."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A release on its way to the registry.

    Attributes:
        stored: what is kept of it.
        manifest: what it answers for.
        evaluation: how good it is.
        gate: what it gives away.
        suspended: why it is not served until an operator has looked at it; empty: it will be.
        rows: what it was fitted on.
        refused: how many people were refused for which reason.
    """

    stored: StoredRelease
    manifest: Manifest
    evaluation: Evaluation
    gate: GateFigures
    suspended: tuple[str, ...]
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
        cohort: CohortQuery | None = None,
        finish: Finish = lambda _unit, _stored: None,
        report: Told = lambda _: None,
    ) -> Trained:
        """Train, evaluate and store the next release of a study's model, and queue its registration.

        On everyone, or on a `cohort`, each with their own index. The ledger's process registers it, and retires the
        release before it; until then nobody is served it. A release that gives too much away, or is worse than the
        study's own bounds, is suspended as soon as it is registered, and the one before it retired all the same.

        Raises `TrainingError` when the study is unknown, consents kept changing meanwhile, a second fit gave another
        model, or the rows give one that an earlier release already is; `TooFewRowsError` when too few may be read.
        """
        study = self._study(study_id)
        asked = Asked(study, dictionary, parameters, cohort)
        if study.protocols and asked.protocol not in study.protocols:
            raise TrainingError("the study was not approved for this dictionary on this cohort: have it approved first")
        for _ in range(ATTEMPTS):
            read = self.read(study, dictionary, cohort, report)
            fitted = _fit(read, asked, report)
            report("checking")
            if self._still_consented(read):
                report("storing")
                return self._release(asked, read, fitted, finish)
        raise TrainingError("consents changed during each of three trainings: try again in a quieter hour")

    def read(
        self,
        study: Study,
        dictionary: Dictionary,
        cohort: CohortQuery | None = None,
        report: Told = lambda _: None,
    ) -> RowsRead:
        """Read the rows of everybody whom the gate admits for training now; one entry of the log for each asked.

        Rows that were worked out are kept sealed, so that the next reading need not open the records.
        """
        report("reading")
        access = training_access(study, dictionary, cohort)
        self.follow(self.clock())
        gate = CountingGate(self.gate(study))
        with self.store.reading() as unit:
            subjects = [patient.subject for patient in unit.patients.everyone()]
        rows: list[TrainingRow] = []
        unkept: list[Unkept] = []
        with uncollected(), self.store.reading() as unit:
            for one in self.vault.derive(unit.connection, gate, access, subjects, derivation(dictionary, cohort)):
                row = row_from(one.content)
                if row is not None:
                    rows.append(TrainingRow(SubjectId(one.subject), one.admitted.commitment, row))
                if one.unkept is not None:
                    unkept.append(one.unkept)
                if len(unkept) >= KEPT_AT_ONCE:
                    self._keep_rows(unkept)
        self._keep_rows(unkept)
        return RowsRead(gate.gate, access, rows, gate.pinned, gate.admitted, gate.refused)

    def read_anew(
        self, study: Study, dictionary: Dictionary, cohort: CohortQuery | None, of: Sequence[SubjectId]
    ) -> RowsRead:  # fmt: skip
        """Read the rows of these people, as `read` does, from their records and from nothing that was kept."""
        access, gate = training_access(study, dictionary, cohort), CountingGate(self.gate(study))
        self.follow(self.clock())
        with self.store.reading() as unit:
            opened = self.vault.read(unit.connection, gate, access, of)
            found = ((one.subject, one.admitted.commitment, row_of(one, dictionary, cohort)) for one in opened)
            rows = [TrainingRow(SubjectId(subject), by, row) for subject, by, row in found if row is not None]
        return RowsRead(gate.gate, access, rows, gate.pinned, gate.admitted, gate.refused)

    def gate(self, study: Study) -> ConsentGate:
        """Return the gate that a training for this study asks."""
        return ConsentGate(self.store, self.log, self.book, self.projection, study, self.clock, self.max_staleness)

    def _keep_rows(self, unkept: list[Unkept]) -> None:
        """Keep rows and let go of them here."""
        if unkept:
            with self.store.begin() as unit:
                self.vault.keep(unit.connection, unkept)
        unkept.clear()

    def _study(self, study_id: str) -> Study:
        try:
            with self.store.reading() as unit:
                return open_study(unit, study_id)
        except StudyNotApprovedError as error:
            raise TrainingError(str(error)) from error

    def _still_consented(self, read: RowsRead) -> bool:
        """Check every row again on the ledger as it is now: a consent that ended while training ran is not used."""
        now = self.clock()
        self.follow(now)
        with self.store.reading() as unit:
            decisions = read.gate.decide_all(unit, [row.subject for row in read.rows], read.access, now)
        return all(
            isinstance(decision := decisions[row.subject], Permit) and decision.commitment == row.commitment
            for row in read.rows
        )

    def _release(self, asked: Asked, read: RowsRead, fitted: Fitted, finish: Finish) -> Trained:
        study, dictionary, content = asked.study, asked.dictionary, fitted.model
        with self.store.reading() as unit:
            earlier = unit.studies.releases(study.reference.id)
        self._require_new(asked, sha256(content), earlier)
        openings, pinned = self._openings(read.rows), read.pinned
        evaluation = canonical_json(fitted.evaluation.to_json())
        gate = canonical_json(fitted.gate.to_json())
        manifest = Manifest(
            study=study.reference.id,
            release=len(earlier) + 1,
            chain_id=self.domain.chain_id,
            registry=self.domain.contract.hex(),
            block=pinned.number,
            block_hash=pinned.hash.hex(),
            block_time=pinned.time,
            rows=len(read.rows),
            rows_root=rows_root([opening.leaf() for opening in openings.values()]).hex(),
            dictionary=dictionary.hash,
            parameters=asked.parameters.to_json(),
            code=software(),
            model=sha256(content).hex(),
            cohort=asked.cohort_id,
            evaluation=sha256(evaluation).hex(),
            gate=sha256(gate).hex(),
        )
        stored = StoredRelease(
            study=manifest.study,
            release=manifest.release,
            model_hash=sha256(content),
            manifest=manifest.to_bytes(),
            model=content,
            evaluation=evaluation,
            dictionary=dictionary.text,
            cohort=asked.cohort.to_bytes().decode() if asked.cohort else "",
            gate=gate,
            envelope=sign(manifest.to_bytes(), MANIFEST_TYPE, self.log.signer.public_key, self.log.signer.sign),
        )
        suspended = reasons_to_suspend(study, fitted.evaluation, fitted.gate)
        trained = Trained(stored, manifest, fitted.evaluation, fitted.gate, suspended, read.rows, read.refused)
        self._keep(trained, openings, earlier, finish)
        return trained

    def _require_new(self, asked: Asked, model: bytes, earlier: Sequence[StoredRelease]) -> None:
        """Refuse what the registry has seen: it takes a model hash once, with one manifest, and retired is for ever.

        The current release is retired all the same when its rows are no longer those that consent: when what was asked
        for is what it was made of.
        """
        with self.store.reading() as unit:
            status = self._status(unit, model)
        if status is ModelStatus.UNKNOWN:
            return
        if model not in {release.model_hash for release in earlier}:
            raise TrainingError("another study's model is this very one: change a parameter, such as rounds")
        if status is not ModelStatus.RETIRED:
            raise TrainingError("nothing changed since the last release: it stands as it is")
        if not asked.is_of(earlier[-1]):
            raise TrainingError("an earlier, retired release is this very model: change a parameter, such as rounds")
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
        return model_status(unit, self.projection, model)

    def _keep(
        self,
        trained: Trained,
        openings: Mapping[SubjectId, Opening],
        earlier: Sequence[StoredRelease],
        finish: Finish,
    ) -> None:
        """Store a release with the sealed openings of its rows and its entry, and queue what the registry is told."""
        stored, manifest = trained.stored, trained.manifest
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
            "reexecuted": True,
            "suspended": list(trained.suspended),
        }
        with self.store.begin() as unit:
            unit.studies.add_release(stored, kept)
            now = int(self.clock().timestamp())
            entry = Entry(now, f"study:{stored.study}", Action.TRAIN, "TRAINED", study=stored.study, facts=facts)
            self.log.append(unit, [entry])
            self._retire(unit, earlier)
            unit.model_acts.add(stored.model_hash, ModelStatus.ACTIVE, manifest.hash())
            if trained.suspended:
                unit.model_acts.add(stored.model_hash, ModelStatus.SUSPENDED)
            finish(unit, stored)

    def _retire(self, unit: Unit, releases: Sequence[StoredRelease]) -> None:
        for old in releases:
            if self._status(unit, old.model_hash) in STANDING:
                unit.model_acts.add(old.model_hash, ModelStatus.RETIRED)


def _fit(read: RowsRead, asked: Asked, report: Told) -> Fitted:
    """Fit and judge a model in one process and fit it again in another; nothing is written by either."""
    rows = [row.row for row in read.rows]
    _require_enough(rows)
    names = [comparison.title for comparison in asked.dictionary.comparisons]
    try:
        fitted = train_apart(rows, asked.parameters, names, report, groups_of(asked.dictionary))
        report("fitting again")
        again = fit_apart(rows, asked.parameters)
    except RowsError as error:
        raise TooFewRowsError(f"too few records may be read for this study now: {error}") from error
    except TrainingChildError as error:
        raise TrainingError(str(error)) from error
    if again != fitted.model:
        raise TrainingError("a second fit of the same rows gave other bytes: set nthread to 1, or report this machine")
    return fitted


def _require_enough(rows: Sequence[Row]) -> None:
    """Refuse too few rows before anything else, in one sentence: nobody and one person in a cohort look alike."""
    ill = sum(row.label for row in rows)
    if min(ill, len(rows) - ill) < SMALLEST:
        raise TooFewRowsError(
            f"too few records may be read for this, of fewer than {SMALLEST} people with the outcome or without it: "
            "ask more people for consent, or check the cohort and the codes"
        )


def training_access(study: Study, dictionary: Dictionary, cohort: CohortQuery | None = None) -> Access:
    """Return what a training opens: of the study's categories, those that the dictionary or the cohort uses.

    Raises `CategoryNeededError` when the study never asked for one of them that they cannot do without.
    """
    asked = frozenset(category.value for category in study.required | study.optional)
    needed = dictionary.required | (cohort.categories if cohort else frozenset())
    if not needed <= asked:
        raise CategoryNeededError(
            "the dictionary or cohort needs a category that the study never asked for: mend the study"
        )
    required = frozenset(category.value for category in study.required) | needed
    return Access(
        actor=f"study:{study.reference.id}",
        study=study.reference.id,
        operation=Operation.TRAIN.value,
        required=required,
        optional=(dictionary.optional & asked) - required,
    )
