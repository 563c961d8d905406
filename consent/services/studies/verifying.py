"""Verifying a release: the model is fitted anew from its people's records, through the gate, and compared byte by byte.

Where people of it were erased, or their consents ended, nobody's records are opened: a model cannot be fitted without
them. What then still holds is its lineage: the leaves give the manifest's root, the log key signed the manifest, the
hashes stand on chain, and the log says that it was fitted twice when it was made.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from analytics import AnalyticsError, CohortQuery, Dictionary, Parameters, row_hash, software
from analytics.apart import fit_apart
from consent.domain.decision import Permit, ledger_refusal
from consent.domain.entry import Action
from consent.domain.errors import ConsentError
from consent.domain.hashing import sha256
from consent.domain.manifest import Manifest, Opening
from consent.domain.study import Study
from consent.domain.telling import said
from consent.domain.terms import SubjectId
from consent.ports import Ledger, StoredRelease
from consent.services.acts import read_acts
from consent.services.auditing import Evidence, Finding, Verifier, audit_chain, audit_envelope, audit_release
from consent.services.evidence import EvidenceRoom
from consent.services.studies.approved import approved_study
from consent.services.studies.departures import Members, members
from consent.services.studies.reading import RowsRead
from consent.services.studies.retraining import access_of, cohort_of
from consent.services.studies.training import OPENING_LABEL, Training
from vault import Part


class UnknownReleaseError(ConsentError):
    """The study has no such release; `consentry local releases` lists those that it has."""


@dataclass(frozen=True, slots=True)
class Verifying:
    """Verifies the releases of this installation; `verify` says whether the log key signed a message."""

    training: Training
    evidence: EvidenceRoom
    verify: Verifier

    def of_release(self, study_id: str, release: int | None, ledger: Ledger) -> Iterator[Finding]:
        """Yield a finding for each thing checked of a release, the newest where none is named.

        The log has an entry for each person whose records are opened, as for a training. Raises `UnknownReleaseError`
        or `StudyNotApprovedError`, and `TrainingError` where the study no longer asks for what the release looked at.
        """
        stored = self._stored(study_id, release)
        evidence, name = self.evidence.of_release(stored), f"release.{stored.release}"
        whole = _is_whole(stored, evidence.manifest)
        yield Finding(f"{name}.kept", whole, "what is kept has the manifest's hashes")
        yield audit_envelope(evidence, self.training.log.signer.public_key, self.verify)
        chain, history = audit_chain(ledger)
        yield history
        yield from audit_release(evidence, chain, ledger, self._gone())
        yield self._reexecuted(f"{name}.reexecuted", evidence)
        holds, seen = self._refitted(stored, evidence.manifest) if whole else (None, "not fitted: restore it first")
        yield Finding(f"{name}.refitted", holds, seen)

    def _stored(self, study_id: str, release: int | None) -> StoredRelease:
        with self.training.store.reading() as unit:
            found = [one for one in unit.studies.releases(study_id) if release in {None, one.release}]
        if not found:
            raise UnknownReleaseError("the study has no such release: `consentry local releases` lists what it has")
        return found[-1]

    def _gone(self) -> int:
        """Return how many people asked to be erased, for whose rows nothing can be shown any more."""
        with self.training.store.reading() as unit:
            return len(read_acts(unit.log, Action.ERASE).blocked)

    def _reexecuted(self, name: str, evidence: Evidence) -> Finding:
        """Find the entry of the training, which says that a second fit gave the same bytes."""
        manifest = evidence.manifest
        with self.training.store.reading() as unit:
            entries = [body for entry in unit.log.entries() if (body := said(entry)) is not None]
        made = {"release": manifest.release, "model": manifest.model, "manifest": manifest.hash().hex()}
        of_study = [one for one in entries if (one.get("action"), one.get("study")) == (Action.TRAIN, manifest.study)]
        told = [facts for one in of_study if _holds(facts := dict(one.get("facts") or {}), made)]
        if told and "reexecuted" not in told[-1]:
            return Finding(name, holds=None, seen="trained by a version that did not fit twice")
        holds = bool(told) and told[-1]["reexecuted"] is True
        return Finding(name, holds, "the log says that a second fit gave these bytes")

    def _refitted(self, stored: StoredRelease, manifest: Manifest) -> tuple[bool | None, str]:
        """Fit again where everybody of the release is there and consents; say what came of it."""
        if not stored.dictionary:
            return None, "trained before dictionaries were kept: nothing can be fitted again"
        with self.training.store.reading() as unit:
            study, standing = approved_study(unit, stored.study), members(unit, self.training.vault, *_key(stored))
        openings = self._openings(standing)
        refusal, ended = self._ended(study, stored, openings)
        if refusal:
            return None, f"{refusal}: nothing is read until the ledger is read again"
        if standing.unowned or ended:
            return None, _lineage(standing.unowned, ended)
        dictionary, cohort = Dictionary.parse(stored.dictionary), cohort_of(stored)
        read = self.training.read_anew(study, dictionary, cohort, list(openings))
        if late := read.refused.total():  # somebody left since we looked
            return None, _lineage(0, late)
        return self._compared(stored, manifest, read, openings)

    def _openings(self, standing: Members) -> dict[SubjectId, Opening]:
        parts = [Part(subject, row.sealed, row.leaf) for subject, row in standing.rows.items()]
        opened = map(Opening.from_bytes, self.training.vault.unseal_all(OPENING_LABEL, parts))
        return dict(zip(standing.rows, opened, strict=True))

    def _ended(self, study: Study, stored: StoredRelease, openings: Mapping[SubjectId, Opening]) -> tuple[str, int]:
        """Return why nothing can be decided now, or how many consents under the rows are not in force any more."""
        training = self.training
        training.follow(training.clock())
        now = training.clock()
        gate = training.gate(study)
        with training.store.reading() as unit:
            decisions = gate.decide_all(unit, list(openings), access_of(study, stored), now)
        stale = ledger_refusal(training.projection.reading(), now, training.max_staleness)
        held = [
            isinstance(decision := decisions[subject], Permit) and decision.commitment == opening.commitment
            for subject, opening in openings.items()
        ]
        return stale.name if stale else "", held.count(False)

    def _recorded_since(self, stored: StoredRelease) -> set[SubjectId]:
        """Return of whom the log says that a record came in since the release was trained."""
        trained, found = False, set()
        with self.training.store.reading() as unit:
            for entry in unit.log.entries():
                body = said(entry) or {}
                about = (body.get("action"), body.get("study"), dict(body.get("facts") or {}).get("release"))
                trained = trained or about == (Action.TRAIN, *_key(stored))
                if trained and about[0] == Action.IMPORT:
                    found.add(SubjectId(str(body.get("subject", ""))))
        return found

    def _compared(
        self, stored: StoredRelease, manifest: Manifest, read: RowsRead, openings: Mapping[SubjectId, Opening]
    ) -> tuple[bool | None, str]:  # fmt: skip
        macs = self.training.vault.mac_all([Part(row.subject, row_hash(row.row)) for row in read.rows])
        same = {row.subject for row, mac in zip(read.rows, macs, strict=True) if openings[row.subject].row == mac}
        if changed := openings.keys() - same:
            if unexplained := len(changed - self._recorded_since(stored)):
                return False, f"{unexplained:,} rows are not what their records give, and no record came in since"
            return None, f"{len(changed):,} rows are not what they were: records came in since; lineage holds"
        try:
            fitted = fit_apart([row.row for row in read.rows], Parameters.from_json(manifest.parameters))
        except AnalyticsError as error:
            return None, str(error)
        if fitted == stored.model:
            return True, f"a fresh process fits {len(openings):,} rows to the same {len(fitted):,} bytes"
        if dict(manifest.code) != software():
            return None, "other bytes, by other versions of the software than the manifest names: install those"
        return False, f"a fresh process fits {len(openings):,} rows to other bytes"


def _key(stored: StoredRelease) -> tuple[str, int]:
    return stored.study, stored.release


def _is_whole(stored: StoredRelease, manifest: Manifest) -> bool:
    """Say whether everything kept of a release is what its manifest names; version 1 names less."""
    model = sha256(stored.model)
    whole = model == stored.model_hash and model.hex() == manifest.model
    whole = whole and (manifest.study, manifest.release) == _key(stored)
    if manifest.version == 1:
        return whole
    try:
        dictionary = Dictionary.parse(stored.dictionary)
        cohort = cohort_of(stored) or CohortQuery.everyone(dictionary.day())
    except AnalyticsError:
        return False
    kept = (dictionary.hash, cohort.id, sha256(stored.evaluation).hex(), sha256(stored.gate).hex())
    return whole and kept == (manifest.dictionary, manifest.cohort, manifest.evaluation, manifest.gate)


def _holds(facts: Mapping[str, object], made: Mapping[str, object]) -> bool:
    return all(facts.get(name) == value for name, value in made.items())


def _lineage(erased: int, ended: int) -> str:
    """Say why nobody was read; how few they were is no secret here: whoever asks holds the keys."""
    return f"nobody was read: {erased:,} rows erased, {ended:,} consents ended since; lineage holds"
