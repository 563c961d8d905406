"""What clients sign: vectors of which few hold, and public keys of which few are taken."""

import json
import time
import warnings
from pathlib import Path
from typing import Any, Final

import pytest
from joserfc.errors import UnsupportedAlgorithmError

from consent.adapters.assertions import _REGISTRY, JoseAssertions
from consent.client import ClientKey
from consent.ports import Assertion, InvalidAssertionError, InvalidClientKeyError
from tests.assertions import AUDIENCE, Signer
from tests.authenticator import content, text

VECTORS: Final = json.loads((Path(__file__).parents[1] / "vectors" / "assertions.json").read_text())
NOW: Final = VECTORS["now"]
ANN: Final = Signer.drawn("ann")
RFC_8037: Final = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
"""The key of RFC 8037, appendix A.2."""


@pytest.fixture(scope="module")
def assertions() -> JoseAssertions:
    return JoseAssertions.drawn()


def judged(assertions: JoseAssertions, assertion: str) -> Assertion:
    """Judge as the token endpoint does: look the named key up, then check."""
    kid, _ = assertions.named(assertion)
    jwk = VECTORS["keys"].get(kid)
    key = None if jwk is None else assertions.public_key(jwk).jwk
    return assertions.checked(assertion, key, VECTORS["audience"], NOW)


@pytest.mark.parametrize("name", VECTORS["accepted"])
def test_what_holds_says_who_signed_and_until_when(assertions: JoseAssertions, name: str) -> None:
    found = judged(assertions, VECTORS["accepted"][name])
    assert found.client == ("ward-seven" if name == "P-256" else "kidney-team")
    assert 16 <= len(found.jti) <= 128
    assert NOW < found.expires <= NOW + 300


@pytest.mark.parametrize("name", VECTORS["refused"])
def test_what_does_not_hold_is_refused_without_a_word_of_it(assertions: JoseAssertions, name: str) -> None:
    assertion = VECTORS["refused"][name]
    with pytest.raises(InvalidAssertionError) as caught:
        judged(assertions, assertion)
    assert not [part for part in assertion.split(".") if len(part) > 8 and part in str(caught.value)]


def test_without_a_right_signature_every_refusal_is_the_same(assertions: JoseAssertions) -> None:
    """An unknown key, a wrong signature, a wrong algorithm and a wrong clock are one answer to whoever has no key."""
    wrong = Signer("ann", Signer.drawn("ann").key)
    forged = wrong.signed(AUDIENCE, NOW, {"kid": ANN.kid})
    late = wrong.signed(AUDIENCE, NOW, {"kid": ANN.kid}, exp=NOW - 1)
    told = set()
    for assertion, key in ((wrong.signed(AUDIENCE, NOW), None), (forged, ANN), (late, ANN), (late, None)):
        with pytest.raises(InvalidAssertionError) as caught:
            assertions.checked(assertion, assertions.public_key(key.jwk).jwk if key else None, AUDIENCE, NOW)
        told.add(str(caught.value))
    assert len(told) == 1


def test_whoever_showed_the_key_is_told_to_look_at_the_clock(assertions: JoseAssertions) -> None:
    with pytest.raises(InvalidAssertionError, match="clock"):
        assertions.checked(ANN.signed(AUDIENCE, NOW - 400), assertions.public_key(ANN.jwk).jwk, AUDIENCE, NOW)


@pytest.mark.parametrize("kind", ["OKP", "EC"])
def test_an_unknown_key_costs_as_much_work_as_a_wrong_signature(assertions: JoseAssertions, kind: str) -> None:
    assertion = Signer.drawn("ann", kind).signed(AUDIENCE, NOW)
    keys = {"known": assertions.public_key(Signer.drawn("ann", kind).jwk).jwk, "unknown": None}
    least = dict.fromkeys(keys, 1.0)
    for _ in range(200):
        for name, jwk in keys.items():
            started = time.perf_counter()
            with pytest.raises(InvalidAssertionError):
                assertions.checked(assertion, jwk, AUDIENCE, NOW)
            least[name] = min(least[name], time.perf_counter() - started)
    assert 0.7 < least["known"] / least["unknown"] < 1.4, "without a verification the ratio is above ten"


def test_a_key_has_the_thumbprint_of_the_rfc(assertions: JoseAssertions) -> None:
    """RFC 8037, appendix A.3."""
    found = assertions.public_key(RFC_8037)
    assert found.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert found.jwk == b'{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'


@pytest.mark.parametrize("kind", ["OKP", "EC"])
def test_what_a_jwk_says_beside_the_key_is_not_kept(assertions: JoseAssertions, kind: str) -> None:
    jwk = Signer.drawn("ann", kind).jwk
    beside = {"kid": "mine", "alg": "none", "use": "sig", "key_ops": ["verify"]}
    assert assertions.public_key(jwk | beside) == assertions.public_key(jwk)


EC: Final = Signer.drawn("ann", "EC").jwk
NO_KEYS: Final[dict[str, Any]] = {
    "nothing": None,
    "a text": "key",
    "a list": [RFC_8037],
    "a key set": {"keys": [RFC_8037]},
    "no type": {"crv": "Ed25519", "x": RFC_8037["x"]},
    "a secret": {"kty": "oct", "k": RFC_8037["x"]},
    "RSA": {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    "Ed448": RFC_8037 | {"crv": "Ed448"},
    "X25519": RFC_8037 | {"crv": "X25519"},
    "a curve of another type": RFC_8037 | {"crv": "P-256"},
    "a type of another curve": EC | {"kty": "OKP"},
    "P-384": EC | {"crv": "P-384"},
    "secp256k1": EC | {"crv": "secp256k1"},
    "a curve in a list": RFC_8037 | {"crv": ["Ed25519"]},
    "no x": {"kty": "OKP", "crv": "Ed25519"},
    "no y": {name: EC[name] for name in ("kty", "crv", "x")},
    "x is a number": RFC_8037 | {"x": 7},
    "x is short": RFC_8037 | {"x": RFC_8037["x"][:42]},
    "x is padded": RFC_8037 | {"x": RFC_8037["x"] + "="},
    "x has another spelling": RFC_8037 | {"x": RFC_8037["x"][:42] + "p"},
    "x has a zero before it": EC | {"x": text(bytes(1) + content(EC["x"]))},
    "an EC key that says RSA": EC | {"kty": "RSA"},
    "an Ed25519 key that says EC": RFC_8037 | {"kty": "EC"},
    "no point of the curve": EC | {"y": EC["x"]},
    "a certificate": RFC_8037 | {"x5c": ["MIIB"]},
    "a member that nobody knows": RFC_8037 | {"more": 1},
}


@pytest.mark.parametrize("name", NO_KEYS)
def test_what_is_no_public_key_of_the_two_kinds_is_refused(assertions: JoseAssertions, name: str) -> None:
    with pytest.raises(InvalidClientKeyError):
        assertions.public_key(NO_KEYS[name])


def drawn_key() -> dict[str, str]:
    """Return a private JWK, as a client's file has it."""
    key = ClientKey.drawn("ann", "https://api.example.org")
    return key.public() | {"d": text(key.private.private_bytes_raw())}


def test_a_private_key_is_refused_with_the_word_to_keep_it(assertions: JoseAssertions) -> None:
    drawn = drawn_key()
    for handed_in in (drawn, {"client": "ann", "api": AUDIENCE, "key": drawn}, RFC_8037 | {"d": ""}):
        with pytest.raises(InvalidClientKeyError, match="private key: keep it") as caught:
            assertions.public_key(handed_in)
        assert drawn["d"] not in str(caught.value)


def test_a_drawn_key_is_taken_as_a_public_one_without_its_secret(assertions: JoseAssertions) -> None:
    drawn = drawn_key()
    public = {name: drawn[name] for name in ("crv", "kty", "x", "kid")}
    assert assertions.public_key(public).kid == drawn["kid"]
    assert drawn_key()["d"] != drawn["d"]


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "ES384", "Ed25519", ""])
def test_the_library_too_is_left_with_two_algorithms(algorithm: str) -> None:
    with pytest.raises(UnsupportedAlgorithmError):
        _REGISTRY.get_alg(algorithm)


def test_nothing_that_is_checked_warns(assertions: JoseAssertions) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assertions.checked(ANN.signed(AUDIENCE, NOW), assertions.public_key(ANN.jwk).jwk, AUDIENCE, NOW)
