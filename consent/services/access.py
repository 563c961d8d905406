"""Access and portability (GDPR 15 and 20): all of one person's records as a FHIR Bundle, for that person only.

    {"resourceType": "Bundle", "type": "collection", "timestamp": "…", "entry": [{"resource": …}, …]}

Every version that is kept is in it, also what was replaced or withdrawn; each resource is the bytes that came in. An
attachment follows its resource as a Binary, and streams: in memory are the other resources and one part of one file.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Final

from consent.domain.entry import PERMIT, Action, Entry
from consent.domain.errors import ConsentError
from consent.domain.request_file import RequestFile
from consent.domain.subject_request import RequestAction
from consent.domain.terms import Category, SubjectId
from consent.ports import Store, Unit
from consent.services.authorising import Authorising, subject_request
from consent.services.book import ConsentBook
from consent.services.log import Log
from vault import Access, Admission, Admitted, History, Refused, Vault

_ALL: Final = frozenset(category.value for category in Category)
_AT_ONCE: Final = 192 * 1024
"""How many bytes of a file are written in base64 at once."""
_BLOCKED: Final = "this person asked to be erased: nothing of theirs is opened any more"


class BlockedPersonError(ConsentError):
    """This person asked to be erased: nothing of theirs is opened any more; their own copy is what they took before."""


@dataclass(frozen=True, slots=True)
class OwnRecords:
    """Gives a person all of their records."""

    store: Store
    vault: Vault
    book: ConsentBook
    log: Log
    authorising: Authorising
    clock: Callable[[], datetime]

    def bundle(self, file: RequestFile) -> Iterator[bytes]:
        """Yield a FHIR R4 Bundle as pieces of JSON; its entry is in the log before the first record is opened.

        Raises `NotAuthorisedError` or `BlockedPersonError`, having opened nothing; `KeyNotFoundError` or
        `KeyDamagedError` before the entry, so that the request still counts once the key is back.
        """
        gate = self._admitted(file)
        return self._pieces(gate)

    def _admitted(self, file: RequestFile) -> "OwnGate":
        """Write the answer to the log; a request that may be made counts once, whatever the answer."""
        request = subject_request(file, RequestAction.ACCESS)
        subject, time = request.subject, int(self.clock().timestamp())
        with self.store.begin() as unit:
            self.book.follow(unit)
            authorised = self.authorising.require(unit, request, file.authorisation, self.clock())
            blocked = subject in self.book.blocked
            if not blocked:
                self.vault.keys.unwrap([subject])  # raises here, where nothing is used up yet
            entry = Entry(
                time,
                authorised.by,
                Action.ACCESS,
                "BLOCKED" if blocked else PERMIT,
                subject,
                categories=() if blocked else tuple(sorted(_ALL)),
                facts=authorised.facts,
            )
            self.log.append(unit, [entry])
        if blocked:
            raise BlockedPersonError(_BLOCKED)
        return OwnGate(subject)

    def _pieces(self, gate: "OwnGate") -> Iterator[bytes]:
        """Yield the Bundle; raise `BlockedPersonError` before its first piece where they asked since the answer.

        All but the files is opened by then too: what is damaged fails with nothing given out.
        """
        stamp = f"{self.clock().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        with self.store.reading() as unit:
            self.book.follow(unit)
            if gate.subject in self.book.blocked:
                raise BlockedPersonError(_BLOCKED)
            resources = self._resources(unit, gate)
            first = list(islice(resources, 1))
            yield b'{"resourceType":"Bundle","type":"collection","timestamp":"%s"' % stamp.encode()
            between, end = b',"entry":[', b"}\n"  # FHIR's JSON has no empty lists
            for resource in chain(first, resources):
                yield between + b'{"resource":'
                yield from resource
                yield b"}"
                between, end = b",", b"]}\n"
            yield end

    def _resources(self, unit: Unit, gate: "OwnGate") -> Iterator[Iterable[bytes]]:
        """Yield each resource as pieces of JSON, the files behind a DocumentReference after it."""
        access = Access("patient", "", "access", frozenset(), _ALL)
        kept = self.vault.history(unit.connection, gate, access, gate.subject)
        for version in kept.versions if isinstance(kept, History) else ():
            yield from ([line] for line in version.content.splitlines())
            if version.parts:
                place = (gate.subject, version.record_id, version.version)
                stream = self.vault.read_attachment(unit.connection, gate, access, *place)
                if not isinstance(stream, Refused):
                    yield _binary(version.content, stream)


@dataclass(frozen=True, slots=True)
class OwnGate:
    """Repeats an answer that is in the log already: the log is written in one transaction, read in another."""

    subject: SubjectId
    categories: frozenset[str] = _ALL

    def admit(self, subjects: Sequence[str], _access: Access) -> Admission:
        """Admit the subject to these categories, of any day, and nobody else."""
        own, other = Admitted(self.categories, None, None, b""), Refused("SUBJECT")
        return {subject: own if subject == self.subject else other for subject in subjects}


def _binary(header: bytes, stream: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a FHIR Binary of the bytes behind a DocumentReference, in base64."""
    [content] = json.loads(header)["content"]
    attachment = content["attachment"]
    said = {
        "resourceType": "Binary",
        "id": attachment["url"].partition("/")[2],
        "contentType": attachment["contentType"],
    }
    yield json.dumps(said)[:-1].encode() + b',"data":"'
    yield from _base64(stream)
    yield b'"}'


def _base64(stream: Iterable[bytes]) -> Iterator[bytes]:
    """Encode a stream; pieces that can follow each other are of whole triples of bytes, which need no padding."""
    held = b""
    for piece in stream:
        for start in range(0, len(piece), _AT_ONCE):
            held += piece[start : start + _AT_ONCE]
            whole = len(held) - len(held) % 3
            yield base64.b64encode(held[:whole])
            held = held[whole:]
    yield base64.b64encode(held)
