"""Publishing what is acknowledged: the outbox goes to the registry in batches, what ends a consent first.

An item leaves the outbox in the database transaction that stores its event as final, never before, and is in one
transaction at a time (`consent.services.sending`): a crash at any moment costs at most a second look at the chain.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from secrets import SystemRandom
from typing import Final

from consent.domain.entry import Action, Entry
from consent.domain.errors import LedgerRejectedError, LedgerUnavailableError
from consent.domain.grant import BATCH_LIMIT, PublishedGrant, SignedRevocation
from consent.domain.hashing import Json
from consent.domain.registry_replay import Key
from consent.ports import (
    Act,
    Errand,
    Grants,
    Mined,
    ModelAct,
    ModelStatus,
    OutboxItem,
    Registration,
    Revocations,
    Role,
    StatusChange,
    Stops,
    Store,
    Unit,
)
from consent.services.book import ConsentBook
from consent.services.following import LedgerFollower
from consent.services.log import Log
from consent.services.outbox import Outbox, OutboxDamagedError
from consent.services.renewal import Renewal
from consent.services.sending import Sending, Settled

ERRANDS: Final = {Errand.REVOKE: Role.RELAYER, Errand.STOP: Role.CUSTODIAN, Errand.GRANT: Role.RELAYER}
"""In the order in which they go: what ends a consent first."""
DEFER_SECONDS: Final = 600
"""What the ledger does not take now, such as the 513th stop of a day, is tried again after this long."""
_TOO_MANY: Final = "registry: too many stops today"
_ANY_ORDER: Final = SystemRandom()


@dataclass(frozen=True, slots=True)
class Published:
    """One batch that is in a final block."""

    errand: Errand
    items: int
    mined: Mined


@dataclass(slots=True)
class Relayer:
    """The way of outbox and model acts to the ledger; it runs in the ledger's process alone."""

    store: Store
    follower: LedgerFollower
    sending: Sending
    book: ConsentBook
    log: Log
    outbox: Outbox
    renewal: Renewal
    _batches: dict[tuple[Role, int], tuple[Errand, int]] = field(default_factory=dict)
    _deferred: dict[Key, int] = field(default_factory=dict)
    _published: list[Published] = field(default_factory=list)
    _closed_until: int = 0
    _damaged: bool = False
    _models_closed_until: int = 0

    def publish(self, now: Callable[[], datetime], progress: Callable[[int], None] = lambda _: None) -> list[Published]:
        """Publish all that is due, as far as the ledger takes it at once; `progress` gets the size of each batch."""
        published: list[Published] = []
        self._deferred.clear()
        self._models_closed_until = 0
        while (done := self.step(now())) is not None:
            published += done
            progress(sum(batch.items for batch in done))
        return published

    def step(self, now: datetime) -> list[Published] | None:
        """Follow the ledger, see what became of what was sent, and send what is due next: one batch of each errand.

        Returns the batches that became final, None when there was nothing to do. Raises `LedgerUnavailableError`:
        nothing was lost, take the next step later. One role without gas holds up no other.
        """
        if not self.follower.follow(now).matches:
            return None
        seconds = int(now.timestamp())
        self._deferred = {key: until for key, until in self._deferred.items() if until > seconds}
        turns: list[tuple[Role, Callable[[], bool]]] = [
            (role, partial(self._look_after, role, seconds)) for role in Role
        ]
        turns += [(role, partial(self._send, errand, seconds)) for errand, role in ERRANDS.items()]
        turns.append((Role.OPERATOR, partial(self._tell_models, seconds)))
        acted = self._taken(turns)
        published, self._published = self._published, []
        return published if acted else None

    def _taken(self, turns: Sequence[tuple[Role, Callable[[], bool]]]) -> bool:
        """Take each turn whose role is not held up; say whether any did something, or raise what held a role up."""
        held_up: dict[Role, LedgerUnavailableError] = {}
        acted = False
        for role, turn in turns:
            try:
                acted |= role not in held_up and turn()
            except LedgerUnavailableError as error:
                held_up[role] = error
        if held_up:
            raise next(iter(held_up.values()))
        return acted

    def _look_after(self, role: Role, seconds: int) -> bool:
        final = self.follower.head.final.number if self.follower.head else 0
        settled = self.sending.look_after(role, seconds, final, partial(self._close, role, seconds))
        batches = [(self._batches.pop((role, done.nonce), None), done.mined) for done in settled]
        self._published += [Published(*batch, mined) for batch, mined in batches if batch and mined]
        return bool(settled)

    def _send(self, errand: Errand, seconds: int) -> bool:
        """Send the next batch of this kind; say whether anything was sent or dropped."""
        if not self.sending.is_free(ERRANDS[errand]) or not self._is_readable(seconds):
            return False
        batch = self._next(errand, seconds)
        while batch:
            try:
                return self._sent(errand, batch, seconds)
            except LedgerRejectedError as error:
                if len(batch) == 1:
                    self._refused(batch[0], seconds, str(error))
                    return True
                batch = batch[: len(batch) // 2]
        return self._damaged  # then the next step makes the outbox anew

    def _is_readable(self, now: int) -> bool:
        """Say whether the outbox can be read, having made it anew where its epoch is dead and nothing is on its way.

        What a transaction carries may yet come on the ledger, and nobody can tell any more which items those are.
        """
        with self.store.reading() as unit:
            if not self._damaged and not self.outbox.on(unit).unreadable():
                return True
            if any(unit.transactions.pending(role) for role in set(ERRANDS.values())):
                return False
        self.renew(now)
        return True

    def renew(self, now: int) -> None:
        """Make the outbox anew from what is signed and what the ledger shows for good (`consent.services.renewal`)."""
        final = self.follower.head.final.number if self.follower.head else -1
        with self.store.begin() as unit:
            self.renewal.renew(unit, self.follower.copy.rows, final, now)
        self._damaged = False

    def _sent(self, errand: Errand, batch: Sequence[OutboxItem], seconds: int) -> bool:
        keys = [_key(item) for item in batch]

        def keep(unit: Unit, nonce: int) -> bool:
            # Somebody may have stopped meanwhile what is to be granted here: then choose anew.
            waiting = self.outbox.on(unit)
            if waiting.carry(errand, keys, nonce) != len(keys):
                waiting.carry(errand, keys, None)
                return False
            self._batches[ERRANDS[errand], nonce] = (errand, len(batch))
            return True

        self.sending.send(
            _act(errand, batch), seconds, keep, lambda unit: self.outbox.on(unit).carry(errand, keys, None)
        )
        return True

    def _next(self, errand: Errand, now: int) -> Sequence[OutboxItem]:
        """Return the next batch, all of one slot, having dropped what the ledger holds or would never take.

        It is shuffled: events in the order of the rows' ids would tell each row's address.
        """
        if errand is Errand.STOP and now < self._closed_until:
            return []
        limit = BATCH_LIMIT
        while True:
            due = self._due(errand, now, limit)
            self._drop([item for item in due if _is_late(item, now)], "EXPIRED_UNPUBLISHED", now)
            self._forget([item for item in due if self._is_final(item)])
            usable = [item for item in due if self._is_usable(item, now)]
            if len(usable) >= BATCH_LIMIT or len(due) < limit:
                batch = [item for item in usable if item.due == usable[0].due][:BATCH_LIMIT]
                return _ANY_ORDER.sample(batch, len(batch))
            limit *= 2

    def _due(self, errand: Errand, now: int, limit: int) -> Sequence[OutboxItem]:
        with self.store.reading() as unit:
            try:
                return self.outbox.on(unit).due(errand, now, limit)
            except OutboxDamagedError:
                self._damaged = True
                return []

    def _is_usable(self, item: OutboxItem, now: int) -> bool:
        return self._seen(item) is None and not _is_late(item, now) and _key(item) not in self._deferred

    def _is_final(self, item: OutboxItem) -> bool:
        block, head = self._seen(item), self.follower.head
        return block is not None and head is not None and block <= head.final.number

    def _seen(self, item: OutboxItem) -> int | None:
        """Return the block in which the chain has what the item asks for; anyone may have published it."""
        row = self.follower.copy.rows.get(_key(item))
        if row is None:
            return None
        return row.granted_block if item.errand is Errand.GRANT else row.revoked_block

    def _forget(self, items: Sequence[OutboxItem]) -> None:
        if items:
            with self.store.begin() as unit:
                self.outbox.on(unit).remove(items[0].errand, [_key(item) for item in items])

    def _refused(self, item: OutboxItem, now: int, reason: str) -> None:
        """Try later what the ledger refuses by itself.

        Nothing acknowledged is dropped on a node's word, nor because the chain's clock is behind: a grant is given up
        when its time to publish has passed, and what ends a consent never.
        """
        if reason == _TOO_MANY:
            self._closed_until = now + DEFER_SECONDS
        else:
            self._deferred[_key(item)] = now + DEFER_SECONDS

    def _drop(self, items: Sequence[OutboxItem], verdict: str, now: int) -> None:
        """Take grants out of the outbox for good; the log says whose, so that the patient can be told."""
        if not items:
            return
        with self.store.begin() as unit:
            self.book.follow(unit)
            self.outbox.on(unit).remove(Errand.GRANT, [_key(item) for item in items])
            self.log.append(unit, [self._dropped(item, verdict, now) for item in items])

    def _dropped(self, item: OutboxItem, verdict: str, now: int) -> Entry:
        entry = Entry(now, "relayer", Action.GRANT, verdict)
        found = self.book.find(*_key(item))
        if found is None:
            return entry
        subject, consent = found
        return replace(entry, subject=subject, study=consent.terms.study.id, consent=consent.id)

    def _close(self, role: Role, now: int, unit: Unit, settled: Settled) -> None:
        """Free what a settled transaction carried and the chain does not hold: it is sent again, and refused then."""
        for errand in (errand for errand, whose in ERRANDS.items() if whose is role):
            unit.outbox.release(errand, settled.nonce)
        if role is not Role.OPERATOR:
            return
        for act in unit.model_acts.everything():
            if act.nonce == settled.nonce and settled.mined is None:
                unit.model_acts.carry(act.place, None)
            elif act.nonce == settled.nonce:
                self._close_model(unit, act, now, refused=False)

    def _tell_models(self, now: int) -> bool:
        """Send the next model act, in order; one that the registry refuses is dropped, and the log says so."""
        with self.store.reading() as unit:
            acts = unit.model_acts.everything()
        if not acts or not self.sending.is_free(Role.OPERATOR) or acts[0].nonce is not None:
            return False
        act = acts[0]
        if now < self._models_closed_until:
            return False
        if self._is_told(act):
            with self.store.begin() as unit:
                self._close_model(unit, act, now, refused=False)
            return True

        def keep(unit: Unit, nonce: int) -> bool:
            unit.model_acts.carry(act.place, nonce)
            return True

        try:
            self.sending.send(_model_act(act), now, keep, lambda unit: unit.model_acts.carry(act.place, None))
        except LedgerRejectedError:
            if act.status is not ModelStatus.ACTIVE:  # what withdraws a model is never dropped
                self._models_closed_until = now + DEFER_SECONDS
                return False
            with self.store.begin() as unit:
                self._close_model(unit, act, now, refused=True)
        return True

    def _is_told(self, act: ModelAct) -> bool:
        """Say whether the registry has it so already, for good; it may have been told before a backup was restored."""
        head = self.follower.head
        if head is None:
            return False
        known = self.follower.copy.models(head.final.number).get(act.model)
        return known is not None and known.status is act.status and act.manifest in {b"", known.manifest}

    def _close_model(self, unit: Unit, act: ModelAct, now: int, *, refused: bool) -> None:
        study, release = unit.studies.of_model(act.model) or ("", 0)
        facts: dict[str, Json] = {"release": release, "model": act.model.hex()}
        action = Action.RELEASE if act.status is ModelStatus.ACTIVE else Action.RETIRE
        verdict = "REJECTED_BY_LEDGER" if refused else act.status.name
        unit.model_acts.remove(act.place)
        self.log.append(unit, [Entry(now, "operator", action, verdict, study=study, facts=facts)])


def _key(item: OutboxItem) -> Key:
    return item.patient, item.commitment


def _is_late(item: OutboxItem, now: int) -> bool:
    return item.errand is Errand.GRANT and item.publish_by <= now


def _act(errand: Errand, batch: Sequence[OutboxItem]) -> Act:
    if errand is Errand.GRANT:
        return Grants([PublishedGrant(i.commitment, i.patient, i.expires, i.publish_by, i.signature) for i in batch])
    if errand is Errand.REVOKE:
        return Revocations([SignedRevocation(item.commitment, item.patient, item.signature) for item in batch])
    return Stops([_key(item) for item in batch])


def _model_act(act: ModelAct) -> Act:
    registers = act.status is ModelStatus.ACTIVE and act.manifest
    return Registration(act.model, act.manifest) if registers else StatusChange(act.model, act.status)
