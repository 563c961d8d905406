"""What every answer of a site says to the browser: run and show nothing but our own, tell nobody, keep nothing.

    secure(app, form_targets=["http://sign.localhost:8000"], scripts=True)

In a template `nonce` is this answer's, and `asset("portal.css")` is where a static file stands: its address holds a
hash of its bytes, so that browsers may keep it. Content Security Policy Level 3, https://www.w3.org/TR/CSP3/.
"""

import secrets
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Final

from flask import Flask, Response, g, request

SECURITY_HEADERS: Final = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""The same on every answer of every site."""

POLICY: Final = "Content-Security-Policy"
A_YEAR: Final = 31_536_000
_NONCE_BYTES: Final = 16
_VERSION_DIGITS: Final = 16
_NEVER: Final = ("camera", "microphone", "geolocation", "payment", "usb", "serial", "display-capture")
_PASSKEYS: Final = ("publickey-credentials-get", "publickey-credentials-create")


def secure(app: Flask, *, form_targets: Iterable[str] = (), scripts: bool, passkeys: bool = False) -> None:
    """Put the headers on all that `app` answers.

    Args:
        app: the site; it must have its static folder.
        form_targets: other origins that a form's answer may lead to, such as "https://sign.example".
        scripts: whether pages may run scripts that carry the answer's nonce; without it none runs.
        passkeys: whether pages may ask for passkeys: on the signing origin only.
    """
    targets = ("'self'", *form_targets)
    permissions = _permissions(passkeys=passkeys)

    @lru_cache
    def version(filename: str) -> str:
        content = Path(str(app.static_folder), filename).read_bytes()
        return sha256(content).hexdigest()[:_VERSION_DIGITS]

    @app.template_global()
    def asset(filename: str) -> str:
        # Not `url_for`: under a name that is not ours, where only a problem is shown, Flask builds no addresses.
        return f"{app.static_url_path}/{filename}?v={version(filename)}"

    @app.context_processor
    def _nonce_of_answer() -> dict[str, str]:
        return {"nonce": _nonce()}

    @app.after_request
    def _secure(response: Response) -> Response:
        response.headers.update(SECURITY_HEADERS)
        if POLICY not in response.headers:  # a document that stands for itself has a stricter one of its own
            response.headers[POLICY] = _policy(targets, _nonce() if scripts else None)
        response.headers["Permissions-Policy"] = permissions
        response.headers["Cache-Control"] = "no-store"
        if response.status_code in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED) and _names_its_bytes(version):
            response.headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
        if request.is_secure:
            response.headers["Strict-Transport-Security"] = f"max-age={A_YEAR}"
        return response


def _names_its_bytes(version: Callable[[str], str]) -> bool:
    """Say whether the request is for a static file under the hash of what it holds now."""
    if request.endpoint != "static" or not request.view_args:
        return False
    return request.args.get("v") == version(str(request.view_args["filename"]))


def _policy(form_targets: Iterable[str], nonce: str | None) -> str:
    script = f"'nonce-{nonce}'" if nonce else "'none'"
    parts = (
        "default-src 'none'",
        f"script-src {script}",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        f"form-action {' '.join(form_targets)}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
    return "; ".join(parts)


def _permissions(*, passkeys: bool) -> str:
    own = "(self)" if passkeys else "()"
    return ", ".join([*(f"{name}=()" for name in _NEVER), *(f"{name}={own}" for name in _PASSKEYS)])


def _nonce() -> str:
    """Return this answer's nonce: 16 random bytes, base64url, drawn when first asked for."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(_NONCE_BYTES)
    return str(g.nonce)
