"""Keys, their files, and what they sign."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.client import ClientKey, UsageError, jws

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "jws.json").read_text(encoding="utf-8"))
API = "https://api.example.org"


def key_of_the_rfc() -> Ed25519PrivateKey:
    seed = jws.from_base64url(VECTORS["key"]["d"])
    assert seed is not None
    return Ed25519PrivateKey.from_private_bytes(seed)


def test_what_is_signed_is_what_rfc_8037_shows() -> None:
    assert jws.compact(VECTORS["header"].encode(), VECTORS["payload"].encode(), key_of_the_rfc()) == VECTORS["jws"]


def test_a_key_is_named_by_the_thumbprint_that_rfc_8037_shows() -> None:
    key = ClientKey("kidney-team", API, key_of_the_rfc())
    assert key.public() == {
        "kty": "OKP", "crv": "Ed25519", "x": VECTORS["key"]["x"], "kid": VECTORS["thumbprint"],
    }  # fmt: skip


@pytest.mark.parametrize("text", VECTORS["no_base64url"])
def test_only_what_is_written_as_base64url_is_read_as_such(text: str) -> None:
    assert jws.from_base64url(text) is None


def test_an_assertion_names_client_endpoint_and_minute_and_no_two_are_the_same() -> None:
    key = ClientKey.drawn("kidney-team", API)
    first, second = (key.assertion(f"{API}/v1/token", 1000) for _ in range(2))
    header, claims = (json.loads(jws.from_base64url(part) or b"") for part in first.split(".")[:2])
    assert header == {"alg": "EdDSA", "kid": key.kid, "typ": "JWT"}
    jti = claims.pop("jti")
    assert claims == {
        "iss": "kidney-team", "sub": "kidney-team", "aud": f"{API}/v1/token", "iat": 1000, "exp": 1060,
    }  # fmt: skip
    assert len(jti) == 32
    assert first != second
    signature = jws.from_base64url(first.rpartition(".")[2])
    key.private.public_key().verify(signature or b"", first.rpartition(".")[0].encode())


def test_a_key_file_is_its_owners_alone_and_comes_back_as_it_was(tmp_path: Path) -> None:
    key, path = ClientKey.drawn("kidney-team", API), tmp_path / "key.json"
    key.write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = ClientKey.read(path)
    assert (again.client, again.api, again.kid) == (key.client, key.api, key.kid)
    assert jws.base64url(key.private.private_bytes_raw()) not in repr(again)


def test_a_key_file_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text("somebody's")
    with pytest.raises(UsageError, match="written over"):
        ClientKey.drawn("kidney-team", API).write(path)
    assert path.read_text() == "somebody's"


def test_a_key_file_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    ClientKey.drawn("kidney-team", API).write(path)
    path.chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        ClientKey.read(path)


def written(tmp_path: Path, **changes: Any) -> Path:
    """Write a key file with members of the file or of its key changed; None takes one out."""
    path = tmp_path / "key.json"
    ClientKey.drawn("kidney-team", API).write(path)
    value = json.loads(path.read_text())
    for name, member in changes.items():
        holder = value if name in value else value["key"]
        holder[name] = member
        if member is None:
            del holder[name]
    path.write_text(json.dumps(value))
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"client": None}, {"client": 1}, {"client": "Kidney Team"}, {"client": ""}, {"api": None},
        {"api": "http://api.example.org"}, {"key": None}, {"key": []}, {"kty": "EC"}, {"crv": "X25519"}, {"d": None},
        {"d": "AA"}, {"d": 7}, {"x": VECTORS["key"]["x"]}, {"kid": "another"}, {"oth": "more"},
        {"d": VECTORS["key"]["d"]},
    ],
)  # fmt: skip
def test_a_key_file_that_does_not_fit_together_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refused:
        ClientKey.read(written(tmp_path, **changes))
    assert not any(str(value) in str(refused.value) for value in changes.values() if isinstance(value, str) and value)


@pytest.mark.parametrize("content", [b"", b"[]", b"not json", b"\xff", b"[" * 4000])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.json"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(UsageError):
        ClientKey.read(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name the file"):
        ClientKey.read(tmp_path / "nothing.json")
