"""What the installation shows over HTTP: the auditors' door to the log, and how the deployment is doing.

Neither needs a secret or shows one.
"""

from flask import Flask, Response

from consent.ports import Store
from consent.services.health import Health
from consent.web.auditor import auditor_pages
from consent.web.health import health_pages

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create_app(store: Store, origin: str, public_key: bytes, health: Health | None = None) -> Flask:
    """Return the web application over one installation's records database; `public_key` is the log's, 32 bytes.

    Without `health`, as where an auditor serves a copy of a folder, it does not say how a deployment is doing.
    """
    app = Flask(__name__)
    # Under any other name a page from elsewhere could read the log, by pointing its own name at this machine.
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]
    app.register_blueprint(auditor_pages(store, origin, public_key))
    if health:
        app.register_blueprint(health_pages(health))

    @app.after_request
    def _secure(response: Response) -> Response:
        response.headers.update(SECURITY_HEADERS)
        return response

    return app
