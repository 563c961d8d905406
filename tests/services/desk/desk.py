"""The researchers' desk over a house, for tests."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self

from sqlalchemy import text

from consent import wiring
from consent.domain.entry import Action
from consent.services.desk.callers import Caller, Role, TokenExpiredError, TokenInvalidError
from consent.services.desk.clients import Clients
from consent.services.desk.staff import Staff
from consent.services.desk.tokens import Granted, Tokens
from consent.settings import WebSettings
from tests.assertions import AUDIENCE, Signer
from tests.services.house import STUDY, House

WEB: Final = WebSettings("http://localhost:8000", "http://sign.localhost:8000")
KIDNEYS: Final = STUDY.reference.id


@dataclass(frozen=True, slots=True)
class Desk:
    """Clients, tokens and staff of one installation, and one client's key."""

    house: House
    clients: Clients
    tokens: Tokens
    staff: Staff
    ann: Signer

    @classmethod
    def of(cls, house: House) -> Self:
        """Sit down at the desk; `ann` is registered and a member of the house's study."""
        here, clock = house.open, house.clock
        desk = cls(
            house,
            wiring.clients_of(here, clock),
            wiring.tokens_of(here, AUDIENCE, clock),
            wiring.staff_of(here, WEB, clock),
            Signer.drawn("ann"),
        )
        desk.register(desk.ann, KIDNEYS)
        return desk

    @property
    def now(self) -> int:
        """The time, in Unix seconds."""
        return int(self.house.clock().timestamp())

    def register(self, signer: Signer, *studies: str, role: Role = Role.RESEARCHER) -> None:
        """Register a client, and let it ask for studies."""
        self.clients.register(signer.client, role, "A program", signer.jwk)
        for study in studies:
            self.clients.allow(signer.client, study)

    def signed(self, signer: Signer | None = None, **claims: Any) -> str:
        """Return an assertion that holds, but for what is given."""
        return (signer or self.ann).signed(AUDIENCE, self.now, **claims)

    def granted(self, signer: Signer | None = None, study: str | None = KIDNEYS) -> Granted:
        """Return an access token."""
        return self.tokens.grant(self.signed(signer), study, None)

    def caller(self, granted: Granted | None = None) -> Caller:
        """Return who asks with a token."""
        return self.tokens.caller((granted or self.granted()).token)

    def lets_in(self, granted: Granted) -> bool:
        """Say whether a token lets somebody in now."""
        try:
            return bool(self.tokens.caller(granted.token))
        except (TokenInvalidError, TokenExpiredError):
            return False

    def later(self, seconds: int) -> None:
        """Let time pass."""
        self.house.clock.ahead += timedelta(seconds=seconds)

    def write(self, statement: str, **values: object) -> None:
        """Do what somebody can who writes to the database and holds no key."""
        with self.house.open.store.begin() as unit:
            assert unit.connection.execute(text(statement), values).rowcount == 1

    def said(self, action: Action) -> list[dict[str, Any]]:
        """Return the log's entries about clients or staff."""
        return [entry for entry in self.house.log() if entry["action"] == action]
