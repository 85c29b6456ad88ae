"""E-mail against a real SMTP server: TLS, login, refusals, one message for many images."""

import email
import email.policy
import socket
import ssl
import time

import photos
import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from waiting import until

RULES = """
[server]
buckets = ["photos"]

[[rules]]
name = "catalogue"
bucket = "photos"
"""


class Inbox:
    """Takes every message, after it has said each of `refusals` once."""

    def __init__(self, *refusals):
        self.messages = []
        self.receivers = []
        self.refusals = list(refusals)

    async def handle_DATA(self, server, session, envelope):
        if self.refusals:
            return self.refusals.pop(0)
        self.messages.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        self.receivers.append(envelope.rcpt_tos)
        return "250 queued"


def free_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority: (its file, a TLS context for localhost)."""
    ca = trustme.CA()
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    return path, context


@pytest.fixture
def smtp():
    """`smtp(inbox, **settings of aiosmtpd)` starts a mail server; gives its port."""
    controllers = []

    def start(inbox, port=None, **settings):
        controller = Controller(inbox, hostname="127.0.0.1", port=port or free_port(), **settings)
        controller.start()
        controllers.append(controller)
        return controller.port

    yield start
    for controller in controllers:
        controller.stop()


def configured(port, smtp="", target='to = ["ann@example.com"]', host="127.0.0.1"):
    mail = f'[smtp]\nserver = "{host}:{port}"\nfrom = "Minilab <minilab@example.com>"\n{smtp}\n'
    on = '["image.processed", "image.failed"]'
    return f"{RULES}\n{mail}\n[[notifications]]\non = {on}\nemail = {{ {target} }}\n"


def put(server, key, body=None):
    server.s3().put_object(Bucket="photos", Key=key, Body=photos.jpeg(200, 100) if body is None else body)


def first(inbox):
    return until(lambda: inbox.messages and inbox.messages[0], "an e-mail")


def test_an_image_is_told_in_plain_text(serve, smtp):
    inbox = Inbox()
    server = serve(config=configured(smtp(inbox), 'tls = "none"', 'to = ["Ann <ann@example.com>", "bob@example.com"]'))
    put(server, "2026/käse.jpg")
    message = first(inbox)
    assert message["Subject"] == "Processed: photos/2026/käse.jpg"
    assert message["From"] == "Minilab <minilab@example.com>"
    assert message["Message-ID"].endswith("@example.com>")
    assert inbox.receivers == [["ann@example.com", "bob@example.com"]]
    assert message.get_content_type() == "text/plain"
    assert "photos/2026/käse.jpg" in message.get_content()


def test_a_failure_says_why(serve, smtp):
    inbox = Inbox()
    server = serve(config=configured(smtp(inbox), 'tls = "none"'))
    put(server, "bad.jpg", b"this is no image")
    message = first(inbox)
    assert message["Subject"] == "Failed: photos/bad.jpg"
    assert "not_an_image" in message.get_content()


def test_a_key_cannot_add_headers(serve, smtp):
    inbox = Inbox()
    server = serve(config=configured(smtp(inbox), 'tls = "none"'))
    put(server, "a\r\nBcc: eve@example.com\r\n\r\nhello.jpg")
    message = first(inbox)
    assert message["Bcc"] is None
    assert inbox.receivers == [["ann@example.com"]]
    assert "\\r\\nBcc: eve@example.com" in message["Subject"].replace("\n ", " ")


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_login_over_tls(serve, smtp, authority, tls):
    ca, context = authority
    inbox = Inbox()
    logins = []

    def authenticator(server, session, envelope, mechanism, data):
        logins.append((session.ssl is not None or tls == "tls", data))
        right = isinstance(data, LoginPassword) and data.password == b"s3cret-pass"
        # Not handled: the server is to say 535 itself.
        return AuthResult(success=right, handled=right)

    settings = {"authenticator": authenticator, "auth_required": True}
    if tls == "tls":
        settings |= {"ssl_context": context, "auth_require_tls": False}
    else:
        settings |= {"tls_context": context, "require_starttls": True}
    port = smtp(inbox, **settings)
    login = f'tls = "{tls}"\nusername = "me"\npassword_env = "MAIL_PASSWORD"'
    variables = {"MAIL_PASSWORD": "s3cret-pass", "SSL_CERT_FILE": str(ca)}
    server = serve(config=configured(port, login, host="localhost"), variables=variables)
    put(server, "a.jpg")
    assert first(inbox)["Subject"] == "Processed: photos/a.jpg"
    assert logins and all(encrypted for encrypted, _ in logins)
    assert logins[0][1].login == b"me"
    assert "s3cret-pass" not in server.output()


def test_a_wrong_password_is_told_and_not_shown(serve, smtp):
    def authenticator(server, session, envelope, mechanism, data):
        return AuthResult(success=False, handled=False)

    inbox = Inbox()
    port = smtp(inbox, authenticator=authenticator, auth_required=True, auth_require_tls=False)
    login = 'tls = "none"\nusername = "me"\npassword_env = "MAIL_PASSWORD"'
    server = serve(config=configured(port, login), variables={"MAIL_PASSWORD": "wr0ng-pass"})
    put(server, "a.jpg")
    until(lambda: "535" in server.output(), "the log to say why")
    assert inbox.messages == []
    assert "wr0ng-pass" not in server.output()


def test_a_certificate_that_nobody_vouches_for_is_not_taken(serve, smtp, authority):
    inbox = Inbox()
    port = smtp(inbox, tls_context=authority[1], require_starttls=True)
    server = serve(config=configured(port, host="localhost"))
    put(server, "a.jpg")
    until(lambda: "certificate" in server.output().lower(), "the log to say why")
    assert inbox.messages == []


def test_nothing_goes_in_the_clear_where_the_server_has_no_tls(serve, smtp):
    inbox = Inbox()
    server = serve(config=configured(smtp(inbox)))
    put(server, "a.jpg")
    until(lambda: "STARTTLS" in server.output(), "the log to say why")
    assert inbox.messages == []


def test_a_server_that_says_later_is_tried_again(serve, smtp):
    inbox = Inbox("451 later", "452 still later")
    server = serve(config=configured(smtp(inbox), 'tls = "none"'))
    put(server, "a.jpg")
    assert first(inbox)["Subject"] == "Processed: photos/a.jpg"
    assert "451" in server.output()


def test_a_server_that_was_away_gets_it_later(serve, smtp, processed):
    inbox = Inbox()
    port = free_port()
    server = serve(config=configured(port, 'tls = "none"'))
    put(server, "a.jpg")
    processed(server, "a.jpg")
    smtp(inbox, port=port)
    assert first(inbox)["Subject"] == "Processed: photos/a.jpg"


def test_a_digest_tells_many_at_once(serve, smtp, processed):
    inbox = Inbox()
    target = 'to = ["ann@example.com"], digest_minutes = 1'
    server = serve(config=configured(smtp(inbox), 'tls = "none"', target))
    # A digest's windows begin with the clock's minutes: what is told together must be put within one.
    until(lambda: time.time() % 60 < 30, "a minute that has just begun", seconds=40, every=0.2)
    for key in ("a.jpg", "b.jpg", "c.jpg"):
        put(server, key)
        processed(server, key)
    put(server, "bad.jpg", b"this is no image")
    processed(server, "bad.jpg", state="failed")
    # The minute of the digest, and time to spare.
    message = until(lambda: inbox.messages and inbox.messages[0], "the digest", seconds=150, every=0.2)
    assert message["Subject"] == "3 images processed, 1 failed in photos"
    text = message.get_content()
    assert all(f"photos/{key}" in text for key in ("a.jpg", "b.jpg", "c.jpg", "bad.jpg"))
