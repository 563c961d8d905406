"""Loading a library without what it would load beside itself and nobody here uses."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unseen(name: str) -> Iterator[None]:
    """Let what is imported in here find no module `name`, unless that is loaded already; afterwards all may."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # what makes an import fail (importlib, "The module cache")
    try:
        yield
    finally:
        sys.modules.pop(name, None)
