"""Checkpoints as an auditor receives them, as data: what opens under the log's two keys, and all that must not."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from consent.domain.checkpoint import Checkpoint, CheckpointError
from consent.domain.note import NoteError
from consent.signatures import verifies
from consent.verifier.policy import LogTrust

FILE: Final = json.loads((Path(__file__).parents[1] / "vectors" / "notes.json").read_text())
TRUST: Final = LogTrust(FILE["origin"], tuple(bytes.fromhex(key) for key in FILE["keys"]))
ERRORS: Final = {"NoteError": NoteError, "CheckpointError": CheckpointError}


@pytest.mark.parametrize("vector", FILE["vectors"], ids=lambda vector: re.sub(r"\W+", "-", vector["name"]))
def test_a_checkpoint_opens_exactly_where_it_should(vector: dict[str, Any]) -> None:
    if "opens" in vector:
        said = vector["opens"]
        expected = Checkpoint(FILE["origin"], said["size"], bytes.fromhex(said["root"]))
        assert TRUST.open(vector["note"], verifies) == expected
        return
    with pytest.raises(ERRORS[vector["fails_with"]]):
        TRUST.open(vector["note"], verifies)


def test_nine_in_ten_must_fail() -> None:
    holding = sum("opens" in vector for vector in FILE["vectors"])
    assert 0 < holding * 10 <= len(FILE["vectors"])
    assert len({vector["name"] for vector in FILE["vectors"]}) == len(FILE["vectors"])
