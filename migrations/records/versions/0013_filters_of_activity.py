"""What a person filters their activity by is found by an index each: a filter that fits few lines reads few.

Indexes over the entries' own bytes: no column could say otherwise than the log. The place in them has a minus, so that
no database walks the log from its end instead, in the hope of meeting the person soon.
"""

from collections.abc import Sequence

from alembic import op

revision = "0013"
down_revision = "0012"

_SUBJECT = {
    "sqlite": """substr(body, instr(body, x'227375626a656374223a22') + 11, 32)""",
    "postgresql": """substring(body from position('\\x227375626a656374223a22'::bytea in body) + 11 for 32)""",
}
_PLACE = {"sqlite": "instr(body, x'{mark}')", "postgresql": "position('\\x{mark}'::bytea in body)"}
_PERMITTED = ('"verdict":"PERMIT","version":', '"verdict":"PREDICTED","version":')
_INDEXES: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "entries_of_uses": (_PERMITTED, ('{"action":"access","actor":', '{"action":"grant","actor":')),
    "entries_of_refusals": (
        ('{"action":"read","actor":', '{"action":"access","actor":', '{"action":"predict","actor":'),
        _PERMITTED,
    ),
    "entries_by_patient": (('"actor":"patient"',), ()),
    "entries_by_operator": (('"actor":"operator"',), ()),
    "entries_of_receipts": (tuple(f'{{"action":"{action}","actor":' for action in ("grant", "stop", "erase")), ()),
}
"""Of each index, marks of which an entry holds one, and those of which it holds none."""


def upgrade() -> None:
    kind = op.get_bind().dialect.name
    named = f'entries (({_SUBJECT[kind]}), (-"index"))'
    op.drop_index("entries_by_subject", "entries")
    op.execute(f"CREATE INDEX entries_by_subject ON {named}")
    for name, (having, lacking) in _INDEXES.items():
        held = " OR ".join(f"{_place(kind, mark)} > 0" for mark in having)
        lacked = "".join(f" AND {_place(kind, mark)} = 0" for mark in lacking)
        op.execute(f"CREATE INDEX {name} ON {named} WHERE ({held}){lacked}")


def _place(kind: str, mark: str) -> str:
    return _PLACE[kind].format(mark=mark.encode().hex())
