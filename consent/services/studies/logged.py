"""What the log says of a release's training: hashes that no cell of the database can say otherwise."""

from collections.abc import Mapping
from typing import Any

from consent.domain.entry import Action
from consent.domain.hashing import sha256
from consent.ports import AuditLog, StoredRelease
from consent.services.acts import said

_BEGIN = f'{{"action":"{Action.TRAIN.value}"'.encode()
"""How the entry of a training begins (RFC 8785 sorts names)."""


def logged_facts(log: AuditLog, stored: StoredRelease) -> Mapping[str, Any]:
    """Return the facts of the entry that tells of this release and these model bytes, empty where there is none."""
    model = sha256(stored.model).hex()
    likely = [entry for entry in log.entries() if entry.body.startswith(_BEGIN) and model.encode() in entry.body]
    for body in filter(None, map(said, likely)):
        facts = dict(body.get("facts") or {})
        if (body.get("study"), facts.get("release"), facts.get("model")) == (stored.study, stored.release, model):
            return facts
    return {}
