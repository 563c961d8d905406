"""What happens in one installation, as plain values and without any service: people, consents, readings, releases.

All that a `Life` holds are lists and dicts, which a test may alter before a bundle is made of them
(`tests.verifier.workshop`): an entry left out, an event moved, terms changed.
"""

import base64
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.domain import dsse
from consent.domain.data_use import DataUse
from consent.domain.details import render
from consent.domain.entry import PERMIT, Action, Entry, blinded
from consent.domain.grant import certificate_digest, grant_digest, revocation_digest
from consent.domain.hashing import Json, sha256
from consent.domain.history import Event, Granted, Revoked
from consent.domain.key_history import nonce_for, statement
from consent.domain.manifest import Manifest, Opening, rows_root
from consent.domain.operator_change import ChangeAction, OperatorChange
from consent.domain.receipt import Receipt
from consent.domain.signed_consent import SignedConsent
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.domain.terms import Category, Operation, StudyReference, SubjectId, Terms, Window
from consent.domain.typed_data import SigningDomain
from tests.verifier.plain import CATEGORIES, CHAIN, DAY, HOUR, ORIGIN, REGISTRY, START, Given, Made, Person, Row
from tests.wallets import Wallet


class Life:
    """What happened in one installation, in order; every act takes a minute.

    Attributes:
        entries: of the log, not yet placed.
        events: of the registry.
        changes: of the model registry, in order.
        consents: by id, with those of people who were erased.
        releases: in the order of their trainings.
        receipts: that patients were given.
        served: what is served of each study; what the log has in service, and is not here, is served no more.
        erased: people whose key was deleted.
        operators: by name.
    """

    def __init__(self) -> None:
        self.log_key = Ed25519PrivateKey.generate()
        self.domain = SigningDomain(CHAIN, REGISTRY)
        self.now, self.block = START, 1
        self.entries: list[Entry] = []
        self.events: list[Event] = []
        self.changes: list[dict[str, Json]] = []
        self.consents: dict[str, Given] = {}
        self.releases: list[Made] = []
        self.receipts: list[Receipt] = []
        self.served: dict[str, Made] = {}
        self.erased: set[SubjectId] = set()
        self.operators: dict[str, Ed25519PrivateKey] = {}

    # what happens

    def log(self, actor: str, action: Action, verdict: str = "", **rest: Any) -> int:
        """Write an entry a minute later; return its index."""
        self.now += 60
        self.entries.append(Entry(self.now, actor, action, verdict, **rest))
        return len(self.entries) - 1

    def tick(self, seconds: int) -> None:
        """Let time pass; the chain has a block then."""
        self.now += seconds
        self.block += 1

    def enrol(self, *, counted: bool | None = None) -> Person:
        """Enrol somebody, with a key."""
        person = Person(SubjectId(secrets.token_hex(16)))
        self.log("operator", Action.ENROL, "IDENTIFIED", subject=person.subject)
        self.log("patient", Action.ENROL, "KEY", subject=person.subject, facts={"key": person.wallet.address.hex()})
        if counted is not None:
            self.prefer(person, counted=counted)
        return person

    def prefer(self, person: Person, *, counted: bool) -> int:
        """Say whether somebody may be counted."""
        return self.log("patient", Action.PREFER, "COUNTED" if counted else "NOT_COUNTED", subject=person.subject)

    def operator(self, name: str) -> None:
        """Register an operator; only the first two need nobody's approval."""
        key = self.operators[name] = Ed25519PrivateKey.generate()
        public, nonce = key.public_key().public_bytes_raw().hex(), secrets.token_hex(16)
        change = OperatorChange(ChangeAction.ADD, name, public, ORIGIN, self.now, nonce)
        told = {"operator": name, "key": public, "requested": change.requested, "nonce": nonce, "approvals": []}
        self.log("operator", Action.OPERATOR, "ADDED", facts=told)

    def approve(self, study: str) -> int:
        """Approve a study, which asks people at once."""
        facts: dict[str, Json] = {"definition": sha256(study.encode()).hex(), "ethics": "E 1", "text": "00" * 32}
        return self.log("operator", Action.APPROVE, "APPROVED", study=study, facts=facts)

    def close(self, study: str) -> int:
        """Close a study for good."""
        return self.log("operator", Action.APPROVE, "CLOSED", study=study, facts={"definition": "00" * 32})

    def grant(
        self,
        person: Person,
        study: str,
        *,
        operations: Iterable[Operation] = (Operation.TRAIN, Operation.PREDICT),
        categories: Iterable[Category] = CATEGORIES,
        expires: datetime = datetime(2028, 1, 1, tzinfo=UTC),
        publish: bool = True,
        alter: Callable[[SignedConsent], SignedConsent] = lambda signed: signed,
    ) -> str:
        """Give a consent, and publish it; return its id."""
        terms = Terms(
            subject=person.subject,
            study=StudyReference(study, f"The {study} study", "City Hospital"),
            data_use=DataUse(health_research=True),
            operations=frozenset(operations),
            categories=frozenset(categories),
            window=Window(),
            expires=expires,
            language="en",
            text_hash="00" * 32,
        )
        wallet, consent = Wallet.draw(), secrets.token_hex(16)
        signed = alter(self.signed(terms, person.wallet, wallet))
        self.consents[consent] = given = Given(consent, person, signed, wallet)
        named = sorted(category.value for category in terms.categories)
        private = blinded(signed.entry_key, given.commitment, signed.patient)
        index = self.log(
            "patient", Action.GRANT, PERMIT,
            subject=person.subject, study=study, categories=tuple(named), consent=consent, private=private,
        )  # fmt: skip
        self.receipts.append(self.receipt("grant", given, index))
        if publish:
            self.publish(consent)
        return consent

    def signed(self, terms: Terms, enrolment: Wallet, wallet: Wallet) -> SignedConsent:
        """Sign terms with a wallet that the enrolment key certifies."""
        salt, expires, publish_by = secrets.token_bytes(32), int(terms.expires.timestamp()), self.now + DAY
        commitment = render(terms, salt).commitment
        grant = wallet.sign(grant_digest(self.domain, commitment, wallet.address, expires, publish_by))
        certificate = enrolment.sign(certificate_digest(self.domain, terms.subject, wallet.address))
        return SignedConsent(
            terms, salt, wallet.address, expires, publish_by, grant, certificate, secrets.token_bytes(32)
        )

    def publish(self, consent: str) -> None:
        """Put a grant on the chain."""
        given = self.consents[consent]
        self.tick(60)
        self.events.append(Granted(given.signed.patient, given.commitment, given.signed.expires, self.block, self.now))

    def drop(self, consent: str) -> int:
        """Note that a grant never came on the chain."""
        given = self.consents[consent]
        return self.log(
            "relayer", Action.GRANT, "EXPIRED_UNPUBLISHED",
            subject=given.person.subject, study=given.signed.terms.study.id, consent=consent,
        )  # fmt: skip

    def stop(self, consent: str, *, publish: bool = True) -> int:
        """Stop a consent, and revoke it on the chain within the hour."""
        given = self.consents[consent]
        digest = revocation_digest(self.domain, given.commitment, given.signed.patient)
        given.revocation = given.wallet.sign(digest)
        private = blinded(given.signed.entry_key, given.commitment, given.signed.patient)
        index = self.log(
            "patient", Action.STOP, "STOPPED",
            subject=given.person.subject, study=given.signed.terms.study.id, consent=consent, private=private,
        )  # fmt: skip
        self.receipts.append(self.receipt("stop", given, index))
        if publish:
            self.revoke(consent)
        return index

    def revoke(self, consent: str) -> None:
        """Revoke a consent on the chain."""
        given = self.consents[consent]
        self.tick(600)
        self.events.append(Revoked(given.signed.patient, given.commitment, given.signed.patient, self.block, self.now))

    def read(self, consent: str, operation: str = "train", actor: str = "", verdict: str = PERMIT) -> int:
        """Read somebody's records under a consent."""
        given = self.consents[consent]
        terms = given.signed.terms
        named = sorted(category.value for category in terms.categories)
        return self.log(
            actor or f"study:{terms.study.id}", Action.READ, verdict,
            subject=given.person.subject, study=terms.study.id, operation=operation,
            categories=tuple(named), consent=consent,
        )  # fmt: skip

    def refuse(self, person: Person, study: str, reason: str = "NO_GRANT") -> int:
        """Refuse a reading."""
        return self.log(
            f"study:{study}", Action.READ, reason, subject=person.subject, study=study, operation="train"
        )  # fmt: skip

    def count(self, person: Person, study: str) -> int:
        """Count somebody."""
        return self.log(
            f"study:{study}", Action.READ, PERMIT,
            subject=person.subject, study=study, operation="count", categories=("demographics",),
        )  # fmt: skip

    def train(self, study: str, consents: Sequence[str], *, register: bool = True) -> Made:
        """Read consents, make a release of them, and register it."""
        for consent in consents:
            self.read(consent)
        release = 1 + sum(made.manifest.study == study for made in self.releases)
        openings = [(self.opening(self.consents[consent]), consent) for consent in consents]
        rows: list[Row] = sorted((opening.leaf(), opening, consent) for opening, consent in openings)
        self.block += 1
        made = self.made(study, release, rows)
        self.releases.append(made)
        if register:
            self.register(made)
        return made

    def opening(self, given: Given) -> Opening:
        """Return what stands under the leaf of a row."""
        return Opening(secrets.token_bytes(32), secrets.token_bytes(32), given.signed.patient, given.commitment)

    def made(self, study: str, release: int, rows: list[Row]) -> Made:
        """Return a release of rows, with its entry in the log."""
        block_time = self.now
        manifest = Manifest(
            study=study, release=release, chain_id=CHAIN, registry=REGISTRY.hex(), block=self.block,
            block_hash=self.block_hash(self.block), block_time=block_time, rows=len(rows),
            rows_root=rows_root([leaf for leaf, *_ in rows]).hex(), dictionary="0d" * 32, parameters={"eta": 0.05},
            code={"xgboost": "3"}, model=secrets.token_hex(32), cohort="0c" * 32, evaluation="0e" * 32, gate="0f" * 32,
        )  # fmt: skip
        facts: dict[str, Json] = {
            "release": release, "model": manifest.model, "manifest": manifest.hash().hex(), "rows": manifest.rows,
            "block": manifest.block, "reexecuted": True, "suspended": [],
        }  # fmt: skip
        index = self.log(f"study:{study}", Action.TRAIN, "TRAINED", study=study, facts=facts)
        return Made(manifest, self.envelope(manifest), rows, index)

    def envelope(self, manifest: Manifest) -> bytes:
        """Sign a manifest with the log key."""
        public = self.log_key.public_key().public_bytes_raw()
        return dsse.sign(manifest.to_bytes(), dsse.MANIFEST_TYPE, public, self.log_key.sign)

    def register(self, made: Made) -> int:
        """Register a release on the chain, retire the one before it, and serve it."""
        study = made.manifest.study
        if study in self.served:
            self.retire(self.served[study])
        self.status(made, 1, made.manifest.hash().hex())
        self.served[study] = made
        return self.log("operator", Action.RELEASE, "ACTIVE", study=study, facts=self.named(made))

    def status(self, made: Made, status: int, manifest: str = "") -> None:
        """Announce a status of a model on the chain."""
        self.tick(60)
        told: dict[str, Json] = {"model": made.manifest.model, "manifest": manifest, "status": status}
        self.changes.append(told | {"block": self.block, "time": self.now})

    def retire(self, made: Made) -> int:
        """Retire a release, after which nothing of its study is served."""
        self.status(made, 3)
        self.served.pop(made.manifest.study, None)
        return self.log("operator", Action.RETIRE, "RETIRED", study=made.manifest.study, facts=self.named(made))

    def suspend(self, made: Made) -> int:
        """Suspend a release, until an operator looks at it."""
        self.status(made, 2)
        self.served.pop(made.manifest.study, None)
        return self.log("operator", Action.RETIRE, "SUSPENDED", study=made.manifest.study, facts=self.named(made))

    def review(self, made: Made, verdict: str) -> int:
        """Decide on a release, `ACTIVATED` or `RETIRED`; the chain is told later."""
        facts = self.named(made) | {"reason": "looked at"}
        return self.log("operator", Action.REVIEW, verdict, study=made.manifest.study, facts=facts)

    def activate(self, made: Made) -> int:
        """Let a suspended release be served again."""
        self.review(made, "ACTIVATED")
        self.status(made, 1)
        self.served[made.manifest.study] = made
        return self.log("operator", Action.RELEASE, "ACTIVE", study=made.manifest.study, facts=self.named(made))

    def named(self, made: Made) -> dict[str, Json]:
        """Return what entries say of a release."""
        return {"release": made.manifest.release, "model": made.manifest.model}

    def give_own(self, person: Person, **altered: Any) -> int:
        """Give somebody all of their records, as they ask."""
        request = SubjectRequest(RequestAction.ACCESS, person.subject, ORIGIN, self.now, secrets.token_hex(16))
        facts: dict[str, Any] = {"requested": request.requested, "nonce": request.nonce}
        facts["patient"] = person.wallet.sign(request.digest(self.domain)).hex()
        return self.log("patient", Action.ACCESS, PERMIT, subject=person.subject, facts=facts | altered)

    def predict(self, consent: str, made: Made, *, read: bool = True, actor: str = "treating:ward-3") -> int:
        """Predict for somebody, after a reading."""
        given = self.consents[consent]
        if read:
            self.read(consent, "predict", actor)
        terms = given.signed.terms
        sealed: dict[str, Json] = {"sealed": base64.b64encode(secrets.token_bytes(300)).decode()}
        return self.log(
            actor, Action.PREDICT, "PREDICTED",
            subject=given.person.subject, study=terms.study.id, operation="predict",
            categories=tuple(sorted(category.value for category in terms.categories)),
            consent=consent, facts=self.named(made) | sealed,
        )  # fmt: skip

    def replace_key(self, person: Person, *, wait: int = 72 * HOUR) -> int:
        """Give somebody another enrolment key, as the one in force asks; return the entry from which on it counts."""
        after = Wallet.draw()
        request = SubjectRequest(RequestAction.REPLACE_KEY, person.subject, ORIGIN, self.now, nonce_for(after.address))
        facts: dict[str, Json] = {
            "key": after.address.hex(), "due": self.now + 60 + wait, "requested": request.requested,
            "nonce": request.nonce, "patient": person.wallet.sign(request.digest(self.domain)).hex(),
        }  # fmt: skip
        asked = self.key_change("patient", "KEY_ASKED", person, facts)
        self.tick(wait)
        person.wallet = after
        return self.key_change("operator", "KEY_REPLACED", person, {"key": after.address.hex(), "asked": asked})

    def key_change(self, actor: str, verdict: str, person: Person, facts: dict[str, Json]) -> int:
        """Write a change of a key, signed by the log key."""
        stated = statement(ORIGIN, self.now + 60, verdict, person.subject, facts)
        signed: dict[str, Json] = {"signed": self.log_key.sign(stated).hex()}
        return self.log(actor, Action.ENROL, verdict, subject=person.subject, facts=facts | signed)

    def erase(self, person: Person, *, until: str = "FINAL", by: str = "patient") -> int:
        """Erase somebody, as they or two operators ask; return the index of the last step's entry."""
        request = SubjectRequest(RequestAction.ERASE, person.subject, ORIGIN, self.now, secrets.token_hex(16))
        facts: dict[str, Json] = {"requested": request.requested, "nonce": request.nonce}
        if by == "patient":
            facts["patient"] = person.wallet.sign(request.digest(self.domain)).hex()
        else:
            signed = request.signed_bytes()
            facts["approvals"] = [[name, key.sign(signed).hex()] for name, key in sorted(self.operators.items())]
        index = self.step(person, "REQUESTED", facts, by)
        for given in self.consents.values():
            if given.person is person and given.revocation is None:
                self.stop(given.id)
        for state in ("BLOCKED", "KEY_DELETED", "EPOCH_TURNED", "FINAL"):
            index = self.step(person, state, _FACTS.get(state, {}), by if state == "BLOCKED" else "operator")
            if state in {"BLOCKED", "FINAL"}:
                self.receipts.append(self.erasure_receipt(person, index, by, final=state == "FINAL"))
            if state == "KEY_DELETED":
                self.bury(person)
            if state == until:
                break
        return index

    def step(self, person: Person, state: str, facts: Mapping[str, Json], actor: str = "operator") -> int:
        """Write a step of an erasure."""
        return self.log(actor, Action.ERASE, state, subject=person.subject, facts=facts)

    def bury(self, person: Person) -> None:
        """Let nobody open what was sealed under a person's key."""
        self.erased.add(person.subject)
        theirs = {consent for consent, given in self.consents.items() if given.person is person}
        for made in self.releases:
            made.rows = [(leaf, *((None, None) if of in theirs else (opening, of))) for leaf, opening, of in made.rows]

    # what is handed out

    def receipt(self, action: str, given: Given, index: int) -> Receipt:
        """Acknowledge a grant or a stop."""
        subject, entry = given.person.subject, self.entries[index]
        key = given.commitment.hex(), given.signed.patient.hex()
        return self.sealed(Receipt(ORIGIN, action, subject, *key, entry.actor, entry.time, index, self.leaf(index)))

    def erasure_receipt(self, person: Person, index: int, by: str, *, final: bool) -> Receipt:
        """Acknowledge an erasure."""
        attested = "no copy is left" if final else ""
        time, leaf = self.entries[index].time, self.leaf(index)
        return self.sealed(
            Receipt(ORIGIN, "erase", person.subject, "", "", by, time, index, leaf, attested=attested)
        )  # fmt: skip

    def sealed(self, receipt: Receipt) -> Receipt:
        """Sign a receipt with the log key."""
        return replace(receipt, signature=self.log_key.sign(receipt.signed_bytes()).hex())

    def leaf(self, index: int) -> str:
        """Return the leaf hash of an entry."""
        return self.entries[index].placed(index).leaf.hex()

    def block_hash(self, block: int) -> str:
        """Return the hash of a block."""
        return sha256(b"block %d" % block).hex()


_FACTS: Final[dict[str, dict[str, Json]]] = {"KEY_DELETED": {"epoch": 1}, "EPOCH_TURNED": {"final_at": START}}
