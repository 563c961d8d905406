"""How deep a program may nest: py_ecc, py-evm and eth-account raise Python's own limit to 100,000 on their import.

At that depth `json.loads` of a stranger's brackets runs over the end of the stack and takes the process with it, where
at Python's own limit it raises `RecursionError`. Whoever imports one of them, or web3 or eth-tester, which do, calls
`limit_nesting` behind its imports.
"""

import sys
from typing import Final

DEEPEST: Final = 1000
"""Python's own limit."""


def limit_nesting() -> None:
    """Set the limit to `DEEPEST` again."""
    sys.setrecursionlimit(DEEPEST)
