"""What the log says of a release's training: hashes that no cell of the database can say otherwise."""

import json

from consent.domain.entry import Action
from consent.domain.hashing import sha256
from consent.domain.manifest import Manifest
from consent.domain.telling import said
from consent.ports import AuditLog, StoredRelease


def logged_manifest(log: AuditLog, stored: StoredRelease) -> Manifest | None:
    """Return a release's manifest, None unless the log says that these model bytes were trained with it.

    All that it names by hash counts as it names it, whatever else the database says.
    """
    told = {
        "release": stored.release,
        "model": sha256(stored.model).hex(),
        "manifest": sha256(stored.manifest).hex(),
    }
    likely = log.saying({Action.TRAIN})
    for body in filter(None, map(said, likely)):
        facts = dict(body.get("facts") or {})
        if body.get("study") == stored.study and all(facts.get(name) == value for name, value in told.items()):
            return Manifest.from_json(json.loads(stored.manifest))
    return None
