"""Erasure: reads stop at once, the key dies, and with its epoch every copy of the records.

BLOCKED -> KEY_DELETED -> EPOCH_TURNED -> FINAL, each state an entry. The states between, with holds,
approvals and dates, come with the vault's full erasure; nothing here is reversible from BLOCKED on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from consent.domain.entry import Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.receipt import Receipt
from consent.domain.terms import SubjectId
from consent.ports import Store, Unit
from consent.services.acts import read_acts
from consent.services.book import ConsentBook
from consent.services.granting import Granting, UnknownPatientError
from consent.services.log import Log
from vault import Vault


class AlreadyErasedError(ConsentError):
    """The person's erasure is final; there is nothing to do."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """Erasure of people, by crypto-shredding."""

    store: Store
    vault: Vault
    book: ConsentBook
    log: Log
    granting: Granting
    clock: Callable[[], datetime]

    def erase(self, subject: SubjectId) -> Receipt:
        """Erase a person: stop their consents, block reads, destroy their key and turn the epoch.

        Returns the signed receipt of the FINAL entry; raises `UnknownPatientError`, or `AlreadyErasedError`. Asked
        again after a crash, it goes on where it stopped.
        """
        self._require_known(subject)
        with self.store.reading() as unit:
            acts = read_acts(unit.log)
        if subject in acts.erased:
            raise AlreadyErasedError("this person is erased: nothing of theirs is left to erase")
        self.granting.catch_up()
        running = [entry.id for entry in self.book.entries(subject) if not entry.stopped]
        if running:
            self.granting.stop(subject, running, self.clock())
        if subject not in acts.blocked:
            with self.store.begin() as unit:
                unit.patients.block(subject)
                self._note(unit, subject, "BLOCKED")
        self.book.forget(subject)
        with self.store.begin() as unit:
            unit.consents.drop(subject)
            shredded = self.vault.shred(unit.connection, [subject])
            self._note(unit, subject, "KEY_DELETED")
            self._note(unit, subject, "EPOCH_TURNED", epoch=shredded.epoch)
            return self._receipt(subject, self._note(unit, subject, "FINAL"))

    def resume(self) -> list[Receipt]:
        """Finish the erasures that a crash cut short."""
        with self.store.reading() as unit:
            acts = read_acts(unit.log)
        return [self.erase(subject) for subject in sorted(acts.blocked - acts.erased)]

    def _require_known(self, subject: SubjectId) -> None:
        with self.store.reading() as unit:
            if subject not in {patient.subject for patient in unit.patients.everyone()}:
                raise UnknownPatientError("no such subject is enrolled here: check the id")

    def _note(self, unit: Unit, subject: SubjectId, state: str, **facts: int) -> tuple[int, bytes]:
        now = int(self.clock().timestamp())
        [placed] = self.log.append(unit, [Entry(now, "patient", Action.ERASE, state, subject, facts=facts)])
        return placed.index, placed.leaf

    def _receipt(self, subject: SubjectId, place: tuple[int, bytes]) -> Receipt:
        index, leaf = place
        return self.log.receipt(
            Receipt(
                origin=self.log.origin,
                action="erase",
                subject=subject,
                commitment="",
                patient="",
                by="patient",
                time=int(self.clock().timestamp()),
                index=index,
                leaf=leaf.hex(),
            )
        )
