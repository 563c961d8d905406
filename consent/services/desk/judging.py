"""Who stands: judged anew at each use, from rows that carry a MAC and from the log, which counts where they differ."""

from dataclasses import dataclass, field

from consent.ports import StoredClient, StoredClientKey, StoredStaff, StoredToken, Unit
from consent.services.book import ConsentBook
from consent.services.desk.callers import Role, TokenKind
from consent.services.desk.ended import Ended
from consent.services.portal.studies import ApprovedStudies


def standing_key(unit: Unit, ended: Ended, kid: str) -> StoredClientKey | None:
    """Return a client's key that was not revoked; `ended` follows the log in this transaction."""
    key = unit.clients.key(kid)
    return None if key is None or key.revoked is not None or kid in ended.keys else key


def standing_client(unit: Unit, ended: Ended, client: str) -> StoredClient | None:
    """Return a client that was not revoked; `ended` follows the log in this transaction."""
    known = unit.clients.get(client)
    return None if known is None or known.revoked is not None or client in ended.clients else known


def standing_member(unit: Unit, ended: Ended, name: str) -> StoredStaff | None:
    """Return a member of the staff who was not removed; `ended` follows the log in this transaction."""
    known = unit.staff.get(name)
    return None if known is None or known.revoked is not None or name in ended.staff else known


@dataclass(frozen=True, slots=True)
class Judging:
    """Says what still stands of clients, studies and tokens."""

    book: ConsentBook
    studies: ApprovedStudies
    ended: Ended = field(default_factory=Ended)

    def follow(self, unit: Unit) -> None:
        """Take up what the log says since; call it at the beginning of a transaction."""
        self.book.follow(unit)
        self.ended.follow(unit)

    def client(self, unit: Unit, kid: str, client: str) -> StoredClient | None:
        """Return a client whose key this is, if both stand."""
        key, known = standing_key(unit, self.ended, kid), standing_client(unit, self.ended, client)
        return known if key is not None and key.client == client else None

    def key(self, unit: Unit, kid: str, client: str) -> bytes | None:
        """Return the JWK of a client's key, if both stand."""
        key = standing_key(unit, self.ended, kid)
        return None if key is None or self.client(unit, kid, client) is None else key.jwk

    def is_member(self, unit: Unit, client: str, study: str) -> bool:
        """Say whether a client is a member of a study that is as it was approved, and was not closed."""
        member = unit.clients.is_member(client, study) and (client, study) not in self.ended.memberships
        return member and study not in self.book.closed and study in self.studies.all(unit, [study])

    def holds(self, unit: Unit, token: StoredToken) -> bool:
        """Say whether all that a token rests on stands; when it runs out is another matter."""
        if token.kind == TokenKind.STAFF:
            member = standing_member(unit, self.ended, token.holder)
            return member is not None and member.role == token.role
        client = self.client(unit, token.kid or "", token.holder)
        if client is None or client.role != token.role:
            return False
        return token.study is None or self.is_member(unit, token.holder, token.study)

    def role(self, unit: Unit, name: str) -> Role | None:
        """Return the role of a member of the staff who stands."""
        member = standing_member(unit, self.ended, name)
        return None if member is None else Role(member.role)
