"""Passkeys through py_webauthn. The relying party's id is the host of the signing origin, and of no other page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import webauthn
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from consent.ports import CheckedPasskey, InvalidPasskeyError

NAME: Final = "Consentry"
USER_NAME: Final = "My health records"
"""What a phone shows beside a patient's passkey; it names nobody."""
_REFUSAL: Final = "your key's answer does not hold: try once more, or use your recovery code"


@dataclass(frozen=True, slots=True)
class WebAuthn:
    """`Passkeys` of one relying party: its host, the one origin that may ask, and what a device shows beside a key."""

    host: str
    origin: str
    user_name: str = USER_NAME

    def creation(self, challenge: bytes, user: bytes, known: Sequence[bytes] = ()) -> dict[str, Any]:
        """Return the options of a new passkey, which no device with a known one makes."""
        options = webauthn.generate_registration_options(
            rp_id=self.host,
            rp_name=NAME,
            user_name=self.user_name,
            user_display_name=self.user_name,
            user_id=user,
            challenge=challenge,
            exclude_credentials=[PublicKeyCredentialDescriptor(id=credential) for credential in known],
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
        )
        return _as_json(options)

    def request(self, challenge: bytes, credentials: Sequence[bytes] = ()) -> dict[str, Any]:
        """Return the options of using a passkey."""
        options = webauthn.generate_authentication_options(
            rp_id=self.host,
            challenge=challenge,
            allow_credentials=[PublicKeyCredentialDescriptor(id=credential) for credential in credentials],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return _as_json(options)

    def created(self, answer: Mapping[str, Any], challenge: bytes) -> CheckedPasskey:
        """Check a new passkey."""
        try:
            checked = webauthn.verify_registration_response(
                credential=dict(answer),
                expected_challenge=challenge,
                expected_rp_id=self.host,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except Exception as error:  # whatever a stranger's bytes raise in the library, CBOR and ASN.1 included
            raise InvalidPasskeyError(_REFUSAL) from error
        return CheckedPasskey(checked.credential_id, checked.credential_public_key, checked.sign_count)

    def credential(self, answer: Mapping[str, Any]) -> bytes:
        """Return which credential an answer names."""
        try:
            return base64url_to_bytes(answer["rawId"])
        except Exception as error:  # whatever a stranger's bytes raise in the library, CBOR and ASN.1 included
            raise InvalidPasskeyError(_REFUSAL) from error

    def used(self, answer: Mapping[str, Any], challenge: bytes, public_key: bytes, count: int) -> int:
        """Check the use of a passkey."""
        try:
            checked = webauthn.verify_authentication_response(
                credential=dict(answer),
                expected_challenge=challenge,
                expected_rp_id=self.host,
                expected_origin=self.origin,
                credential_public_key=public_key,
                credential_current_sign_count=count,
                require_user_verification=True,
            )
        except Exception as error:  # whatever a stranger's bytes raise in the library, CBOR and ASN.1 included
            raise InvalidPasskeyError(_REFUSAL) from error
        return checked.new_sign_count


def _as_json(options: Any) -> dict[str, Any]:  # noqa: ANN401  # the library's two kinds of options
    return dict(json.loads(webauthn.options_to_json(options)))
