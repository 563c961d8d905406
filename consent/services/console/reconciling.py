"""Whether database, signed payload and chain agree: of one consent, and of all of them.

What was signed is read from the database anew and checked again; the book, which was read as the process began, is not
asked. Nothing that was signed is shown to anybody here.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from consent.domain.grant import AddressCertificate
from consent.domain.signed_consent import SignedConsent
from consent.ports import ProjectedGrant, Store, StoredConsent, Unit
from consent.services.book import ConsentBook
from consent.services.console.chronicle import Chronicle
from consent.services.console.sides import ConsentState, Difference, Sides, differences, state_of
from consent.services.projection import LedgerProjection

AT_ONCE = 500
"""How many consents are opened at once."""


@dataclass(frozen=True, slots=True)
class Differing:
    """A consent of which two sides do not agree, and how."""

    sides: Sides
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """All consents, side by side.

    Attributes:
        states: how many consents stand how.
        logged: how many consents the log says were given.
        rows: how many the database has.
        opened: how many of those open and are signed by whom they say.
        granted: how many the chain has.
        revoked: how many of them have an end on the chain.
        strangers: commitments of the copied chain that no consent has: of erased people, or altered.
        matches: whether the copy of the chain is what its process wrote, and that matches the chain's own history.
        differing: the consents whose sides do not agree.
    """

    states: Mapping[ConsentState, int]
    logged: int
    rows: int
    opened: int
    granted: int
    revoked: int
    strangers: int
    matches: bool
    differing: Sequence[Differing]


@dataclass(frozen=True, slots=True)
class Reconciling:
    """Reads the sides of consents."""

    store: Store
    book: ConsentBook
    projection: LedgerProjection
    chronicle: Chronicle
    clock: Callable[[], datetime]

    def all(self) -> Reconciled:
        """Hold the sides of every consent against each other."""
        now, stands, differing = self.now(), Counter[ConsentState](), list[Differing]()
        rows = opened = granted = revoked = known = 0
        with self.store.reading() as unit:
            self.follow(unit)
            for sides in self._everything(unit):
                found = differences(sides, self.book.recover, self.book.domain, now)
                stands[state_of(sides, now)] += 1
                rows += sides.row is not None
                opened += sides.signed is not None and not {Difference.SIGNATURE, Difference.CERTIFICATE} & {*found}
                known += sides.chain is not None
                granted += sides.granted
                revoked += sides.revoked
                differing += [Differing(sides, found)] if found else []
            head = self.projection.head
        return Reconciled(
            states=stands,
            logged=len(self.chronicle.given),
            rows=rows,
            opened=opened,
            granted=granted,
            revoked=revoked,
            strangers=len(self.projection.rows) - known,
            matches=head is not None and head.matches,
            differing=differing,
        )

    def of(self, unit: Unit, ids: Iterable[str]) -> list[Sides]:
        """Return the sides of some consents, of those that log or database know; `follow` in this transaction before.

        What was signed is opened, where its person was not erased: whoever shows it writes an entry first.
        """
        asked = list(dict.fromkeys(ids))
        rows = {row.id: row for row in unit.consents.of_ids(asked)}
        known = [one for one in asked if one in rows or one in self.chronicle.given]
        return list(self._sides(known, rows))

    def follow(self, unit: Unit) -> None:
        """Take up what was written since; call it as a transaction begins."""
        self.book.follow(unit)
        self.projection.refresh(unit)
        self.chronicle.follow(unit)

    def differences(self, sides: Sides) -> tuple[Difference, ...]:
        """Return how the sides of a consent differ now."""
        return differences(sides, self.book.recover, self.book.domain, self.now())

    def now(self) -> int:
        """Return the time by our clock or the ledger's, whichever is later, in Unix seconds."""
        return int(self.projection.later(self.clock()).timestamp())

    def _everything(self, unit: Unit) -> Iterator[Sides]:
        """Yield the sides of every consent that the database or the log knows."""
        seen = set[str]()
        stored = unit.consents.everything()
        while some := list(islice(stored, AT_ONCE)):
            seen |= {row.id for row in some}
            yield from self._sides([row.id for row in some], {row.id: row for row in some})
        yield from self._sides([one for one in self.chronicle.given if one not in seen], {})

    def _sides(self, ids: Sequence[str], rows: Mapping[str, StoredConsent]) -> Iterator[Sides]:
        living = [row for row in rows.values() if row.subject not in self.book.blocked]
        signed = dict(zip([row.id for row in living], self.book.opened(living), strict=True))
        for one in ids:
            yield self._one(one, rows.get(one), signed.get(one))

    def _one(self, consent: str, row: StoredConsent | None, signed: SignedConsent | None) -> Sides:
        given = self.chronicle.given.get(consent)
        subject = row.subject if row else given.subject if given else None
        return Sides(
            id=consent,
            given=given,
            stopped=self.chronicle.stopped.get(consent),
            undone=self.chronicle.undone.get(consent),
            row=row,
            signed=signed,
            chain=self._on_chain(consent, signed),
            certified=signed is not None and row is not None and self._certified(row, signed),
            gone=subject in self.book.blocked,
            legible=signed is not None,
        )

    def _on_chain(self, consent: str, signed: SignedConsent | None) -> ProjectedGrant | None:
        if signed is None:
            return None
        details = Sides(consent, signed=signed).details()
        return self.projection.rows.get((signed.patient, details.commitment)) if details else None

    def _certified(self, row: StoredConsent, signed: SignedConsent) -> bool:
        given = self.chronicle.given.get(row.id)
        certificate = AddressCertificate(row.subject, signed.patient, signed.certificate)
        signer = self.book.recover(certificate.digest(self.book.domain), signed.certificate)
        key = self.book.history.at(row.subject, given.index) if given else None
        return signer is not None and signer == key
