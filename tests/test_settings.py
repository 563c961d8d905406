"""The web's settings: two origins that cannot reach each other, a number to ring, and a server for letters."""

import pytest

from consent.domain.mail import InvalidMailError, MailServer, address_host
from consent.settings import SettingsError, WebSettings

SERVED = {
    "CONSENTRY_PORTAL": "https://portal.hospital.example",
    "CONSENTRY_SIGNING": "https://sign.hospital.example",
    "CONSENTRY_API": "https://api.hospital.example",
    "CONSENTRY_TELEPHONE": "+1 555 010 0199",
}


def test_without_settings_the_portal_is_on_this_machine_and_signing_beside_it() -> None:
    settings = WebSettings.read(8123, {})
    assert (settings.portal, settings.signing) == ("http://localhost:8123", "http://sign.localhost:8123")
    assert (settings.portal_host, settings.signing_host) == ("localhost", "sign.localhost")
    assert (settings.api, settings.api_host) == ("http://api.localhost:8124", "api.localhost")
    assert (settings.telephone, settings.smtp, settings.mail_from, settings.proxies) == ("", "", "", 0)


def test_a_deployment_names_its_origins_its_telephone_and_its_mail() -> None:
    mail = {"CONSENTRY_SMTP": "smtps://anna:secret@mail.example", "CONSENTRY_MAIL_FROM": "portal@hospital.example"}
    settings = WebSettings.read(8000, SERVED | mail | {"CONSENTRY_PROXIES": "2"})
    assert settings.portal == "https://portal.hospital.example"
    assert settings.signing_host == "sign.hospital.example"
    assert (settings.telephone, settings.mail_from, settings.proxies) == (
        "+1 555 010 0199",
        "portal@hospital.example",
        2,
    )
    assert settings.smtp == mail["CONSENTRY_SMTP"]
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://Portal.Hospital.Example", "https://portal.hospital.example"),
        ("https://portal.hospital.example:443", "https://portal.hospital.example"),
        ("https://portal.hospital.example:08443", "https://portal.hospital.example:8443"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(written: str, origin: str) -> None:
    assert WebSettings.read(8000, SERVED | {"CONSENTRY_PORTAL": written}).portal == origin


@pytest.mark.parametrize("name", ["CONSENTRY_PORTAL", "CONSENTRY_SIGNING", "CONSENTRY_API"])
@pytest.mark.parametrize(
    "origin",
    [
        "portal.example",
        "ftp://portal.example",
        "https://portal.example/",
        "https://portal.example/start",
        "https://portal.example?a=1",
        "https://portal.example#a",
        "https://anna@portal.example",
        "https://portal.example:0",
        "https://portal.example:65536",
        "https://portal.example:port",
        "https://-portal.example",
        "https://portal..example",
        "https://192.0.2.7",
        "https://[::1]",
        "https://portal.example\nX: y",
        "https://pórtal.example",
        "http://portal.example",
        "http://notlocalhost",
        "http://localhost.example",
    ],
)
def test_an_origin_that_is_none_is_refused_by_name(name: str, origin: str) -> None:
    with pytest.raises(SettingsError, match=name):
        WebSettings.read(8000, SERVED | {name: origin})


@pytest.mark.parametrize(
    ("signing", "told"),
    [
        ("https://portal.hospital.example", "one host"),
        ("https://PORTAL.hospital.example:8443", "one host"),
        ("https://hospital.example", "above"),
        ("http://sign.localhost:8000", "both https"),
    ],
)
def test_signing_is_on_a_host_that_the_portal_cannot_speak_for(signing: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        WebSettings.read(8000, SERVED | {"CONSENTRY_SIGNING": signing})


@pytest.mark.parametrize(
    ("api", "told"),
    [
        ("https://portal.hospital.example", "one host"),
        ("https://sign.hospital.example:8443", "one host"),
        ("https://hospital.example", "CONSENTRY_API is a domain above CONSENTRY_PORTAL"),
        ("https://api.sign.hospital.example", "CONSENTRY_SIGNING is a domain above CONSENTRY_API"),
        ("http://api.localhost:8001", "CONSENTRY_PORTAL and CONSENTRY_API are both https"),
    ],
)
def test_the_api_is_on_a_host_whose_pages_can_use_no_other_passkeys(api: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        WebSettings.read(8000, SERVED | {"CONSENTRY_API": api})


def test_the_api_may_lie_below_the_portal() -> None:
    below = {"CONSENTRY_API": "https://api.portal.hospital.example"}
    assert WebSettings.read(8000, SERVED | below).api_host == "api.portal.hospital.example"


@pytest.mark.parametrize("number", ["", "  ", "call us", "+1\n2", "12", "<b>1234</b>"])
def test_a_portal_that_others_reach_has_a_number_to_ring(number: str) -> None:
    with pytest.raises(SettingsError, match="CONSENTRY_TELEPHONE"):
        WebSettings.read(8000, SERVED | {"CONSENTRY_TELEPHONE": number})


@pytest.mark.parametrize(
    "url",
    [
        "http://anna:secret@mail.example",
        "smtp://secret@mail.example",
        "smtp://anna:secret@mail.example/box",
        "smtp://anna:secret@mail.example:70000",
        "smtp://anna:sec ret@mail.example",
        "smtp://anna:secret\n@mail.example",
        "smtp://",
    ],
)
def test_a_mail_server_that_is_none_is_refused_and_never_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match="CONSENTRY_SMTP") as caught:
        WebSettings.read(8000, {"CONSENTRY_SMTP": url, "CONSENTRY_MAIL_FROM": "a@b.example"})
    assert "secret" not in str(caught.value)
    assert "mail.example" not in str(caught.value)


def test_letters_come_from_somebody() -> None:
    with pytest.raises(SettingsError, match="CONSENTRY_MAIL_FROM is missing"):
        WebSettings.read(8000, {"CONSENTRY_SMTP": "smtp://mail.example"})
    with pytest.raises(SettingsError, match="CONSENTRY_MAIL_FROM: a mail address"):
        WebSettings.read(8000, {"CONSENTRY_MAIL_FROM": "the hospital"})


@pytest.mark.parametrize("count", ["-1", "11", "one"])
def test_proxies_are_counted(count: str) -> None:
    with pytest.raises(SettingsError, match="CONSENTRY_PROXIES"):
        WebSettings.read(8000, {"CONSENTRY_PROXIES": count})


def test_a_mail_server_is_read_with_its_usual_port_and_what_its_password_stands_for() -> None:
    read = MailServer.parse("smtp://anna%40hospital.example:p%3Ass@mail.example")
    assert (read.host, read.port, read.tls) == ("mail.example", 587, False)
    assert (read.user, read.password) == ("anna@hospital.example", "p:ss")
    assert MailServer.parse("smtps://mail.example").port == 465
    assert "p:ss" not in repr(read)


@pytest.mark.parametrize(
    "address", ["", "anna", "anna@", "@a.example", "anna@b\nBcc: x@y.example", "anna@a.example ", "<anna@a.example>"]
)
def test_an_address_is_one_line_and_no_more(address: str) -> None:
    with pytest.raises(InvalidMailError):
        address_host(address)
    assert address_host("Anna.O'Neil+1@Hospital.example") == "hospital.example"
