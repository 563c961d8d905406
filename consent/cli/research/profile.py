"""Who a researcher is to which server, kept between two commands: no key, no token and no answer.

$XDG_CONFIG_HOME/consentry/profile.json, for its owner's eyes
{"version": 1, "api": "https://api.example.org", "client": "kidney-team", "key": "/keys/team.json", "study": "kidneys"}
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from consent.domain.errors import ConsentError

VERSION: Final = 1
_LARGEST: Final = 65536
_FIELDS: Final = ("api", "client", "key", "study")


class NotSignedInError(ConsentError):
    """No command can be sent as somebody; sign in with `consentry login`."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Where one signed in, as whom, with which key file, and for which study; the study may be empty."""

    api: str
    client: str
    key: str
    study: str

    def write(self) -> Path:
        """Keep this in the place of what was kept; return the file."""
        path = place()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix="profile.")  # of mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"version": VERSION, **asdict(self)}, file, indent=1)
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)
        return path

    @classmethod
    def read(cls) -> Self:
        """Return what was kept; raise `NotSignedInError`."""
        value = _kept(place())
        fields = {name: value.get(name) for name in _FIELDS}
        if value.get("version") != VERSION or not all(isinstance(text, str) for text in fields.values()):
            raise NotSignedInError("the profile is none of this version: sign in again (consentry login)")
        return cls(**{name: str(text) for name, text in fields.items()})


def place() -> Path:
    """Return the profile's file: in $XDG_CONFIG_HOME where that is absolute, else in ~/.config."""
    named = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".config") / "consentry" / "profile.json"


def _kept(path: Path) -> Mapping[str, object]:
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(_LARGEST))
    except FileNotFoundError as error:
        raise NotSignedInError("nobody is signed in: consentry login --key FILE") from error
    except (OSError, ValueError, RecursionError) as error:
        raise NotSignedInError("the profile cannot be read: sign in again (consentry login)") from error
    return value if isinstance(value, dict) else {}
