"""What an auditor compares an installation with."""

import pytest

from consent.domain.hashing import Json
from consent.domain.identity import Identity, InvalidIdentityError

IDENTITY = Identity("ab" * 16, "cd" * 32, 4137, "ef" * 20)


def test_an_identity_comes_back_as_it_was_written() -> None:
    assert Identity.from_json(IDENTITY.to_json()) == IDENTITY


def test_the_log_is_named_after_the_installation() -> None:
    assert IDENTITY.origin == f"consentry/{IDENTITY.tenant}"
    assert IDENTITY.public_key == bytes.fromhex(IDENTITY.log_key)


@pytest.mark.parametrize(
    "changed",
    [
        {"tenant": "AB" * 16},
        {"tenant": "ab" * 15},
        {"tenant": 7},
        {"log_key": "zz" * 32},
        {"registry": "0x" + "ef" * 20},
        {"chain_id": "4137"},
        {"chain_id": True},
        {"version": 2},
        {"origin": "consentry/another"},
        {"note": "more"},
    ],
)
def test_anything_else_is_refused(changed: dict[str, Json]) -> None:
    with pytest.raises(InvalidIdentityError):
        Identity.from_json(IDENTITY.to_json() | changed)


@pytest.mark.parametrize("value", [None, [], "text", {}, {"tenant": "ab" * 16}])
def test_what_is_no_identity_is_refused(value: Json) -> None:
    with pytest.raises(InvalidIdentityError):
        Identity.from_json(value)
