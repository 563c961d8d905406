"""What the installation shows over HTTP. Today: the auditors' door to the log, which needs no secret and shows none."""

from flask import Flask, Response

from consent.ports import Store
from consent.web.auditor import auditor_pages

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create_app(store: Store, origin: str, public_key: bytes) -> Flask:
    """Return the web application over one installation's records database; `public_key` is the log's, 32 bytes."""
    app = Flask(__name__)
    # Under any other name a page from elsewhere could read the log, by pointing its own name at this machine.
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]
    app.register_blueprint(auditor_pages(store, origin, public_key))

    @app.after_request
    def _secure(response: Response) -> Response:
        response.headers.update(SECURITY_HEADERS)
        return response

    return app
