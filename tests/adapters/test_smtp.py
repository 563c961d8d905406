"""Letters arrive at a real mail server or in a folder, whole; when something goes wrong nothing was sent.

The server of the tests is aiosmtpd, on a free port of this machine.
"""

import email
import socket
import ssl
from asyncio import WriteTransport
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Final

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from consent.adapters.smtp import FolderPost, SmtpPost
from consent.domain.errors import PostError
from consent.domain.mail import InvalidMailError, MailServer
from consent.ports import Post
from tests.mail_server import served

NOW: Final = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SENDER: Final = "portal@hospital.example"
PATIENT: Final = "wilhelmina@home.example"
TEXT: Final = "Your code is 4711.\n\nÄrztinnen never ask for it.\n.\nA line with one dot is no end.\n"


@dataclass
class Inbox:
    """What a server took, and how it answers."""

    letters: list[Envelope] = field(default_factory=list)
    recipient: str = "250 OK"
    content: str = "250 OK"

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's
        """Take or refuse a letter."""
        if self.content.startswith("250"):
            self.letters.append(envelope)
        return self.content


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for `localhost` that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(made - timedelta(days=1))
        .not_valid_after(made + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    file.write_bytes(secret + signed.public_bytes(pem))
    return file


@pytest.fixture
def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trust(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


def post(server: MailServer, trust: ssl.SSLContext | None = None) -> SmtpPost:
    return SmtpPost(server, SENDER, lambda: NOW, trust or ssl.create_default_context())


def only_anna(server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: LoginPassword) -> AuthResult:
    return AuthResult(success=login == LoginPassword(b"anna", b"secret"), handled=False)


def as_read(content: bytes) -> EmailMessage:
    letter = email.message_from_bytes(content, policy=default)
    assert isinstance(letter, EmailMessage)
    return letter


def require_whole(letter: EmailMessage) -> None:
    assert (letter["From"], letter["To"], letter["Subject"]) == (SENDER, PATIENT, "Ihr Zugang · your code")
    assert letter["Date"] == "Wed, 04 Mar 2026 05:06:07 +0000"
    assert letter["Message-ID"].endswith("@hospital.example>")
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter.get_content_type() == "text/plain"
    assert letter.get_content().replace("\r\n", "\n") == TEXT


def test_a_letter_arrives_whole_and_for_nobody_else(inbox: Inbox) -> None:
    with served(inbox) as server:
        post(server).send(PATIENT, "Ihr Zugang · your code", TEXT)
    (taken,) = inbox.letters
    assert (taken.mail_from, taken.rcpt_tos) == (SENDER, [PATIENT])
    assert isinstance(taken.content, bytes)
    require_whole(as_read(taken.content))


def test_a_letter_in_a_folder_is_the_same_and_its_owners(tmp_path: Path) -> None:
    FolderPost(tmp_path / "mail", SENDER, lambda: NOW).send(PATIENT, "Ihr Zugang · your code", TEXT)
    (file,) = (tmp_path / "mail").iterdir()
    assert file.name.startswith("20260304T050607-")
    assert file.suffix == ".eml"
    assert (file.stat().st_mode & 0o777, (tmp_path / "mail").stat().st_mode & 0o777) == (0o600, 0o700)
    require_whole(as_read(file.read_bytes()))


def test_letters_of_one_second_lie_beside_each_other(tmp_path: Path) -> None:
    for _ in range(3):
        FolderPost(tmp_path / "mail", SENDER, lambda: NOW).send(PATIENT, "Code", TEXT)
    assert len(list((tmp_path / "mail").iterdir())) == 3


def test_a_server_that_offers_tls_is_spoken_to_in_tls_before_anybody_signs_in(
    inbox: Inbox, server_side: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    options = {"tls_context": server_side, "require_starttls": True, "authenticator": only_anna, "auth_required": True}
    with served(inbox, **options) as server:
        post(replace(server, user="anna", password="secret"), trust).send(PATIENT, "Code", TEXT)
        with pytest.raises(PostError, match="refuses the user or the password") as caught:
            post(replace(server, user="anna", password="guessed"), trust).send(PATIENT, "Code", TEXT)
    assert len(inbox.letters) == 1
    assert "guessed" not in str(caught.value)


def test_tls_from_the_first_byte_works_too(inbox: Inbox, server_side: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    with served(inbox, ssl_context=server_side) as server:
        post(replace(server, tls=True), trust).send(PATIENT, "Code", TEXT)
    assert len(inbox.letters) == 1


def test_a_server_that_says_nothing_is_not_waited_for_long(inbox: Inbox, server_side: ssl.SSLContext) -> None:
    with served(inbox, ssl_context=server_side) as server, pytest.raises(PostError, match="try again later"):
        replace(post(server), seconds=0.2).send(PATIENT, "Code", TEXT)
    assert not inbox.letters


@pytest.mark.parametrize("tls", [True, False], ids=["smtps", "starttls"])
def test_a_certificate_that_nobody_vouches_for_gets_no_letter(
    inbox: Inbox, server_side: ssl.SSLContext, *, tls: bool
) -> None:
    with (
        served(inbox, **({"ssl_context": server_side} if tls else {"tls_context": server_side})) as server,
        pytest.raises(PostError, match="not trusted"),
    ):
        post(replace(server, tls=tls)).send(PATIENT, "Code", TEXT)
    assert not inbox.letters


def test_nobody_signs_in_without_tls(inbox: Inbox) -> None:
    with (
        served(inbox, authenticator=only_anna, auth_require_tls=False) as server,
        pytest.raises(PostError, match="offers no TLS") as caught,
    ):
        post(replace(server, user="anna", password="secret")).send(PATIENT, "Code", TEXT)
    assert not inbox.letters
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"recipient": "550 no wilhelmina here"}, r"refuses this address \(550\): check it"),
        ({"recipient": "450 greylisted, wilhelmina"}, r"this address now \(450\): try again later"),
        ({"content": "552 wilhelmina's box is full"}, r"took no letter \(552\): try again later"),
    ],
)
def test_a_refusal_is_told_by_its_number_and_names_nobody(changed: dict[str, str], told: str) -> None:
    inbox = Inbox([], **changed)
    with served(inbox) as server, pytest.raises(PostError, match=told) as caught:
        post(server).send(PATIENT, "Code", TEXT)
    assert not inbox.letters
    assert "wilhelmina" not in str(caught.value)


def test_a_server_that_is_down_asks_to_try_later(inbox: Inbox) -> None:
    with served(inbox) as server:
        pass
    with pytest.raises(PostError, match="try again later"):
        post(server).send(PATIENT, "Code", TEXT)


def test_a_server_that_hangs_up_at_the_end_has_taken_the_letter(inbox: Inbox) -> None:
    class Abrupt(SMTP):
        async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802  # aiosmtpd's name
            assert isinstance(self.transport, WriteTransport)
            self.transport.abort()

    class Hospital(Controller):
        def factory(self) -> SMTP:
            return Abrupt(self.handler)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Hospital(inbox, "127.0.0.1", port)
    controller.start()
    try:
        post(MailServer("localhost", port, tls=False)).send(PATIENT, "Code", TEXT)
    finally:
        controller.stop()
    assert len(inbox.letters) == 1


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(b"")
    with pytest.raises(PostError, match="cannot be written"):
        FolderPost(tmp_path / "mail", SENDER, lambda: NOW).send(PATIENT, "Code", TEXT)


@pytest.mark.parametrize("kind", ["server", "folder"])
@pytest.mark.parametrize(
    ("to", "subject"),
    [
        (f"{PATIENT}\nBcc: thief@elsewhere.example", "Code"),
        (f"{PATIENT}\r\n\r\nAnother text", "Code"),
        (f"{PATIENT}, thief@elsewhere.example", "Code"),
        (PATIENT, "Code\nBcc: thief@elsewhere.example"),
        (PATIENT, "Code\u2028and more"),
        (PATIENT, "Code\u202e"),
        (PATIENT, ""),
    ],
)
def test_nobody_writes_a_header_of_their_own(inbox: Inbox, tmp_path: Path, kind: str, to: str, subject: str) -> None:
    with served(inbox) as server:
        door: Post = post(server) if kind == "server" else FolderPost(tmp_path / "mail", SENDER, lambda: NOW)
        with pytest.raises(InvalidMailError):
            door.send(to, subject, TEXT)
    assert not inbox.letters
    assert not (tmp_path / "mail").exists()
