"""An installation and its model side by side: how it opens, closes, dies and is restored, and what always holds."""

import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Final

import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from sqlalchemy import select

from consent.adapters.stop_file import StopFile
from consent.demo.wallets import Wallet
from consent.domain.checkpoint import Checkpoint
from consent.domain.erasure import ErasureState
from consent.domain.history import Granted, Revoked
from consent.domain.merkle import consistency_proof, tree_root, verify_consistency
from consent.domain.note import unverified_text
from consent.domain.terms import SubjectId
from consent.ports import Head
from consent.services.records import LostIdentifierError, UnknownPersonError
from consent.wiring.backups import restore_installation
from tests.databases import remove_home
from tests.journeys.vault_model import Hospital, KeptCopy, Model, Version
from tests.services.house import DICTIONARY, House, Template, identifier_of, settings_of
from tests.services.power_cuts import CutStore, Fuse, PowerCutError
from vault import Access, VaultError
from vault.tables import vault_records

FIRST: Final = range(3)
AFTER_THE_COMMIT: Final = 3
ACCESS: Final = Access("study:kidneys", "kidneys", "train", DICTIONARY.required, DICTIONARY.optional)


class Life(RuleBasedStateMachine):
    """One installation, and the model that knows what it must answer."""

    def __init__(self, template: Template, folder: Path) -> None:
        super().__init__()
        self.template, self.folder = template, folder
        self.home = folder / "home"
        self.model = Model(Hospital())
        self.copies: list[KeptCopy] = []
        self.signed: dict[int, bytes] = {}
        self.wallets = dict(template.wallets)
        self.persons = dict(zip(template.wallets, FIRST, strict=True))

    @initialize()
    def begin(self) -> None:
        """Copy an installation with three people, whom nobody asked yet."""
        model = self.model
        for person, subject in zip(FIRST, self.wallets, strict=True):
            model.hospital.admit(person)
            model.held.subjects[person] = subject
            model.held.enrolled.add(subject)
            model.keyed.add(subject)
        model.deposit_all(model.hospital.newest())
        self._enter(House.copied(self.template, self.home))

    def _enter(self, opening: AbstractContextManager[House]) -> None:
        self.opening, self.house = opening, opening.__enter__()  # a step opens, and another one closes
        self.house.wallets = self.wallets

    def open(self) -> None:
        """Open, and let the model take up what an opening must do again."""
        self._enter(House.opened(self.home, self.wallets))
        states = {one.subject: one.state for one, _ in self.house.open.erasures.standing()}
        buried = {s for s, state in states.items() if state in {ErasureState.EPOCH_TURNED, ErasureState.FINAL}}
        self.model.replayed(self.house.open.stops.state(), buried)
        self.model.epoch = self.house.open.keys.epoch
        self._check_log()

    def close(self, *, dying: bool) -> None:
        """Close in good order, which signs the log, or like a process that dies."""
        if dying:
            with suppress(PowerCutError):
                self.opening.__exit__(PowerCutError, PowerCutError(), None)
            return
        with self.house.open.store.begin() as unit:
            self.house.open.log.checkpoint(unit)
        self._note_signed()
        self.opening.__exit__(None, None, None)

    def cut(self, act: Callable[[CutStore], object], sparks: int) -> bool:
        """Let the process die within an act and open again; say whether the act had been done by then."""
        fuse = Fuse(sparks)
        with suppress(PowerCutError):
            act(CutStore(self.house.open.store, fuse))
        self.close(dying=True)
        return fuse.left <= 0 and sparks == AFTER_THE_COMMIT

    def teardown(self) -> None:
        """Close, and leave nothing behind."""
        if hasattr(self, "opening"):
            self.close(dying=True)
            remove_home(self.home)
        shutil.rmtree(self.folder, ignore_errors=True)

    def deposit(self, sent: list[tuple[int, Version]]) -> None:
        """Import resources by person: who was erased, or whose key is lost, is left out."""
        model, records = self.model, self.house.open.records
        if model.lost() and any(model.is_newcomer(person) for person, _ in sent):
            with pytest.raises(LostIdentifierError):
                records.deposit([version.resource for _, version in sent], self.house.clock())
            self.say_who_is_lost()
        if model.lost():  # who they were is somebody else now, and nobody new comes in until they are buried
            sent = [(person, version) for person, version in sent if not model.is_newcomer(person)]
        imported = records.deposit([version.resource for _, version in sent], self.house.clock())
        refused = sum(model.is_refused(person) for person, _ in sent)
        keyless = sum(model.keyless(person) for person, _ in sent)
        taken = [(person, version) for person, version in sent if model.takes(person)]
        self.meet(sorted({person for person, _ in taken}))
        assert (imported.erased, imported.keyless) == (refused, keyless)
        assert imported.outcomes == model.deposit_all(taken)

    def say_who_is_lost(self) -> None:
        """Name again whom a restore forgot while they were being erased, as the operator must."""
        model, records = self.model, self.house.open.records
        for subject in sorted(model.lost()):
            person = self.persons[subject]
            if person in model.held.subjects:
                with pytest.raises(UnknownPersonError):
                    records.identify(subject, [identifier_of(person)], self.house.clock())
            else:
                records.identify(subject, [identifier_of(person)], self.house.clock())
                model.held.subjects[person] = subject

    def meet(self, people: list[int]) -> None:
        """Give keys to those who are new here."""
        model, records = self.model, self.house.open.records
        for person in people:
            subject = records.subject_of(identifier_of(person))
            assert subject is not None
            if person in model.held.subjects:
                assert model.held.subjects[person] == subject, "people stay who they are"
            else:
                assert subject not in self.wallets, "whoever comes anew is somebody new"
                self.wallets[subject], self.persons[subject] = Wallet(subject), person
            model.held.subjects[person] = subject
            model.keyed.add(subject)
            if subject not in model.held.enrolled:
                records.enrol_keys({subject: self.wallets[subject].enrolment_key.address}, self.house.clock())
                model.held.enrolled.add(subject)

    def one_of_the_living(self, place: int) -> SubjectId:
        """Return somebody who is here and may act."""
        living = self.model.living()
        return living[place % len(living)]

    def note_grant(self, subject: SubjectId) -> None:
        """Take into the model the one consent that a person has and it does not know."""
        [new] = [one for one in self.house.open.book.entries(subject) if one.id not in self.model.held.consents]
        self.model.held.consents[new.id] = subject
        self.model.commitments[new.id] = new.commitment

    def note_erasures(self) -> None:
        """Take into the model how far erasures are; nobody's key died before their stops were on chain."""
        model = self.model
        _, revoked = self.chain()
        model.epoch = self.house.open.keys.epoch
        for one, _ in self.house.open.erasures.standing():
            assert one.subject in model.blocked
            if one.state in {ErasureState.KEY_DELETED, ErasureState.EPOCH_TURNED, ErasureState.FINAL}:
                if one.subject not in model.dead:
                    ends = {model.commitments[consent] for consent in model.consents_of(one.subject)}
                    assert ends <= revoked, "nobody's key dies before their stops are on chain"
                model.let_die(one.subject)
            if one.state in {ErasureState.EPOCH_TURNED, ErasureState.FINAL}:
                model.bury(one.subject)

    def restore(
        self, records: KeptCopy | None, keys: KeptCopy | None, *, dying: bool, chain: Path | None = None
    ) -> None:
        """Put files of backups back; keys of a dead epoch are refused and nothing changes."""
        self.close(dying=dying)
        files = (records.records if records else None, keys.keys if keys else None, chain)
        if keys and keys.epoch != self.model.epoch:
            with pytest.raises(VaultError):
                restore_installation(settings_of(self.home), *files)
            self.open()
            return
        restore_installation(settings_of(self.home), *files)
        self.model.restored(records, keys)
        self.open()
        self._reopened_at_once()
        if records and not self._is_on_chain(records.read):
            self._take_the_chain_as_it_is()

    def _is_on_chain(self, block: Head) -> bool:
        ledger = self.house.open.ledger
        return block.number <= ledger.head().number and ledger.block(block.number) == block

    def _take_the_chain_as_it_is(self) -> None:
        """Records read a block that went with another restore of the chain: nothing is decided till somebody looked."""
        assert {self.house.verdict(subject) for subject in self.wallets} == {"LEDGER_MISMATCH"}
        self.house.open.rebuild(self.house.clock())
        self.house.refresh()

    def _reopened_at_once(self) -> None:
        self.close(dying=True)
        self.open()
        assert not self.house.open.replayed, "the second opening finds nothing to do"

    def is_tombstoned(self, person: int) -> bool:
        """Say whether the stop list refuses a person's identifier."""
        mac = self.house.open.records._mac(identifier_of(person))
        return mac.hex() in self._stop_list().state().tombstoned

    @invariant()
    def everybody_gets_what_they_may(self) -> None:
        """The gate says what the model says, and what it lets out is all there is, and nothing more."""
        model, here = self.model, self.house.open
        granted, _ = self.chain()
        expected = {subject: model.verdict(subject, granted) for subject in self.wallets}
        assert {subject: self.house.verdict(subject) for subject in self.wallets} == expected
        with here.store.reading() as unit:
            opened = {
                one.subject: frozenset((record.category, record.content) for record in one.records)
                for one in here.vault.read(unit.connection, self.house.gate(), ACCESS, list(self.wallets))
            }
        permitted = {subject for subject, verdict in expected.items() if verdict == "PERMIT"}
        assert opened == {subject: model.shown(subject) for subject in permitted}

    @invariant()
    def nothing_of_the_dead_is_left(self) -> None:
        """No key, record or consent of somebody whose key was deleted lies in a database."""
        dead, here = self.model.dead, self.house.open
        assert set(here.keys.subjects()) & dead == set()
        with here.store.reading() as unit:
            rows = set(unit.connection.scalars(select(vault_records.c.subject).distinct()))
            assert (rows | {consent.subject for consent in unit.consents.everything()}) & dead == set()
            people = {patient.subject for patient in unit.patients.everyone()}
        assert people == set(self.model.held.subjects.values())

    @invariant()
    def what_was_signed_stays(self) -> None:
        """The log goes on from the newest signed checkpoint, and the stop list verifies."""
        self._note_signed()
        state = self._stop_list().state()
        assert self.model.stopped <= state.stopped
        assert self.model.blocked <= state.blocked
        assert self.model.dead <= state.shredded

    def _stop_list(self) -> StopFile:
        """Read the list from its first line."""
        here = self.house.open
        return StopFile(here.places.stops, here.log.origin, here.log.signer.public_key)

    def _note_signed(self) -> None:
        with self.house.open.store.reading() as unit:
            note = unit.log.latest_checkpoint()
        if note:
            checkpoint = Checkpoint.from_text(unverified_text(note))
            known = self.signed.setdefault(checkpoint.size, checkpoint.root)
            assert known == checkpoint.root, "of one size only one log is ever signed"

    def _check_log(self) -> None:
        """Prove that the log continues every checkpoint that was ever signed."""
        with self.house.open.store.reading() as unit:
            leaves = [entry.leaf for entry in unit.log.entries()]
        assert len(leaves) >= max(self.signed, default=0)
        root = tree_root(leaves)
        for size, signed in self.signed.items():
            verify_consistency(size, len(leaves), consistency_proof(leaves, size), signed, root)

    def chain(self) -> tuple[set[bytes], set[bytes]]:
        """Return which commitments the chain has granted and revoked: no event is there twice."""
        ledger = self.house.open.ledger
        events = list(ledger.events(0, ledger.head().number))
        counted = Counter((type(one), one.commitment) for one in events)
        assert all(count == 1 for count in counted.values()), "nothing is doubled on chain"
        granted, revoked = ({one.commitment for one in events if isinstance(one, kind)} for kind in (Granted, Revoked))
        return granted, revoked
