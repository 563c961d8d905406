"""Paths of the API."""

from urllib.parse import quote

from consent.client.errors import UsageError


def at(*parts: str | int) -> str:
    """Return the path of some parts; raise `UsageError` for an empty one, which would name something else."""
    texts = [str(part) for part in parts]
    if not all(texts) or {".", ".."} & set(texts):
        raise UsageError("a name is missing: say which study, cohort, job or release is meant")
    return "/v1/" + "/".join(quote(text, safe="") for text in texts)


def named(study: str | None) -> str:
    """Return the study that is worked on; raise `UsageError` where none was named."""
    if not study:
        raise UsageError("no study is named: say which one when you sign in")
    return study
