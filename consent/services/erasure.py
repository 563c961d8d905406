"""Erasure: reads stop at once, the key dies, and with its epoch every copy of the records.

`request` blocks a person in one transaction. `step` takes every erasure as far as it goes now; whoever runs the ledger
calls it again and again. What each state waits for is in `consent.domain.erasure`. The log alone says where an erasure
stands, so that the next step goes on with whatever a crash cut short.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from consent.domain.entry import Action, Entry, PlacedEntry
from consent.domain.erasure import Erasure, ErasureState, Hold, Wait, World, next_state
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json
from consent.domain.receipt import Receipt
from consent.domain.request_file import RequestFile
from consent.domain.stop_list import Mark, MarkKind
from consent.domain.subject_request import RequestAction
from consent.domain.telling import said
from consent.domain.terms import SubjectId
from consent.ports import RECEIPTED, StopList, Store, Unit
from consent.services.authorising import Authorising, subject_request
from consent.services.book import ConsentBook
from consent.services.erasure_register import ErasureRegister
from consent.services.granting import Granting
from consent.services.log import Log
from consent.services.outbox import Outbox
from vault import Vault

ATTESTED: Final = (
    "From {day} on no copy of the vault that this installation knows of opens these records. This is attested, not "
    "proven: it rests on trust that nobody kept a copy of the destroyed epoch key and can use the root key, and that "
    "no drive gives back blocks that were overwritten."
)
_KEYED: Final = frozenset(
    {ErasureState.REQUESTED, ErasureState.HOLD_CHECK, ErasureState.BLOCKED, ErasureState.BLOCKED_RETAINED}
)
"""Where an erasure stands before the key is deleted: up to there it rests on its request."""
_RESTING: Final = _KEYED - {ErasureState.BLOCKED_RETAINED}
"""Where the next step asks whether the request holds; that reads the log, and a hold may last for years."""
RETENTION: Final = "retention-shown"
"""The basis of a hold that a consent brings: its terms said that a law obliges the study to keep what it holds."""


class AlreadyErasedError(ConsentError):
    """The person's erasure is on its way or final; `consentry erasures` says where it stands."""


class InvalidHoldError(ConsentError):
    """The basis is no short code: the log is for good, and no name or reason in words belongs there."""


class SeveralHoldsError(ConsentError):
    """Several legal holds of one person last; name the basis of the one that ends."""


class NoErasureError(ConsentError):
    """Nobody asked for this person's erasure, or it is not final yet; `consentry erasures` says where it stands."""


@dataclass(frozen=True, slots=True)
class Erasures:
    """Erasures of people, by crypto-shredding; `copies_last` is for how many seconds copies of replica folders last."""

    store: Store
    vault: Vault
    book: ConsentBook
    log: Log
    granting: Granting
    outbox: Outbox
    stops: StopList
    authorising: Authorising
    register: ErasureRegister
    clock: Callable[[], datetime]
    copies_last: int = 0
    farewell: Callable[[Unit, SubjectId, int], None] = lambda _unit, _subject, _now: None

    def request(self, file: RequestFile) -> Receipt:
        """Take up a request: stop the person's consents and block reads, at once and for good.

        Returns the signed receipt of that. Raises `NotAuthorisedError`, or `AlreadyErasedError`, having done nothing.
        """
        request = subject_request(file, RequestAction.ERASE)
        subject = request.subject
        with self.store.begin() as unit:
            self._follow(unit)
            known = self.register.erasures.get(subject)
            if known is not None and (known.state not in _KEYED or self._is_authorised(unit, known)):
                raise AlreadyErasedError("this person's erasure was asked for already: see how far it is")
            authorised = self.authorising.require(unit, request, file.authorisation, self.clock())
            self._note(unit, subject, ErasureState.REQUESTED, authorised.by, **authorised.facts)
            placed = self._block(unit, subject, authorised.by)
        self.granting.catch_up()
        return self._receipt(subject, placed, authorised.by, int((said(placed) or {})["time"]))

    def step(self, anchored: Callable[[], int]) -> int:
        """Take every erasure as far as it goes now; return how many steps that were.

        `anchored` says how many entries the anchored checkpoint covers; it is asked only when something depends on it.
        """
        with self.store.reading() as unit:
            self._follow(unit)
        waiting = any(erasure.state is ErasureState.BLOCKED for erasure in self.register.open_ones())
        covered = anchored() if waiting else 0
        steps = 0
        while moved := self._bury() + sum(self._advance(erasure.subject, covered) for erasure in self._moving()):
            steps += moved
        return steps

    def standing(self, anchored: int = 0) -> list[tuple[Erasure, ErasureState | Wait | None]]:
        """Return every erasure with what comes next, or what it waits for; None for a final one.

        Whoever does not know what is anchored is told that a blocked one waits for the anchor at the latest.
        """
        with self.store.reading() as unit:
            self._follow(unit)
            found = sorted(self.register.erasures.values(), key=lambda erasure: (erasure.asked_at, erasure.subject))
            return [(erasure, next_state(erasure, self._world(unit, erasure, anchored))) for erasure in found]

    def waits(self, subject: SubjectId) -> Wait | None:
        """Return what the next step of one erasure waits for; None where it comes by itself soon, or there is none.

        What is anchored is not asked here: a blocked one waits for the anchor at the latest.
        """
        with self.store.reading() as unit:
            self._follow(unit)
            erasure = self.register.erasures.get(subject)
            comes = None if erasure is None else next_state(erasure, self._world(unit, erasure, 0))
        return comes if isinstance(comes, Wait) else None

    def receipt(self, subject: SubjectId) -> Receipt:
        """Return the signed receipt of a final erasure; raise `NoErasureError`."""
        with self.store.reading() as unit:
            self._follow(unit)
            erasure = self.register.erasures.get(subject)
            final = erasure is not None and erasure.state is ErasureState.FINAL
            if erasure is None or not final or next_state(erasure, self._world(unit, erasure, 0)) is not None:
                raise NoErasureError("there is no final erasure of this person: see how far it is")
            [placed] = unit.log.entries(erasure.index, erasure.index + 1)
        day = datetime.fromtimestamp(erasure.final_at, UTC)
        return self._receipt(subject, placed, erasure.by, erasure.since, ATTESTED.format(day=f"{day:%Y-%m-%d}"))

    def receipt_of_block(self, subject: SubjectId) -> Receipt | None:
        """Return the signed receipt that reading stopped again, None where nobody asked for that."""
        with self.store.reading() as unit:
            steps = [
                (placed, body)
                for placed in unit.log.about(subject, sieve=RECEIPTED)
                if (body := said(placed)) is not None
            ]
        blocks = [
            (p, b) for p, b in steps if (b.get("action"), b.get("verdict")) == (Action.ERASE, ErasureState.BLOCKED)
        ]
        if not blocks:
            return None
        placed, body = blocks[-1]
        return self._receipt(subject, placed, str(body["actor"]), int(body["time"]))

    def hold(self, subject: SubjectId, hold: Hold) -> None:
        """Place a legal hold: while it lasts an erasure of this person blocks them and keeps their key.

        It stands beside those of another basis, and takes the place of the one of its own. Raises `InvalidHoldError`.
        """
        if not re.fullmatch(r"[a-z0-9-]{1,40}", hold.basis):
            raise InvalidHoldError("a hold's basis is a code of 1 to 40 lower-case letters, digits and hyphens")
        with self.store.begin() as unit:
            self._follow(unit)
            self._set_hold(unit, subject, hold)

    def lift(self, subject: SubjectId, basis: str = "") -> None:
        """Lift the legal hold of a basis, which may stay away where one hold lasts; the others go on.

        Raises `NoErasureError` where there is none such, and `SeveralHoldsError`, which names the bases.
        """
        with self.store.begin() as unit:
            self._follow(unit)
            found = [one for one in self.register.lasting(subject, self._now()) if basis in ("", one.basis)]
            if not found:
                raise NoErasureError("there is no such legal hold on this person: `consentry holds` lists them")
            if len(found) > 1:
                bases = ", ".join(sorted(one.basis for one in found))
                raise SeveralHoldsError(f"several legal holds of this person last: name one with --basis: {bases}")
            facts: dict[str, Json] = {"basis": found[0].basis}
            self.log.append(unit, [Entry(self._now(), "operator", Action.HOLD, "LIFTED", subject, facts=facts)])

    def holds(self) -> list[tuple[SubjectId, Hold]]:
        """Return every legal hold that lasts, by subject, the one that lasts longest first."""
        with self.store.reading() as unit:
            self._follow(unit)
        now = self._now()
        return [
            (subject, hold) for subject in sorted(self.register.holds) for hold in self.register.lasting(subject, now)
        ]

    def _advance(self, subject: SubjectId, covered: int) -> bool:
        """Take the next step of one erasure, decided on in the transaction that takes it; say whether there was one."""
        with self.store.begin() as unit:
            self._follow(unit)
            erasure = self.register.erasures[subject]
            state = next_state(erasure, self._world(unit, erasure, covered))
            if not isinstance(state, ErasureState):
                return False
            if state is ErasureState.BLOCKED and erasure.state is not ErasureState.BLOCKED_RETAINED:
                self._block(unit, subject, erasure.by)
            elif state is ErasureState.BLOCKED:
                self._note(unit, subject, ErasureState.HOLD_CHECK, erasure.by, held=0)
                self._note(unit, subject, state, erasure.by)
            elif state is ErasureState.KEY_DELETED:
                self._delete_key(unit, erasure)
            else:
                self._note(unit, subject, state, erasure.by)
        with self.store.reading() as unit:
            self._follow(unit)
        return True

    def _block(self, unit: Unit, subject: SubjectId, by: str) -> PlacedEntry:
        """Stop, block and, where a hold lasts, retain: on the stop list before it is committed."""
        now = self._now()
        entries = self.book.entries(subject)
        holds = self.register.lasting(subject, now)
        if RETENTION not in self.register.holds.get(subject, {}) and self._is_retained(unit, subject):
            holds.append(self._set_hold(unit, subject, Hold(RETENTION)))
        self._note(unit, subject, ErasureState.HOLD_CHECK, by, held=int(bool(holds)))
        running = [entry.id for entry in entries if not entry.stopped]
        self.granting.stop_within(unit, subject, running, self.clock(), by)
        unit.patients.block(subject)
        placed = self._note(unit, subject, ErasureState.BLOCKED, by)
        if holds:
            self._note(unit, subject, ErasureState.BLOCKED_RETAINED, by)
        self.stops.append([Mark(MarkKind.BLOCK, now, subject)])
        return placed

    def _is_retained(self, unit: Unit, subject: SubjectId) -> bool:
        """Say whether a consent brings a hold; the book has let go of whoever was blocked before, and asks again."""
        signed = self.book.opened(unit.consents.of_subject(subject))
        return any(one.terms.retention for one in signed if one is not None)

    def _delete_key(self, unit: Unit, erasure: Erasure) -> None:
        subject = erasure.subject
        self.stops.append([Mark(MarkKind.SHRED, self._now(), subject)])
        unit.consents.drop(subject)
        self.farewell(unit, subject, self._now())
        unit.accounts.forget(subject)
        unit.wishes.drop(subject)
        unit.reports.drop(subject)
        unit.replacements.drop(subject)
        unit.sessions.end_all(subject)
        self.vault.shred(unit.connection, [subject])
        self._note(unit, subject, ErasureState.KEY_DELETED, erasure.by, epoch=self.vault.keys.epoch)

    def _moving(self) -> list[Erasure]:
        return [erasure for erasure in self.register.open_ones() if erasure.state is not ErasureState.KEY_DELETED]

    def _bury(self) -> int:
        """Leave tombstones of all whose epoch is dead: identifiers are refused, and only the log names the subjects.

        They are written together and sorted, so that the stop list joins no identifier to a subject where several go.
        """
        if not any(erasure.state is ErasureState.KEY_DELETED for erasure in self.register.open_ones()):
            return 0
        now, keys = self._now(), self.vault.keys
        final_at = now + max(self.copies_last, keys.destruction_delay)
        facts: dict[str, Json] = {"epoch": keys.epoch, "final_at": final_at}
        with self.store.begin() as unit:
            self._follow(unit)
            deleted = [e for e in self.register.open_ones() if e.state is ErasureState.KEY_DELETED]
            dead = [e for e in deleted if next_state(e, self._world(unit, e, 0)) is ErasureState.EPOCH_TURNED]
            macs = sorted(mac for erasure in dead for mac in unit.patients.identifiers(erasure.subject))
            if macs:
                self.stops.append([Mark(MarkKind.TOMBSTONE, now, identifier=mac.hex()) for mac in macs])
            unit.patients.remove([erasure.subject for erasure in dead])
            for erasure in dead:
                self._note(unit, erasure.subject, ErasureState.EPOCH_TURNED, erasure.by, **facts)
        with self.store.reading() as unit:
            self._follow(unit)
        return len(dead)

    def _world(self, unit: Unit, erasure: Erasure, anchored: int) -> World:
        keys, now = self.vault.keys, self._now()
        return World(
            now=now,
            authorised=erasure.state not in _RESTING or self._is_authorised(unit, erasure),
            hold=next(iter(self.register.lasting(erasure.subject, now)), None),
            waiting=self.outbox.on(unit).waiting(erasure.subject),
            anchored=anchored,
            deleted=erasure.subject in self.stops.state().shredded,
            epoch=keys.epoch,
            undestroyed=bool(keys.undestroyed),
        )

    def _is_authorised(self, unit: Unit, erasure: Erasure) -> bool:
        """Check again what the log says that the request rests on."""
        return erasure.asked is not None and self.authorising.still_holds(unit, erasure.asked)

    def _set_hold(self, unit: Unit, subject: SubjectId, hold: Hold) -> Hold:
        facts: dict[str, Json] = {"basis": hold.basis, "until": hold.until}
        self.log.append(unit, [Entry(self._now(), "operator", Action.HOLD, "SET", subject, facts=facts)])
        return hold

    def _follow(self, unit: Unit) -> None:
        self.book.follow(unit)
        self.register.follow(unit)

    def _now(self) -> int:
        return int(self.clock().timestamp())

    def _note(self, unit: Unit, subject: SubjectId, state: ErasureState, actor: str, **facts: Json) -> PlacedEntry:
        [placed] = self.log.append(unit, [Entry(self._now(), actor, Action.ERASE, state, subject, facts=facts)])
        return placed

    def _receipt(
        self, subject: SubjectId, placed: PlacedEntry, by: str, time: int | None = None, attested: str = ""
    ) -> Receipt:  # fmt: skip
        return self.log.receipt(
            Receipt(
                origin=self.log.origin,
                action="erase",
                subject=subject,
                commitment="",
                patient="",
                by=by,
                time=self._now() if time is None else time,
                index=placed.index,
                leaf=placed.leaf.hex(),
                attested=attested,
            )
        )
