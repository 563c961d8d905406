"""How deep a program may nest: py_ecc and py-evm raise Python's own limit to 100,000 as they are imported.

At that depth `json.loads` of a stranger's brackets runs over the end of the stack and takes the process with it, where
at Python's own limit it raises `RecursionError`. Whoever imports one of them calls `limit_nesting` behind its imports.
"""

import sys
from typing import Final

DEEPEST: Final = 1000
"""Python's own limit."""


def limit_nesting() -> None:
    """Set the limit to `DEEPEST` again."""
    sys.setrecursionlimit(DEEPEST)
