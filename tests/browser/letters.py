"""What was mailed, as files in a folder."""

import re
import time
from email import message_from_bytes
from pathlib import Path
from typing import Final

_PATIENCE: Final = 10
"""In seconds: a letter is sent behind the answer's back."""


def code_in(letters: Path, before: int = 0) -> str:
    """Return the code of the newest letter, once there are more of them than `before`."""
    end = time.monotonic() + _PATIENCE
    while len(found := sorted(letters.glob("*.eml"), key=lambda one: one.stat().st_mtime_ns)) <= before:
        assert time.monotonic() < end, "no letter came"
        time.sleep(0.05)
    text = message_from_bytes(found[-1].read_bytes()).get_payload(decode=True)
    assert isinstance(text, bytes)
    code = re.search(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4})+\b", text.decode())
    assert code is not None
    return code[0]
