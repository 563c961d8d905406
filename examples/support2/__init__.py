"""SUPPORT2: 9,105 critically ill adults as FHIR R4 Bundles, and the dictionary that turns them into features."""

from importlib.resources import files

from examples.support2.mapping import INDEX, bundle, bundles

__all__ = ["INDEX", "bundle", "bundles", "dictionary_text"]


def dictionary_text() -> str:
    """Return the text of `dictionary.toml`, for `analytics.Dictionary.parse`."""
    return (files(__package__) / "dictionary.toml").read_text(encoding="utf-8")
