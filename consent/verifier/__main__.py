"""Check an evidence bundle on a machine of your own.

    python -m consent.verifier BUNDLE.zip --policy auditor.toml [--receipts FILE] [--json]

Install it there with what verifier.lock pins, and nothing else of what Consentry needs:

    pip install --require-hashes --no-deps -r verifier.lock
    pip install --no-deps consentry

It needs no network, unless the policy names a node, and nothing of the installation but the bundle. It exits with 0
when nothing fails, 6 when something does, which the last line on standard error names, 4 when the bundle cannot be
read, and 2 when it was called wrongly or the policy is none.
"""

import sys

from consent.verifier.command import main

if __name__ == "__main__":
    sys.exit(main())
