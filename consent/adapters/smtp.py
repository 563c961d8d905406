"""Letters: to a mail server (SMTP, RFC 5321), or into a folder where nobody but the developer reads them.

    SmtpPost(MailServer.parse("smtps://anna:…@mail.example"), "portal@hospital.example", clock).send(to, subject, text)

A letter is handed over whole or not at all. No error repeats an address, a text or what the server answered, which may
hold them: only the server's three digits.
"""

import secrets
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Final

from consent.domain.errors import PostError
from consent.domain.mail import MailServer, address_host, require_subject
from vault.files import write_new

_PERMANENT: Final = 500
"""Replies from here on stand however often one asks (RFC 5321, section 4.2.1)."""


@dataclass(frozen=True, slots=True)
class SmtpPost:
    """A `Post` that hands letters to a mail server, which must take each before `send` returns.

    Attributes:
        server: where it is, and who signs in there.
        sender: from whom letters come.
        clock: gives their date.
        trust: which certificates of servers count; the system's own list where nothing else is said.
        seconds: how long one answer of the server may take.
    """

    server: MailServer
    sender: str
    clock: Callable[[], datetime]
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)
    seconds: float = 10

    def send(self, to: str, subject: str, text: str) -> None:
        """Hand over one letter; raise `PostError` or `InvalidMailError`."""
        letter = _letter(self.sender, to, subject, text, self.clock())
        with _translated(), self._connected() as line:
            line.send_message(letter, self.sender, [to])

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        # Our own name is the sender's: what the machine calls itself concerns nobody, and costs a look-up.
        name, server = address_host(self.sender), self.server
        if server.tls:
            line: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, name, timeout=self.seconds, context=self.trust
            )
        else:
            line = smtplib.SMTP(server.host, server.port, name, timeout=self.seconds)
        try:
            self._sign_in(line)
            yield line
            with suppress(OSError):  # the letter was taken: whether we part well changes nothing
                line.quit()
        finally:
            line.close()

    def _sign_in(self, line: smtplib.SMTP) -> None:
        line.ehlo_or_helo_if_needed()
        encrypted = self.server.tls
        if not encrypted and line.has_extn("starttls"):
            line.starttls(context=self.trust)
            line.ehlo_or_helo_if_needed()
            encrypted = True
        if self.server.user and not encrypted:
            raise PostError(
                "the mail server offers no TLS, so nobody signs in there: use smtps://, or see to the server"
            )
        if self.server.user:
            line.login(self.server.user, self.server.password)


@dataclass(frozen=True, slots=True)
class FolderPost:
    """A `Post` for development: each letter is a file `<time>-<random>.eml` in a folder, for its owner's eyes.

    The folder is made with its first letter.
    """

    folder: Path
    sender: str
    clock: Callable[[], datetime]

    def send(self, to: str, subject: str, text: str) -> None:
        """Keep one letter; raise `PostError` or `InvalidMailError`."""
        now = self.clock()
        letter = _letter(self.sender, to, subject, text, now)
        name = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.eml"
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            write_new(self.folder / name, letter.as_bytes())
        except OSError as error:
            raise PostError(f"the folder for letters cannot be written: {error.strerror}") from error


def _letter(sender: str, to: str, subject: str, text: str, now: datetime) -> EmailMessage:
    """Make a letter; an address or a subject of two lines would be a header of whoever wrote it."""
    address_host(to)
    require_subject(subject)
    letter = EmailMessage(SMTP)
    letter["From"], letter["To"], letter["Subject"] = sender, to, subject
    letter["Date"] = format_datetime(now)
    letter["Message-ID"] = make_msgid(domain=address_host(sender))
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers it
    letter.set_content(text)
    return letter


@contextmanager
def _translated() -> Iterator[None]:
    """Translate what smtplib and the system raise, with nothing of what was said."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as refused:
        raise PostError(_refusal(next(iter(refused.recipients.values()))[0])) from None
    except smtplib.SMTPAuthenticationError as error:
        raise PostError(
            f"the mail server refuses the user or the password ({error.smtp_code}): correct CONSENTRY_SMTP"
        ) from None
    except smtplib.SMTPResponseException as error:
        raise PostError(f"the mail server took no letter ({error.smtp_code}): try again later") from None
    except ssl.SSLCertVerificationError as error:
        raise PostError("the mail server's certificate is not trusted: nothing was sent, see to the server") from error
    except (OSError, UnicodeError) as error:
        raise PostError("the mail server cannot be reached or broke off: try again later") from error


def _refusal(code: int) -> str:
    if code >= _PERMANENT:
        return f"the mail server refuses this address ({code}): check it"
    return f"the mail server does not take mail for this address now ({code}): try again later"
