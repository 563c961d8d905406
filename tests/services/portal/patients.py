"""What patients' browsers do at the portal, for tests of its services."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from sqlalchemy import select

from consent import wiring
from consent.adapters.sql.account_tables import contacts, credentials, declines, invitations, sessions, slots, tickets
from consent.demo.wallets import Wallet
from consent.domain.grant import PublishedGrant
from consent.domain.hashing import sha256
from consent.domain.key_history import nonce_for
from consent.domain.request_file import RequestFile
from consent.domain.sign_in import SignIn
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.domain.terms import SubjectId
from consent.services.granting import Submission
from consent.services.portal.enrolling import NewWallet, Slot
from consent.settings import WebSettings
from consent.web.room import PortalRoom
from tests.authenticator import Authenticator
from tests.services.house import House, receive

WEB: Final = WebSettings("http://localhost:8000", "http://sign.localhost:8000")
MAX_STALENESS: Final = 120
"""Seconds, as the house's gate has it."""
TABLES: Final = (sessions, tickets, invitations, credentials, slots, contacts, declines)


@dataclass(frozen=True, slots=True)
class Portal:
    """The portal's services over a house."""

    house: House
    room: PortalRoom

    @classmethod
    def of(cls, house: House) -> Self:
        """Put them together as the wiring does."""
        return cls(house, wiring.portal_room(house.open, WEB, MAX_STALENESS, house.clock))

    def newcomer(self, number: int = 900) -> Wallet:
        """Import somebody who has no key; return the wallet that their browser will make."""
        [subject] = receive(self.house.open, number)
        self.house.wallets[subject] = Wallet(subject)
        return self.house.wallets[subject]

    def invited(self, subject: SubjectId) -> bytes:
        """Invite somebody and type the code; return its digest."""
        code = self.room.enrolling.invited(self.room.enrolling.invite(subject, self.house.clock()), self.house.clock())
        assert code is not None
        return code

    def challenge(self) -> bytes:
        """Draw a challenge."""
        return secrets.token_bytes(32)

    def signed(self, wallet: Wallet, challenge: bytes) -> bytes:
        """Return what the enrolment key signs to show itself."""
        return wallet.enrolment_key.sign(SignIn(self.room.log, challenge).digest(self.room.domain))

    def made(
        self, wallet: Wallet, challenge: bytes, slots: Sequence[Slot] = (), passkey: Authenticator | None = None
    ) -> NewWallet:
        """Return what a browser hands in at enrolment: with a passkey where there is one, else with a passphrase."""
        keyed = slot("passphrase") if passkey is None else slot("passkey", sha256(passkey.credential).hex())
        answer = None if passkey is None else passkey.create(self.room.passkeys.creation(challenge, bytes(32)))
        chosen = tuple(slots) or (keyed, slot("recovery"))
        return NewWallet(chosen, wallet.enrolment_key.address, self.signed(wallet, challenge), answer)

    def enrolled(self, wallet: Wallet, passkey: Authenticator | None = None) -> NewWallet:
        """See an enrolment through."""
        challenge = self.challenge()
        made = self.made(wallet, challenge, passkey=passkey)
        code = self.invited(wallet.subject)
        assert self.room.enrolling.enrol(code, made, challenge, self.house.clock()) == wallet.subject
        return made

    def asks_for_a_new_key(self, wallet: Wallet) -> None:
        """Ask for a new key with the old one, which is the wallet's."""
        new, now = Wallet(wallet.subject), int(self.house.clock().timestamp())
        nonce = nonce_for(new.enrolment_key.address)
        wanted = SubjectRequest(RequestAction.REPLACE_KEY, wallet.subject, self.house.open.log.origin, now, nonce)
        file, challenge = RequestFile(wanted, wallet.request(wanted, self.house.open.domain)), self.challenge()
        self.room.new_keys.ask(wallet.subject, file, self.made(new, challenge), challenge, self.house.clock())

    def rows(self) -> dict[str, list[Any]]:
        """Return all that the tables of sign-in hold, by table."""
        with self.house.open.store.reading() as unit:
            return {table.name: sorted(map(tuple, unit.connection.execute(select(table)))) for table in TABLES}

    def rows_of(self, subject: SubjectId) -> int:
        """Count what the tables of sign-in hold of a person."""
        return sum(row.count(subject) for rows in self.rows().values() for row in rows)


def slot(kind: str, name: str = "") -> Slot:
    """Return a slot as a browser would make it; nobody opens it here."""
    drawn = secrets.token_hex
    return Slot(kind, name or drawn(32), drawn(32), drawn(12), drawn(48))


def phone(**changed: Any) -> Authenticator:
    """Return a new passkey of the signing origin."""
    return Authenticator(**{"host": WEB.signing_host, "origin": WEB.signing} | changed)


def published(signed: Submission) -> PublishedGrant:
    """Return a signed grant as anybody may publish it."""
    return PublishedGrant(
        signed.details.commitment, signed.patient, signed.expires, signed.publish_by, signed.signature
    )
