"""A hospital's whole life in any order, with crashes and with restores of any old backup, against a model.

Whatever happened: nobody who stopped or was erased is read, whoever consented and lives is read whole and as the
hospital last said, the log holds all that was ever signed, and the chain has nothing twice.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from consent.domain.erasure import ErasureState, Hold
from consent.domain.terms import SubjectId
from consent.services.authorising import NotAuthorisedError
from consent.services.erasure import AlreadyErasedError, NoErasureError
from consent.services.records import NoTombstoneError
from consent.wiring.backups import back_up_installation
from tests.databases import Kind
from tests.journeys.vault_life import FIRST, Life
from tests.journeys.vault_model import NAMES, KeptCopy
from tests.services.house import Template, identifier_of
from tests.services.power_cuts import CutStore

EVERYBODY = range(5)
PEOPLE = st.sampled_from(EVERYBODY)
ANY = st.integers(0, 99)
SPARKS = st.integers(1, 3)
"""Where a power cut comes: before a transaction, before its commit, after it."""


def somebody_lives(life: Life) -> bool:
    return bool(life.model.living())


class VaultMachine(Life):
    """One installation; its model knows what each step must come to."""

    # --- what people do

    @rule(person=PEOPLE, name=st.sampled_from(sorted(NAMES)), withdrawn=st.booleans(), old=st.booleans())
    def receive(self, person: int, name: str, *, withdrawn: bool, old: bool) -> None:
        """The hospital sends a new version of a resource, or an old one again; new people come with all of theirs."""
        hospital = self.model.hospital
        known = hospital.versions.get((person, name))
        if (person, "Patient/p" + str(person)) not in hospital.versions:
            hospital.admit(person)
        version = known[0] if old and known else hospital.change(person, name, withdrawn=withdrawn)
        self.deposit([(person, version)])

    @rule()
    def import_again(self) -> None:
        """Everything is imported again as the hospital has it today."""
        self.deposit(self.model.hospital.newest())

    @precondition(somebody_lives)
    @rule(place=ANY)
    def grant(self, place: int) -> None:
        """Somebody consents, once more perhaps."""
        subject = self.one_of_the_living(place)
        self.house.grant(subject)
        self.note_grant(subject)

    @precondition(somebody_lives)
    @rule(place=ANY, own=st.booleans())
    def stop(self, place: int, *, own: bool) -> None:
        """Somebody stops all of their consents."""
        subject = self.one_of_the_living(place)
        self.house.stop(subject, "patient" if own else "operator")
        self.model.stopped |= set(self.model.consents_of(subject))

    @rule(place=ANY)
    def ask_for_erasure(self, place: int) -> None:
        """Anybody who was ever here asks to be erased, also who was lost in a restore."""
        subject = list(self.wallets)[place % len(self.wallets)]
        model = self.model
        try:
            self.house.open.erasures.request(self.house.ask(subject))
        except AlreadyErasedError:
            assert subject in model.blocked
        except NotAuthorisedError:
            assert subject not in model.held.enrolled
        else:
            model.stopped |= set(model.consents_of(subject))
            model.blocked.add(subject)

    @rule(place=ANY)
    def hold(self, place: int) -> None:
        """A legal hold begins; it keeps keys and opens nothing."""
        self.house.open.erasures.hold(list(self.wallets)[place % len(self.wallets)], Hold("test"))

    @rule(place=ANY)
    def lift(self, place: int) -> None:
        """A legal hold ends, where there is one."""
        with suppress(NoErasureError):
            self.house.open.erasures.lift(list(self.wallets)[place % len(self.wallets)])

    @rule(person=PEOPLE)
    def enrol_again(self, person: int) -> None:
        """Somebody who was erased comes back, and is somebody new."""
        identifiers, now = [identifier_of(person)], self.house.clock()
        if person not in self.model.refused:
            with pytest.raises(NoTombstoneError):
                self.house.open.records.enrol_again(identifiers, now)
            return
        self.house.open.records.enrol_again(identifiers, now)
        self.model.refused.discard(person)

    # --- what the ledger's process does

    @rule()
    def publish(self) -> None:
        """What waits goes on chain: afterwards the chain says of every consent here what the people said."""
        self.house.anchor()
        model = self.model
        granted, revoked = self.chain()
        for consent, subject in model.held.consents.items():
            if subject in model.keyed:
                expected = revoked if consent in model.stopped else granted
                assert model.commitments[consent] in expected

    @rule()
    def keep_house(self) -> None:
        """Erasures go as far as they go; a key dies only once the chain holds the end of its person's consents."""
        self.house.open.keep_house()
        self.note_erasures()

    @rule()
    def see_erasures_through(self) -> None:
        """All that an erasure waits for comes to pass, unless there is a hold."""
        for _ in range(2):  # a hold that ended is noted first, and that waits for a checkpoint of its own
            self.publish()
            self.keep_house()
        held = {subject for subject, _ in self.house.open.erasures.holds()}
        for one, _ in self.house.open.erasures.standing():
            done = one.state is ErasureState.FINAL
            assert done or one.subject in held or one.asked is None

    @rule()
    def turn_epoch(self) -> None:
        """The epoch turns, with every key."""
        self.house.turn_epoch()
        self.model.epoch += 1

    @rule()
    def turn_for_patients_only(self) -> None:
        """The epoch turns, and leaves behind who is not in the records."""
        self.house.open.epochs.turn_for_patients_only()
        self.model.epoch += 1
        self.model.keyed &= set(self.model.held.subjects.values())
        assert self.model.keyed == set(self.house.open.keys.subjects())

    # --- backups and restores

    @precondition(lambda self: len(self.copies) < 6)
    @rule()
    def back_up(self) -> None:
        """A backup is made beside everything."""
        model, folder = self.model, self.folder / f"backup-{len(self.copies)}"
        read = self.house.follow().block
        made = back_up_installation(self.house.open, folder, self.house.clock())
        keyed = frozenset(model.keyed)
        self.copies.append(KeptCopy(made.records, made.keys, made.chain, model.copied(), model.epoch, keyed, read))

    @precondition(lambda self: self.copies)
    @rule(place=ANY, dying=st.booleans())
    def restore_records(self, place: int, *, dying: bool) -> None:
        """Any old backup of the records takes the place of what is there, signed to the end or not."""
        self.restore(self.copies[place % len(self.copies)], None, dying=dying)

    @precondition(lambda self: self.copies)
    @rule(place=ANY, dying=st.booleans())
    def restore_records_and_chain(self, place: int, *, dying: bool) -> None:
        """So does the embedded chain of the same backup."""
        copied = self.copies[place % len(self.copies)]
        self.restore(copied, None, dying=dying, chain=copied.chain)

    @precondition(lambda self: self.copies)
    @rule(place=ANY, dying=st.booleans(), alone=st.booleans())
    def restore_keys(self, place: int, *, dying: bool, alone: bool) -> None:
        """A backup of the live epoch's keys is put back, with its records or alone; of a dead epoch it is refused."""
        copied = self.copies[place % len(self.copies)]
        self.restore(None if alone else copied, copied, dying=dying)

    @rule(dying=st.booleans())
    def reopen(self, *, dying: bool) -> None:
        """Every program ends, in good order or not, and the installation is opened again."""
        self.close(dying=dying)
        self.open()

    # --- crashes in the middle of an act

    @precondition(somebody_lives)
    @rule(place=ANY, sparks=SPARKS)
    def die_in_a_grant(self, place: int, sparks: int) -> None:
        """A grant is stored with its entry and on its way, or not at all."""
        subject = self.one_of_the_living(place)
        signed = self.house.signed(subject)
        granting, now = self.house.open.granting, self.house.clock()
        done = self.cut(lambda store: replace(granting, store=store).accept([signed], now), sparks)
        self.open()
        if done:
            self.note_grant(subject)

    @precondition(somebody_lives)
    @rule(place=ANY, sparks=SPARKS)
    def die_in_a_stop(self, place: int, sparks: int) -> None:
        """A stop that is on the list is carried out, whether or not it was committed."""
        subject = self.one_of_the_living(place)
        granting, now = self.house.open.granting, self.house.clock()
        ids = self.model.consents_of(subject)
        self.cut(lambda store: replace(granting, store=store).stop(subject, ids, now), sparks)
        self.open()
        assert sparks == 1 or set(ids) <= self.model.stopped

    @precondition(somebody_lives)
    @rule(place=ANY, sparks=SPARKS)
    def die_in_a_request(self, place: int, sparks: int) -> None:
        """Whoever asked to be erased, and is on the list, is blocked, whether or not it was committed."""
        subject = self.one_of_the_living(place)
        asked, erasures = self.house.ask(subject), self.house.open.erasures
        self.cut(lambda store: replace(erasures, store=store).request(asked), sparks)
        self.open()
        assert sparks == 1 or subject in self.model.blocked

    @rule(person=PEOPLE, name=st.sampled_from(sorted(NAMES)), sparks=SPARKS)
    def die_in_a_deposit(self, person: int, name: str, sparks: int) -> None:
        """An import is stored whole or not at all; somebody new may be left without an enrolment key."""
        if self.model.lost() and self.model.is_newcomer(person):
            return  # refused before anything is written: see `Life.deposit`
        version = self.model.hospital.change(person, name, withdrawn=False)
        records, now = self.house.open.records, self.house.clock()
        done = self.cut(lambda store: replace(records, store=store).deposit([version.resource], now), sparks)
        self.open()
        if done and self.model.takes(person):
            self.meet([person])
            self.model.deposit(person, version)

    @rule(sparks=st.integers(1, 20))
    def die_in_keeping_house(self, sparks: int) -> None:
        """Erasures go on from wherever they were cut short."""
        room, (_, revoked) = self.house.open, self.chain()
        before = {s: {self.model.commitments[one] for one in self.model.consents_of(s)} for s in self.model.blocked}

        def keep_house(store: CutStore) -> None:
            erasures, epochs = replace(room.erasures, store=store), replace(room.epochs, store=store)
            replace(room, erasures=erasures, epochs=epochs).keep_house()

        dead = set(self.model.dead)
        self.cut(keep_house, sparks)
        tombstoned = {person for person in EVERYBODY if self.is_tombstoned(person)}
        assert self.model.refused <= tombstoned
        self.open()
        assert all(before.get(subject, set()) <= revoked for subject in self.model.dead - dead)
        self.model.refused = tombstoned
        self.note_erasures()

    @rule(only=st.booleans(), sparks=SPARKS)
    def die_in_a_turn(self, sparks: int, *, only: bool) -> None:
        """The epoch has turned or not, whatever the log got to say of it."""
        epochs = self.house.open.epochs
        was, keyed = self.model.epoch, {SubjectId(one) for one in self.house.open.keys.subjects()}

        def turn(store: CutStore) -> None:
            cut = replace(epochs, store=store)
            cut.turn_for_patients_only() if only else cut.turn()

        self.cut(turn, sparks)
        self.open()
        assert self.model.epoch in {was, was + 1}
        left = keyed & {*self.model.held.subjects.values()} if only and self.model.epoch > was else keyed
        assert set(self.house.open.keys.subjects()) == left
        self.model.keyed = left


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kind], Template]:
    """Return a closed installation with three people, on either database."""
    made: dict[Kind, Template] = {}

    def of(kind: Kind) -> Template:
        if kind not in made:
            made[kind] = Template.built(tmp_path_factory.mktemp("machine") / "home", FIRST, kind)
        return made[kind]

    return of


def run(template: Template, folder: Path, examples: int, steps: int, *, derandomize: bool) -> None:
    made = iter(range(10**9))

    def begun() -> VaultMachine:
        return VaultMachine(template, folder / str(next(made)))

    run_state_machine_as_test(
        cast("type[RuleBasedStateMachine]", begun),  # whatever makes one will do
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=derandomize,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


def test_whatever_happens_on_sqlite(templates: Callable[[Kind], Template], tmp_path: Path) -> None:
    run(templates("sqlite"), tmp_path, 6, 20, derandomize=True)


def test_whatever_happens_on_postgresql(templates: Callable[[Kind], Template], tmp_path: Path) -> None:
    run(templates("postgresql"), tmp_path, 2, 12, derandomize=True)


@pytest.mark.soak
@pytest.mark.parametrize(("kind", "examples"), [("sqlite", 200), ("postgresql", 40)])
def test_whatever_happens_for_long(
    templates: Callable[[Kind], Template], tmp_path: Path, kind: Kind, examples: int
) -> None:
    run(templates(kind), tmp_path, examples, 40, derandomize=False)
