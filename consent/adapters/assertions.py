"""What clients sign for their tokens: JSON Web Tokens (RFC 7519) as RFC 7523 section 3 wants them, through joserfc.

Two algorithms and no others: EdDSA with Ed25519 (RFC 8037) and ES256 (RFC 7518, section 3.4). The key's type says which
one counts; a header that names another, or brings a key of its own, is refused before anything is looked up.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, Key, OKPKey

from consent.domain.hashing import canonical_json
from consent.ports import Assertion, ClientPublicKey, InvalidAssertionError, InvalidClientKeyError

LARGEST: Final = 4096
"""In bytes; an assertion has some four hundred."""
LONGEST_SECONDS: Final = 300
"""How far ahead an assertion may end: so long its `jti` is remembered."""
SKEW_SECONDS: Final = 60
"""How far a client's clock may be ahead of ours."""
ALGORITHMS: Final = ("EdDSA", "ES256")

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_KID: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_CLIENT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_JTI: Final = re.compile(r"[\x21-\x7e]{16,128}")
_HEADER: Final = frozenset({"alg", "kid", "typ"})
_MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    "Ed25519": frozenset({"kty", "crv", "x"}),
    "P-256": frozenset({"kty", "crv", "x", "y"}),
}
"""By curve, what makes the key and its thumbprint (RFC 7638, section 3.2; RFC 8037, section 2)."""
_TYPES: Final[Mapping[str, str]] = {"Ed25519": "OKP", "P-256": "EC"}
_COORDINATE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 bytes in base64url: with fewer or more, one key would have several thumbprints."""
_BESIDE: Final = frozenset({"kid", "alg", "use", "key_ops"})
"""What a public JWK may say beside; none of it is believed."""
_REFUSED: Final = "this assertion does not hold: sign a new one with a key that is registered here"


class _Registry(jws.JWSRegistry):
    """The two algorithms; joserfc warns of EdDSA, whose name leaves the curve open (RFC 9864): our keys do not."""

    def get_alg(self, name: str) -> Any:  # noqa: ANN401  # a class that joserfc keeps to itself
        """Return an algorithm that is allowed."""
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


_REGISTRY: Final = _Registry()


@dataclass(frozen=True, slots=True)
class JoseAssertions:
    """`Assertions`; `nobodys` are JWKs that no client has, by algorithm, for whoever names an unknown key."""

    nobodys: Mapping[str, bytes]

    @classmethod
    def drawn(cls) -> "JoseAssertions":
        """Return one with new keys of nobody's."""
        keys: dict[str, Key] = {"EdDSA": OKPKey.generate_key("Ed25519"), "ES256": ECKey.generate_key("P-256")}
        return cls({name: canonical_json(_public(key)) for name, key in keys.items()})

    def public_key(self, jwk: object) -> ClientPublicKey:
        """Return the key of a public JWK."""
        members = jwk if isinstance(jwk, Mapping) else {}
        if "d" in members or "key" in members:
            raise InvalidClientKeyError("this file holds a private key: keep it, and hand in the public one alone")
        kept = _required(members)
        try:
            thumbprint = _key(kept).thumbprint()
            return ClientPublicKey(thumbprint, canonical_json(kept))
        except Exception as error:  # whatever a stranger's numbers raise in the libraries
            raise InvalidClientKeyError("this JWK is no point of its curve: ask for the key once more") from error

    def named(self, assertion: str) -> tuple[str, str]:
        """Return which kid and which client an assertion names, unchecked."""
        header, claims = _read(assertion)
        return str(header["kid"]), str(claims["iss"])

    def checked(self, assertion: str, jwk: bytes | None, audience: str, now: int) -> Assertion:
        """Check an assertion against the key that it names, or against nobody's."""
        header, claims = _read(assertion)
        named, nobodys = json.loads(jwk or b"{}"), json.loads(self.nobodys[header["alg"]])
        known = named.get("kty") == nobodys["kty"]
        if not _holds(assertion, _key(named if known else nobodys)) or not known:
            raise InvalidAssertionError(_REFUSED)
        return _claimed(claims, audience, now)


def _required(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a public JWK the key that it is, and nothing that others could write in another way."""
    curve = members.get("crv")
    needed = _MEMBERS.get(curve, frozenset()) if isinstance(curve, str) else frozenset()
    told = needed and needed <= set(members) <= needed | _BESIDE and members["kty"] == _TYPES[str(curve)]
    kept = {name: members[name] for name in sorted(needed)} if told else {}
    if not kept or not all(_matches(_COORDINATE, kept[name]) for name in needed - {"kty", "crv"}):
        raise InvalidClientKeyError("a client's key is a public JWK of type OKP (Ed25519) or EC (P-256)")
    return kept


def _public(key: Key) -> dict[str, str]:
    return {name: str(value) for name, value in key.as_dict(private=False).items() if name in {"crv", "kty", "x", "y"}}


def _key(jwk: Mapping[str, Any]) -> Key:
    kind = OKPKey if jwk["kty"] == "OKP" else ECKey
    return kind.import_key(dict(jwk))


def _holds(assertion: str, key: Key) -> bool:
    """Say whether the key signed this."""
    try:
        jws.deserialize_compact(assertion, key, registry=_REGISTRY)
    except (JoseError, ValueError):
        return False
    return True


def _read(assertion: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return header and claims of an assertion that is well formed and names a kid and a client; neither is believed.

    The compact form alone is taken (RFC 7515, section 3.1). A header says its algorithm, the key's name and the type.
    """
    if len(assertion) > LARGEST or not _COMPACT.fullmatch(assertion):
        raise InvalidAssertionError(_REFUSED)
    written_header, written_claims, _ = assertion.split(".")
    header, claims = _object(written_header), _object(written_claims)
    typed = str(header.get("typ", "JWT")).upper() == "JWT"
    if not (typed and set(header) <= _HEADER and header.get("alg") in ALGORITHMS):
        raise InvalidAssertionError(_REFUSED)
    if not (_matches(_KID, header.get("kid")) and _matches(_CLIENT, claims.get("iss"))):
        raise InvalidAssertionError(_REFUSED)
    return header, claims


def _object(written: str) -> Mapping[str, Any]:
    try:
        content = urlsafe_b64decode(written + "=" * (-len(written) % 4)).decode()
        return dict(json.loads(content, object_pairs_hook=_unrepeated, parse_constant=_no_number))
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidAssertionError(_REFUSED) from error


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that names a member twice: two readers would disagree on what was signed."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError
    return dict(pairs)


def _no_number(_name: str) -> None:
    raise ValueError


def _claimed(claims: Mapping[str, Any], audience: str, now: int) -> Assertion:
    """Check what the right key signed (RFC 7523, section 3); who hears these refusals has shown that key."""
    jti, expires = claims.get("jti"), claims.get("exp")
    if claims.get("sub") != claims["iss"]:
        raise InvalidAssertionError("iss and sub of the assertion are the client's id, both: sign a new one")
    if claims.get("aud") not in (audience, [audience]):
        raise InvalidAssertionError("aud of the assertion is the token endpoint's URL alone: sign a new one")
    if not (_is_time(expires) and now < expires <= now + LONGEST_SECONDS):
        raise InvalidAssertionError("exp of the assertion lies at most 300 s ahead: see that the clock is right")
    if not (_has_begun(claims, "iat", now, required=True) and _has_begun(claims, "nbf", now, required=False)):
        raise InvalidAssertionError("iat or nbf of the assertion lies ahead: see that the clock is right")
    if not _matches(_JTI, jti):
        raise InvalidAssertionError("jti of the assertion has 16 to 128 characters, new ones each time: sign a new one")
    return Assertion(claims["iss"], str(jti), expires)


def _has_begun(claims: Mapping[str, Any], name: str, now: int, *, required: bool) -> bool:
    if name not in claims:
        return not required
    return _is_time(claims[name]) and claims[name] <= now + SKEW_SECONDS


def _is_time(value: object) -> TypeGuard[int]:
    """Say whether this is a time in whole Unix seconds; `true` is 1 in Python, and none."""
    return type(value) is int


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
