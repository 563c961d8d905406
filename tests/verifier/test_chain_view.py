"""What an auditor saw of the chain: written, read back, and refused with any field gone or of another kind."""

import json
from pathlib import Path
from typing import Any

import pytest

from consent.ports import ModelStatus
from consent.verifier.chain_view import UNREGISTERED, ChainView, ChainViewError
from tests.verifier.policies import VIEW

FIELDS = sorted(VIEW.to_json())


def test_a_view_goes_round(tmp_path: Path) -> None:
    (tmp_path / "view.json").write_bytes(VIEW.to_bytes())
    assert ChainView.read(tmp_path / "view.json") == VIEW


def test_a_view_says_what_it_saw_of_a_model() -> None:
    assert VIEW.model(b"\x02" * 32).status is ModelStatus.ACTIVE
    assert VIEW.model(b"\x09" * 32) == UNREGISTERED


def changed(field: str, value: Any) -> dict[str, Any]:
    return {**json.loads(VIEW.to_bytes()), field: value}


@pytest.mark.parametrize("field", FIELDS)
def test_a_view_without_a_field_is_none(field: str) -> None:
    value = json.loads(VIEW.to_bytes())
    del value[field]
    with pytest.raises(ChainViewError):
        ChainView.from_json(value)


@pytest.mark.parametrize(
    "wrong", [None, True, -1, 1.5, 2**53, "", "zz", "ab", "AB" * 32, "0x" + "ab" * 20, [7], {"a": 1}]
)
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_another_kind_makes_no_view(field: str, wrong: Any) -> None:
    with pytest.raises(ChainViewError):
        ChainView.from_json(changed(field, wrong))


@pytest.mark.parametrize(
    "models",
    [
        "reversed",
        "twice",
        {"status": 0},
        {"status": 4},
        {"status": True},
        {"manifest": "ab"},
        {"more": 1},
    ],
    ids=str,
)
def test_models_stand_in_order_each_once_with_a_status(models: Any) -> None:
    listed = json.loads(VIEW.to_bytes())["models"]
    wrong = {"reversed": listed[::-1], "twice": [listed[0], *listed]}.get(str(models)) or [listed[0] | models]
    with pytest.raises(ChainViewError):
        ChainView.from_json(changed("models", wrong))


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 5000, b"\xff", b'{"version":1,"version":1}', b"NaN"], ids=repr)
def test_what_is_no_json_is_no_view(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "view.json").write_bytes(content)
    with pytest.raises(ChainViewError):
        ChainView.read(tmp_path / "view.json")


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "view.json").write_bytes(VIEW.to_bytes().replace(b'"block":812', b'"block":811,"block":812'))
    with pytest.raises(ChainViewError):
        ChainView.read(tmp_path / "view.json")
