"""Entries about studies, counts, clients and keys are found by an index: they are few among a hospital's reads.

An index over the entries' own bytes: no column could say otherwise than the log.
"""

from alembic import op

revision = "0015"
down_revision = "0014"

_BEGINNING = {"sqlite": "substr(body, 1, 18)", "postgresql": "substring(body from 1 for 18)"}
_BYTES = {"sqlite": "x'{0}'", "postgresql": "'\\x{0}'::bytea"}
_ACTIONS = (
    "approve", "client", "count", "export", "keys", "ledger", "operator", "release", "retire", "review", "staff",
    "train",
)  # fmt: skip


def upgrade() -> None:
    kind = op.get_bind().dialect.name
    beginnings = [f'{{"action":"{action}","actor'.encode()[:18].hex() for action in _ACTIONS]
    listed = ", ".join(_BYTES[kind].format(one) for one in beginnings)
    begins = _BEGINNING[kind]
    op.execute(f'CREATE INDEX entries_by_action ON entries (({begins}), "index") WHERE {begins} IN ({listed})')
