"""What each answer tells the browser: which script may run, where forms may go, that nothing is kept.

The policy is Content Security Policy Level 3 with a nonce for each answer. `form-action` is asked again for each
redirect of a form, so that it names the other origin too.
"""

import secrets
from collections.abc import Sequence
from typing import Final

from flask import Flask, Response, g, request

FIXED: Final = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_YEAR: Final = 31_536_000


def secure(app: Flask, form_targets: Sequence[str] = (), *, passkeys: bool = False) -> None:
    """Set these headers on every answer of an application.

    `form_targets` are the other origins that forms may lead to; `passkeys` says whether pages may use them.
    """
    forms = " ".join(["'self'", *form_targets])
    key = "(self)" if passkeys else "()"
    permissions = f"publickey-credentials-get={key}, publickey-credentials-create={key}, camera=(), geolocation=()"

    @app.before_request
    def _draw() -> None:
        g.nonce = secrets.token_urlsafe(16)

    @app.context_processor
    def _nonce() -> dict[str, str]:
        return {"nonce": g.nonce}

    @app.after_request
    def _secured(response: Response) -> Response:
        response.headers.update(FIXED)
        response.headers["Permissions-Policy"] = permissions
        response.headers["Content-Security-Policy"] = _policy(forms)
        static = request.endpoint == "static" and response.status_code in {200, 304}
        response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable" if static else "no-store"
        if request.is_secure:
            response.headers["Strict-Transport-Security"] = f"max-age={2 * _YEAR}; includeSubDomains"
        return response


def _policy(forms: str) -> str:
    return (
        f"default-src 'none'; script-src 'nonce-{g.get('nonce', secrets.token_urlsafe(16))}'; style-src 'self'; "
        f"img-src 'self' data:; connect-src 'self'; form-action {forms}; frame-ancestors 'none'; base-uri 'none'"
    )
