"""Releases: signed, registered, and made of rows each of which had a consent in force at the pinned block.

    release.<study>.<n>.signed       one of the policy's log keys signed the manifest, which belongs to the scope
    release.<study>.<n>.registered   model and manifest stand on the chain, and in the log's entry of the training
    release.<study>.<n>.rows         the rows' leaves give the manifest's root
    release.<study>.<n>.consents     each row is of another consent, which allows training for the study, was read for
                                     this training by an entry, was in force at the pinned block, and had not
                                     ended more than `clocks_differ` before the entry of the training

Rows of people who were erased are closed. There may be as many as consents were read for the training that nobody can
show any more; they never count as passed.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from consent.domain.bundle import Contents, Kind, is_count, is_hex, rows_of
from consent.domain.dsse import MANIFEST_TYPE, EnvelopeError, open_own
from consent.domain.hashing import canonical_json
from consent.domain.manifest import Manifest, Opening
from consent.domain.merkle import Frontier
from consent.domain.telling import facts_of
from consent.domain.terms import Operation
from consent.signatures import verifies
from consent.verifier.access_rules import was_revoked
from consent.verifier.archive import Archive
from consent.verifier.chain_checks import NO_CHAIN, ToldChain
from consent.verifier.chain_view import UNREGISTERED
from consent.verifier.consent_checks import KnownConsent
from consent.verifier.entries import ShownEntry
from consent.verifier.findings import Finding, NotSoundError, Rule, number
from consent.verifier.policy import LogTrust
from consent.verifier.reading import ManifestLine, RowLine, manifest_of, manifests, rows
from consent.verifier.story import Story

FORM: Final = "releases"
PARTS: Final = ("signed", "registered", "rows", "consents")
Release = tuple[str, int]
"""A study, and the number of its release."""


@dataclass(slots=True)
class ShownRelease:
    """A release whose manifest is in the bundle, with a rule for each part of `PARTS`."""

    place: int
    line: ManifestLine
    manifest: Manifest | None
    rules: Mapping[str, Rule]
    seen: dict[str, str] = field(default_factory=dict)
    trained: bool = False

    def findings(self) -> Iterator[Finding]:
        """Yield what came of it; parts that rest on a broken one stay open."""
        broken = ""
        for part in PARTS:
            finding = self.rules[part].finding(self.seen.get(part, ""))
            rests = broken and finding.holds is not False
            yield Finding.open(finding.name, f"rests on {broken}, which does not hold") if rests else finding
            broken = broken or (finding.name if finding.holds is False else "")


@dataclass(slots=True)
class ReleaseRules:
    """Takes up readings for training, trainings and releases, and reads each release's rows at its training."""

    archive: Archive
    contents: Contents
    chain: ToldChain
    known: Mapping[str, KnownConsent]
    story: Story
    clocks_differ: int
    shown: dict[Release, ShownRelease] = field(default_factory=dict)
    active: dict[Release, str] = field(default_factory=dict)
    _form: Rule = field(default_factory=lambda: Rule(FORM))
    _wanted: dict[Release, int] = field(default_factory=dict)
    _trained: dict[Release, str] = field(default_factory=dict)
    _read: dict[str, set[str]] = field(default_factory=dict)
    _told: Rule = field(default_factory=lambda: Rule(FORM))

    def read_manifests(self, trust: LogTrust) -> None:
        """Read the manifests, and who signed them."""
        try:
            self._read_manifests(trust)
        except NotSoundError as error:
            self._form.fail(error.item, str(error))

    def _read_manifests(self, trust: LogTrust) -> None:
        before: Release = ("", -1)
        for place, line in enumerate(manifests(self.archive)):
            release = (line.study, line.release)
            if release <= before or rows_of(place) not in self.archive.members:
                raise NotSoundError(line.item, "releases stand in order, each once, and each has its rows")
            before = release
            named = "its manifest, of version 1, was not signed; the log has its hash" if not line.envelope else ""
            rules = {part: Rule(f"release.{line.study}.{line.release}.{part}") for part in PARTS}
            shown = ShownRelease(place, line, _signed(line, trust, rules["signed"]), rules)
            shown.seen["signed"] = named or "the log's key signed the manifest"
            self.shown[release] = shown
        if rows_of(len(self.shown)) in self.archive.members:
            raise NotSoundError(rows_of(len(self.shown)), "it is the rows of no manifest")

    def read(self, entry: ShownEntry) -> None:
        """Take up a permitted reading for a training."""
        self._read.setdefault(str(entry.told.get("study", "")), set()).add(str(entry.told.get("consent", "")))

    def released(self, entry: ShownEntry) -> None:
        """Take up that the log released a model."""
        release = self._named(entry, "ACTIVE")
        if release is None:
            return
        model = str(facts_of(entry.told)["model"])
        if self.active.setdefault(release, model) != model or self._trained.get(release, model) != model:
            self._told.fail(entry.item, "it releases another model than was trained or released under this number")

    def trained(self, entry: ShownEntry) -> None:
        """Check a release at the entry of its training."""
        release = self._named(entry, "TRAINED")
        read = self._read.pop(str(entry.told.get("study", "")), set())
        if release is None:
            return
        if release in self._trained or release in self.active:
            self._told.fail(entry.item, "another training, or a release, stands before it under this number")
        self._trained.setdefault(release, str(facts_of(entry.told)["model"]))
        found = self.shown.get(release)
        if found is None:
            if self._is_wanted(entry):
                self._wanted[release] = entry.index
        elif not found.trained and found.manifest is not None:
            found.trained = True
            if not self._is_wanted(entry):
                found.rules["signed"].fail(found.line.item, "its training is not of what this is evidence of")
            self._register(found, found.manifest, facts_of(entry.told), entry.item)
            behind = max(int(entry.told["time"]) - self.clocks_differ, self.story.latest - 2 * self.clocks_differ)
            self._check_rows(found, found.manifest, read, behind)

    def _named(self, entry: ShownEntry, verdict: str) -> Release | None:
        """Return the release that an entry of this verdict is about; one that names none, with its model, is wrong."""
        if entry.told.get("verdict") != verdict:
            return None
        facts, study = facts_of(entry.told), str(entry.told.get("study", ""))
        if not study or not is_count(facts.get("release")) or not is_hex(facts.get("model"), 64):
            self._told.fail(entry.item, "it names no study, number and model")
            return None
        return study, int(facts["release"])

    def _is_wanted(self, entry: ShownEntry) -> bool:
        """Say whether the bundle's scope covers this training: then its manifest is to be here, once it is released."""
        kind, scope = self.contents.kind, self.contents.scope
        if kind is Kind.PERIOD:
            return int(scope["first"]) <= entry.index < int(scope["last"])
        if kind is Kind.STUDY:
            return entry.told.get("study") == scope["study"]
        return kind is Kind.MODEL and facts_of(entry.told).get("model") == scope["model"]

    def _register(self, found: ShownRelease, manifest: Manifest, facts: Mapping[str, Any], item: str) -> None:
        rule, chain = found.rules["registered"], self.chain
        told = {
            "model": manifest.model,
            "manifest": manifest.hash().hex(),
            "rows": manifest.rows,
            "block": manifest.block,
        }
        if any(facts.get(name) != value for name, value in told.items()):
            rule.fail(item, "the entry of its training names another model, manifest, block or number of rows")
        if wrong := self._unregistered(manifest):
            rule.fail(found.line.item, wrong)
        here = (chain.domain.chain_id, chain.domain.contract.hex())
        if (manifest.chain_id, manifest.registry) != here or not chain.has_block(
            manifest.block, manifest.block_hash, manifest.block_time
        ):
            rule.fail(found.line.item, "it is pinned to no block of this chain")
        if chain.trust is None:
            rule.why_open = f"{NO_CHAIN}, so nobody confirms what is registered there"
        found.seen["registered"] = f"model and manifest stand on the chain, pinned to block {manifest.block:,}"

    def _unregistered(self, manifest: Manifest) -> str:
        """Return why the auditor's view does not confirm a release; empty where it does, or there is none."""
        if self.chain.trust is None:
            return ""
        seen = self.chain.trust.view.model(bytes.fromhex(manifest.model))
        if seen == UNREGISTERED:
            return "the auditor's view does not know its model: make a newer view, if it was registered since"
        if seen.manifest != manifest.hash():
            return "model and manifest are not registered together on the chain"
        return ""

    def _check_rows(self, found: ShownRelease, manifest: Manifest, read: set[str], trained: int) -> None:
        rule, frontier, before = found.rules["rows"], Frontier(), b""
        closed, hidden = 0, sum(consent not in self.known for consent in read)
        try:
            for item, row in rows(self.archive, found.place):
                if row.leaf <= before:
                    rule.fail(item, "rows stand in order of their leaves, each once")
                before = row.leaf
                frontier.push(row.leaf)
                if row.opening is None:
                    closed += 1
                else:
                    self._check_row(found, manifest, row, Opening.from_bytes(row.opening), item, read)
                    self._check_end(found, row.consent or "", item, trained)
        except NotSoundError as error:
            rule.fail(error.item, str(error))
        if (frontier.size, frontier.root().hex()) != (manifest.rows, manifest.rows_root):
            rule.fail(rows_of(found.place), "the rows are not those of the manifest: their leaves give another root")
        if closed > hidden:
            found.rules["consents"].fail(rows_of(found.place), "more rows are closed than people of them were erased")
        if self.chain.trust is None:
            found.rules["consents"].why_open = f"{NO_CHAIN}, so nobody confirms which consents were in force"
        gone = f"; {closed:,} of erased people are no longer checkable" if closed else ""
        found.seen["rows"] = f"{number(frontier.size, 'leaf', 'leaves')} with the manifest's root"
        opened = number(frontier.size - closed, "row")
        found.seen["consents"] = f"{opened}, each with a consent in force at the pinned block{gone}"

    def _check_row(
        self, found: ShownRelease, manifest: Manifest, row: RowLine, opening: Opening, item: str, read: set[str]
    ) -> None:
        rule, consent = found.rules["consents"], row.consent or ""
        known = self.known.get(consent)
        if opening.leaf() != row.leaf:
            found.rules["rows"].fail(item, "what is said to stand under this leaf does not give it")
        if known is None or opening.patient + opening.commitment != known.key:
            rule.fail(item, "the bundle has no consent with its address and commitment")
        elif consent not in read:
            rule.fail(item, f"no entry read consent {consent} for this training, or two rows are of it")
        elif known.study != manifest.study or Operation.TRAIN not in known.operations:
            rule.fail(item, f"consent {consent} does not allow training for this study")
        elif not self.chain.in_force(known.key, manifest.block, manifest.block_time):
            rule.fail(item, f"consent {consent} was not in force at the pinned block, as far as the view confirms")
        read.discard(consent)

    def _check_end(self, found: ShownRelease, consent: str, item: str, trained: int) -> None:
        """A training looks again, before its model counts, at each consent: one that ended on the way is not used."""
        known, story = self.known.get(consent), self.story
        if known is None:
            return
        over = any(trained > story.ended.get(one, trained) for one in (consent, known.subject))
        if over or trained >= known.expires or was_revoked(self.chain.standing(known.key), trained):
            found.rules["consents"].fail(item, f"consent {consent} had ended before the training did")

    def findings(self) -> Iterator[Finding]:
        """Yield what came of each release, then name each that is missing; `releases` alone where lines are broken."""
        if self._form.failure is not None:
            yield self._form.finding("")
            return
        for (study, release), found in self.shown.items():
            if not found.trained and found.manifest is not None:
                found.rules["registered"].fail(found.line.item, "the bundle has no entry of its training")
            if (study, release) not in self.active and found.manifest is not None:
                found.rules["registered"].fail(found.line.item, "the log does not say that it was released")
            yield from found.findings()
        for (study, release), index in self._wanted.items():
            if (study, release) in self.active:
                missing = NotSoundError(f"entry {index}", "the manifest of this training is not in the bundle")
                yield Finding.failed(f"release.{study}.{release}.signed", missing)
        if self._told.failure is not None:
            yield self._told.finding("")


def _signed(line: ManifestLine, trust: LogTrust, rule: Rule) -> Manifest | None:
    """Return the manifest of a line, None where it cannot be read or nobody whom the policy trusts signed it."""
    payload = _payload(line, trust) if line.envelope else canonical_json(line.manifest or {})
    if payload is None:
        rule.fail(line.item, "none of the log's keys signed its manifest")
        return None
    try:
        manifest = manifest_of(payload, line.item)
    except NotSoundError as error:
        rule.fail(error.item, str(error))
        return None
    if (manifest.study, manifest.release) != (line.study, line.release):
        rule.fail(line.item, "its manifest is of another release")
    if not line.envelope and manifest.version > 1:
        rule.fail(line.item, "a manifest of version 2 has an envelope with a signature")
    return manifest if rule.failure is None else None


def _payload(line: ManifestLine, trust: LogTrust) -> bytes | None:
    for key in trust.keys:
        with suppress(EnvelopeError):
            return open_own(line.envelope, MANIFEST_TYPE, key, partial(verifies, key))
    return None
