"""Texts that commands are given as files."""

from pathlib import Path

from consent.settings import SettingsError


def file_text(path: Path, what: str) -> str:
    """Return a file's text; raise `SettingsError`, which names `what` it was to be."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{what} cannot be read: name a file in UTF-8") from error
