"""What a request about one person must bring: the patient's own signature, or two different operators'."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from consent.domain.errors import ConsentError
from consent.domain.hashing import Json
from consent.domain.key_history import OPERATORS_NEEDED, KeyHistory, KeyJudge
from consent.domain.operators import KeyVerifier, Register
from consent.domain.request_file import Authorisation, OperatorApprovals, PatientSignature, RequestFile
from consent.domain.subject_request import InvalidRequestError, RequestAction, SubjectRequest, untimely
from consent.domain.telling import said
from consent.domain.typed_data import Address, Recovery, SigningDomain
from consent.ports import AuditLog, Unit

_ENROL: Final = b'{"action":"enrol"'
_ERASE: Final = b'{"action":"erase"'
_OPERATOR: Final = b'{"action":"operator"'
"""How the entries begin that bear on who may ask (RFC 8785 sorts names)."""


class NotAuthorisedError(ConsentError):
    """The request is not authorised, and nothing was done; the message says what is missing."""


def subject_request(file: RequestFile, action: RequestAction) -> SubjectRequest:
    """Return the request of a file that must be for this; raise `NotAuthorisedError`."""
    request = file.request
    if not isinstance(request, SubjectRequest) or request.action is not action:
        raise NotAuthorisedError(f"the file holds another request: this needs one for {action.value}")
    return request


@dataclass(frozen=True, slots=True)
class Authorised:
    """By whom a request is authorised, and what its entry in the log must tell: the nonce, for it counts once."""

    by: Literal["patient", "operator"]
    facts: Mapping[str, Json]


@dataclass(slots=True)
class _Heard:
    """What the log says that bears on one request."""

    register: Register
    known: bool = False
    key: Address | None = None
    used: bool = False


@dataclass(frozen=True, slots=True)
class Authorising:
    """Judges requests to the installation whose log is `origin`; its patients sign in `domain`.

    Without `log_key`, the log's public key (32 bytes), no enrolment key takes the place of a person's first.
    """

    origin: str
    domain: SigningDomain
    recover: Recovery
    verify: KeyVerifier
    log_key: bytes | None = None

    def require(self, unit: Unit, request: SubjectRequest, authorisation: Authorisation, now: datetime) -> Authorised:
        """Return who authorised the request; raise `NotAuthorisedError`.

        Call it in the transaction that writes the entry, with the facts that it returns: that uses the nonce up.
        Enrolment keys in force and operators are those of the log, whatever a column says.
        """
        heard = self._heard(unit.log, request)
        refusal = self._untimely(request, heard, now) or self._unsigned(request, authorisation, heard)
        if refusal:
            raise NotAuthorisedError(refusal)
        return _authorised(request, authorisation)

    def still_holds(self, unit: Unit, index: int) -> bool:
        """Say whether what the log says at `index` was asked for by who may: checked again, on the log up to there."""
        [entry] = unit.log.entries(index, index + 1)
        try:
            request, authorisation = _said_then(said(entry) or {}, self.origin)
        except (InvalidRequestError, KeyError, TypeError, ValueError):
            return False
        return not self._unsigned(request, authorisation, self._heard(unit.log, request, index))

    def _untimely(self, request: SubjectRequest, heard: _Heard, now: datetime) -> str:
        if request.origin != self.origin:
            return "the request is to another installation: have it made for this one"
        if heard.used:
            return "this request was used before: have a new one made"
        if not heard.known:
            return "no such subject is enrolled here: check the id"
        return untimely(request.requested, int(now.timestamp()))

    def _unsigned(self, request: SubjectRequest, authorisation: Authorisation, heard: _Heard) -> str:
        if isinstance(authorisation, OperatorApprovals):
            message = request.signed_bytes()
            count = len(heard.register.approvers(message, authorisation))
            if count >= OPERATORS_NEEDED:
                return ""
            missing = f"{OPERATORS_NEEDED} different registered operators must approve the request: {count} did"
            return missing + heard.register.uncounted(message, authorisation)
        if heard.key is None:
            return "this patient has no enrolment key: two operators must approve the request"
        by_patient = self.recover(request.digest(self.domain), authorisation.signature) == heard.key
        return "" if by_patient else "the patient's enrolment key did not sign this request: have it signed again"

    def _heard(self, log: AuditLog, request: SubjectRequest, last: int | None = None) -> _Heard:
        """Read the log once; no text in canonical JSON can look like the member that names a nonce."""
        heard, keys = _Heard(Register(self.origin, self.verify)), KeyHistory(self.judge())
        nonce, subject = f'"nonce":"{request.nonce}"'.encode(), f'"subject":"{request.subject}"'.encode()
        for entry in log.entries(0, last):
            heard.register.take(entry)
            heard.used = heard.used or nonce in entry.body
            if entry.body.startswith(_ENROL) and subject in entry.body:
                heard.known = True
            if entry.body.startswith(_OPERATOR) or (entry.body.startswith((_ENROL, _ERASE)) and subject in entry.body):
                keys.take(entry)
        heard.key = keys.newest(request.subject)
        return heard

    def judge(self) -> KeyJudge | None:
        """Return what changes of keys are held against, None where the log's key is not known."""
        if self.log_key is None:
            return None
        return KeyJudge(self.origin, self.log_key, self.domain, self.recover, self.verify)


def _authorised(request: SubjectRequest, authorisation: Authorisation) -> Authorised:
    facts: dict[str, Json] = {"requested": request.requested, "nonce": request.nonce}
    if isinstance(authorisation, PatientSignature):
        return Authorised("patient", facts | {"patient": authorisation.signature.hex()})
    approvals: list[Json] = [[name, signature.hex()] for name, signature in authorisation.approvals]
    return Authorised("operator", facts | {"approvals": approvals})


def _said_then(body: Mapping[str, Any], origin: str) -> tuple[SubjectRequest, Authorisation]:
    """Read a request and its authorisation out of its entry; raises what reading a malformed one raises."""
    facts = body["facts"]
    action = {"erase": RequestAction.ERASE, "access": RequestAction.ACCESS}[body["action"]]
    request = SubjectRequest(action, body["subject"], origin, facts["requested"], facts["nonce"])
    if "patient" in facts:
        return request, PatientSignature(bytes.fromhex(facts["patient"]))
    return request, OperatorApprovals(tuple((name, bytes.fromhex(signature)) for name, signature in facts["approvals"]))
