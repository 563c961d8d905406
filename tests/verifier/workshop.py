"""A workshop that makes bundles from plain values, without any service: the second voice beside the one that ships.

    life = Workshop()
    ada = life.enrol()
    life.approve("heart")
    consent = life.grant(ada, "heart")
    release = life.train("heart", [consent])
    life.predict(consent, release)
    life.write(path)                              # the whole log, as evidence of a period
    list(verify(path, life.policy()))

`files` gives a bundle's files by name, `contents` puts their table of contents in front, and `pack` makes the zip: each
can be altered on the way to the next.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from consent.domain import note
from consent.domain.checkpoint import Checkpoint
from consent.domain.entry import Action, PlacedEntry
from consent.domain.hashing import Json, canonical_json
from consent.domain.history import EMPTY_HISTORY, Event, Granted, fold
from consent.domain.merkle import Subtree, consistency_of, parent, root_of
from consent.domain.shared_paths import PathMaker
from consent.ports import Anchored, Head, ModelStatus
from consent.verifier.certificate import Certificate, RegisteredSigner, Signer, SignerPolicy, aggregate
from consent.verifier.chain_view import ChainView, RegisteredModel
from consent.verifier.policy import ChainTrust, LogTrust, Policy, Rules
from tests.verifier.life import Life
from tests.verifier.plain import ANCHOR, CHAIN, MODELS, ORIGIN, REGISTRY, Made

HOUSE: Final = {"approve", "keys", "ledger", "operator", "release", "retire", "review", "train"}
ORDER: Final = (
    "checkpoint.txt", "certificate.json", "consistency.ndjson", "chain.json", "events.ndjson", "consents.ndjson",
    "entries.ndjson", "manifests.ndjson", "rows", "receipts.ndjson", "served.ndjson",
)  # fmt: skip
_OF_CONSENTS: Final = {Action.GRANT, Action.STOP}
_OF_PEOPLE: Final = {Action.ENROL, Action.ERASE, Action.HOLD, Action.PREFER}
DEFAULT_RULES: Final = Rules()
Scope = int | str


class Tree:
    """A Merkle tree kept whole, level by level."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.levels = [list(leaves)]
        while len(self.levels[-1]) > 1:
            below = self.levels[-1]
            pairs = zip(below[::2], below[1::2], strict=False)
            self.levels.append([parent(left, right) for left, right in pairs])

    def subtrees(self, wanted: Sequence[Subtree]) -> list[bytes]:
        """Return the hashes of whole subtrees."""
        return [self.levels[level][place] for level, place in wanted]


class Workshop(Life):
    """A life of which bundles are made, and what an auditor knows of it.

    Attributes:
        kept: sizes of checkpoints that the auditor kept.
        anchored: how many entries the anchored checkpoint covers.
        signers: who co-signs checkpoints.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[int] = []
        self.anchored = 0
        self.signers: list[tuple[str, str, Signer]] = []

    def placed(self) -> list[PlacedEntry]:
        """Return the log's entries at their places."""
        return [entry.placed(index) for index, entry in enumerate(self.entries)]

    def tree(self) -> Tree:
        """Return the log's tree."""
        return Tree([entry.leaf for entry in self.placed()])

    def note(self, size: int, root: bytes) -> str:
        """Sign a checkpoint."""
        public = self.log_key.public_key().public_bytes_raw()
        return note.sign(Checkpoint(ORIGIN, size, root).to_text(), ORIGIN, public, self.log_key.sign)

    def policy(self, *, chain: bool = True, signers: bool = False, rules: Rules = DEFAULT_RULES) -> Policy:
        """Return an auditor's policy for this life, with a view of the chain as it is now."""
        tree = self.tree()
        kept = tuple(self.note(size, root_of(size, tree.subtrees)) for size in self.kept)
        trust = LogTrust(ORIGIN, (self.log_key.public_key().public_bytes_raw(),), kept)
        seen = ChainTrust(CHAIN, REGISTRY, MODELS, ANCHOR, self.view(tree)) if chain else None
        return Policy(trust, seen, self.signer_policy() if signers else None, rules)

    def view(self, tree: Tree | None = None) -> ChainView:
        """Return what somebody who looks at the chain now sees."""
        tree = tree or self.tree()
        models: dict[bytes, RegisteredModel] = {}
        for change in self.changes:
            model, manifest = bytes.fromhex(str(change["model"])), bytes.fromhex(str(change["manifest"]))
            registered = models.get(model, RegisteredModel(manifest, ModelStatus.ACTIVE))
            models[model] = replace(registered, status=ModelStatus(int(str(change["status"]))))
        head = Head(self.block, bytes.fromhex(self.block_hash(self.block)), self.now)
        anchored = Anchored(self.anchored, root_of(self.anchored, tree.subtrees) if self.anchored else bytes(32))
        codes = dict.fromkeys(("registry", "models", "anchor"), bytes(32))
        return ChainView(
            CHAIN, REGISTRY, MODELS, ANCHOR, head, fold(EMPTY_HISTORY, self.events), anchored, models, codes
        )

    def signer_policy(self) -> SignerPolicy:
        """Return the registry of those who co-sign."""
        if not self.signers:
            self.signers = [(name, name, Signer.from_seed(name.encode() * 32)) for name in ("hospitals", "patients")]
        registered = [RegisteredSigner(n, g, key.public_key, key.prove_possession()) for n, g, key in self.signers]
        return SignerPolicy(1, tuple(registered), {"hospitals": 1, "patients": 1})

    def certificate(self, checkpoint: Checkpoint, policy: Policy) -> bytes:
        """Have everybody co-sign a checkpoint."""
        assert policy.signers is not None and policy.chain is not None  # noqa: PT018  # for the type checker alone
        shares = [key.sign(checkpoint, policy.chain.contract) for _, _, key in self.signers]
        bitmap = policy.signers.bitmap(name for name, _, _ in self.signers)
        return canonical_json(Certificate(policy.signers.version, bitmap, aggregate(shares)).to_json())

    def write_policy(self, folder: Path, *, signers: bool = False) -> Path:
        """Write the auditor's files: the policy, with a view of the chain as it is now."""
        (folder / "view.json").write_bytes(self.view().to_bytes())
        key = self.log_key.public_key().public_bytes_raw().hex()
        contracts = f'registry = "0x{REGISTRY.hex()}"\nmodels = "0x{MODELS.hex()}"\nanchor = "0x{ANCHOR.hex()}"\n'
        log, chain = f'[log]\norigin = "{ORIGIN}"\nkeys = ["{key}"]\n', f"[chain]\nid = {CHAIN}\n{contracts}"
        path = folder / "auditor.toml"
        path.write_text(f'version = 1\n{log}{chain}view = "view.json"\n' + (self._signer_lines() if signers else ""))
        return path

    def _signer_lines(self) -> str:
        policy = self.signer_policy()
        lines = [f"[signers]\nversion = {policy.version}\ngroups = {{hospitals = 1, patients = 1}}\n"]
        for each in policy.signers:
            named = f'[[signers.signer]]\nname = "{each.name}"\ngroup = "{each.group}"\n'
            lines.append(f'{named}key = "{each.public_key.hex()}"\nproof = "{each.proof.hex()}"\n')
        return "".join(lines)

    def certified(self, files: dict[str, bytes]) -> dict[str, bytes]:
        """Return a bundle's files with a certificate of all signers over its checkpoint."""
        tree, size = self.tree(), len(self.entries)
        content = self.certificate(Checkpoint(ORIGIN, size, root_of(size, tree.subtrees)), self.policy(signers=True))
        return _ordered(files | {"certificate.json": content})

    # the bundle

    def write(self, path: Path, kind: str = "period", **scope: Scope) -> Path:
        """Write a bundle; of a period, by default the whole log."""
        pack(path, self.contents(self.files(kind, **scope), kind, **scope))
        return path

    def contents(self, files: Mapping[str, bytes], kind: str = "period", **scope: Scope) -> dict[str, bytes]:
        """Return a bundle's files with their table of contents in front."""
        if kind == "period":
            scope = {"first": scope.get("first", 0), "last": scope.get("last", len(self.entries))}
        named: dict[str, Json] = {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in files.items()
        }
        told: dict[str, Json] = {
            "version": 1, "kind": kind, "scope": dict(scope), "origin": ORIGIN, "made": self.now,
            "size": len(self.entries), "files": named,
        }  # fmt: skip
        table = canonical_json(told)
        return {"bundle.json": table, "bundle.sig": self.signature(table), **files}

    def signature(self, table: bytes) -> bytes:
        """Return what the log key signs of a table of contents, as its file has it."""
        return self.log_key.sign(b"consentry/bundle/v1\n" + table).hex().encode() + b"\n"

    def files(self, kind: str = "period", **scope: Scope) -> dict[str, bytes]:
        """Return a bundle's files but its table of contents, by name, in their order."""
        tree, placed = self.tree(), self.placed()
        size = len(placed)
        chosen = self.chosen(kind, **scope)
        note_text = self.note(size, root_of(size, tree.subtrees))
        others = sorted({*self.kept, self.anchored} - {0, size})
        consistency: list[Json] = [
            {"old": other, "new": size, "proof": _hex(consistency_of(other, size, tree.subtrees))} for other in others
        ]
        proofs = PathMaker(size, tree.subtrees).proofs(chosen)
        shown: Iterable[Json] = (
            {"index": index, "entry": placed[index].body.decode(), "proof": _hex(proof)}
            for index, proof in zip(chosen, proofs, strict=True)
        )
        files = {
            "checkpoint.txt": note_text.encode(),
            "consistency.ndjson": lines(consistency),
            "entries.ndjson": lines(shown),
        }
        if kind == "receipt":
            found = [one for one in self.receipts if one.index == scope["index"]]
            return _ordered(files | {"receipts.ndjson": lines([one.to_json() for one in found])})
        return _ordered(files | self.chain_files() | self.release_files(kind, **scope) | {
            "consents.ndjson": lines(self.signed_lines({self.entries[index].consent for index in chosen})),
            "receipts.ndjson": b"",
        })  # fmt: skip

    def chain_files(self) -> dict[str, bytes]:
        """Return chain.json and the events."""
        contracts: dict[str, Json] = {
            "registry": REGISTRY.hex(),
            "model_registry": MODELS.hex(),
            "log_anchor": ANCHOR.hex(),
        }
        return {
            "chain.json": canonical_json(contracts | {"version": 1, "chain_id": CHAIN}),
            "events.ndjson": lines(map(_event, self.events)),
        }

    def release_files(self, kind: str, **scope: Scope) -> dict[str, bytes]:
        """Return the manifests and rows that a scope covers, and what is served."""
        key = lambda made: (made.manifest.study, made.manifest.release)  # noqa: E731  # said once
        shown = sorted((made for made in self.releases if self.covers(kind, made, **scope)), key=key)
        named: list[Json] = [
            {"study": made.manifest.study, "release": made.manifest.release, "envelope": json.loads(made.envelope)}
            for made in shown
        ]
        files = {f"rows/{place}.ndjson": lines(_rows(made)) for place, made in enumerate(shown)}
        return files | {"manifests.ndjson": lines(named), "served.ndjson": lines(self.served_lines(kind, **scope))}

    def served_lines(self, kind: str, **scope: Scope) -> Iterator[dict[str, Json]]:
        """Yield what is said of each study's service; nothing is served of one that `served` has no more."""
        studies = {made.manifest.study for made in self.releases if made.manifest.model == scope.get("model")}
        studies |= {str(scope.get("study"))}
        for study, release in sorted(self.in_service().items()):
            if kind in {"period", "patient"} or study in studies:
                made = self.served.get(study)
                model = made.manifest.model if made else None
                yield {"study": study, "release": made.manifest.release if made else release, "model": model}

    def in_service(self) -> dict[str, int]:
        """Return each study's newest release, where the log did not withdraw it."""
        found: dict[str, int] = {}
        for entry in self.entries:
            if entry.action is Action.RELEASE and entry.verdict == "ACTIVE":
                found[entry.study] = int(str(entry.facts["release"]))
            elif entry.action is Action.RETIRE or (entry.action, entry.verdict) == (Action.REVIEW, "RETIRED"):
                withdrawn = found.get(entry.study) == entry.facts["release"]
                found.pop(entry.study if withdrawn else "", None)
        return found

    def covers(self, kind: str, made: Made, **scope: Scope) -> bool:
        """Say whether a bundle has a release's manifest and rows."""
        if kind == "period":
            return int(scope.get("first", 0)) <= made.trained < int(scope.get("last", len(self.entries)))
        return (kind, made.manifest.study) == ("study", scope.get("study")) or (
            (kind, made.manifest.model) == ("model", scope.get("model"))
        )

    def signed_lines(self, named: set[str]) -> Iterator[dict[str, Json]]:
        """Yield the lines of consents.ndjson."""
        for consent, given in sorted(self.consents.items()):
            if consent in named and given.person.subject not in self.erased:
                yield {"consent": consent, "signed": json.loads(given.signed.to_bytes())}

    def chosen(self, kind: str, **scope: Scope) -> list[int]:
        """Return which entries a bundle has."""
        told = list(enumerate(self.entries))
        if kind == "receipt":
            return [int(scope["index"])]
        if kind == "period":
            first, last = int(scope.get("first", 0)), int(scope.get("last", len(told)))
            found = set(range(first, last))
            found |= {index for made in self.releases if first <= made.trained < last for index in self.readings(made)}
        elif kind == "model":
            [made] = [one for one in self.releases if one.manifest.model == scope["model"]]
            found = {index for index, entry in told if entry.facts.get("model") == scope["model"]}
            found |= set(self.readings(made))
        else:
            name = {"study": "study", "patient": "subject"}[kind]
            found = {index for index, entry in told if getattr(entry, name) in scope.values()}
        found |= {
            index - 1 for index in found
            if self.entries[index].action is Action.PREDICT and self.entries[index - 1].action is Action.READ
        }  # fmt: skip
        consents = {self.entries[index].consent for index in found} - {""}
        people = {self.entries[index].subject for index in found} - {None}
        found |= {index for index, entry in told if entry.action.value in HOUSE}
        found |= {index for index, entry in told if entry.consent in consents and entry.action in _OF_CONSENTS}
        found |= {index for index, entry in told if entry.subject in people and entry.action in _OF_PEOPLE}
        return sorted(found)

    def readings(self, made: Made) -> Iterator[int]:
        """Yield the readings of a release's training."""
        for index in range(made.trained - 1, -1, -1):
            entry = self.entries[index]
            if entry.study == made.manifest.study and entry.action is Action.TRAIN:
                return
            if entry.study == made.manifest.study and entry.action is Action.READ and entry.operation == "train":
                yield index


def lines(values: Iterable[Json]) -> bytes:
    """Return canonical JSON, one value a line."""
    return b"".join(canonical_json(value) + b"\n" for value in values)


def pack(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a zip, as a bundle is one."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.compress_type, member.create_system, member.external_attr = zipfile.ZIP_DEFLATED, 3, 0o600 << 16
            archive.writestr(member, content)
    return path


def _ordered(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return dict(sorted(files.items(), key=lambda file: (ORDER.index(file[0].split("/")[0]), len(file[0]), file[0])))


def _rows(made: Made) -> Iterator[dict[str, Json]]:
    for leaf, opening, consent in made.rows:
        yield {"leaf": leaf.hex(), "opening": opening.to_bytes().hex() if opening else None, "consent": consent}


def _event(event: Event) -> dict[str, Json]:
    told: dict[str, Json] = {"patient": event.patient.hex(), "commitment": event.commitment.hex()}
    told |= {"block": event.block, "time": event.time}
    if isinstance(event, Granted):
        return told | {"kind": "granted", "expires": event.expires if event.expires < 2**53 else str(event.expires)}
    return told | {"kind": "revoked", "by": event.by.hex()}


def _hex(hashes: Iterable[bytes]) -> list[Json]:
    return [one.hex() for one in hashes]
