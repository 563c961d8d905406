"""A server is believed by its certificate, and nothing is sent to one that has none."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from consent.client import Consentry, ServerError


def certificate(where: Path, name: str) -> tuple[Path, Path]:
    """Write a key and a certificate that it signed itself, for one day and one host."""
    key, subject = Ed25519PrivateKey.generate(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None)
    )
    private, public = where / "key.pem", where / "certificate.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(made.public_bytes(Encoding.PEM))
    return private, public


@contextmanager
def answering(private: Path, public: Path, heard: list[str]) -> Iterator[int]:
    """Answer every request over TLS with nothing to read; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_error(503)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(("name", "trusted", "reached"), [
    ("localhost", True, True), ("localhost", False, False), ("other.example.org", True, False),
])  # fmt: skip
def test_only_a_server_with_a_certificate_of_its_name_that_is_trusted_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, trusted: bool, reached: bool
) -> None:
    private, public = certificate(tmp_path, name)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
    heard: list[str] = []
    with (
        answering(private, public, heard) as port,
        Consentry(f"https://localhost:{port}", token="t", patience=0) as api,
        pytest.raises(ServerError),
    ):
        api.me()
    assert heard == (["/v1/me"] if reached else [])
