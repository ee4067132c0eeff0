"""A request to a receiver over real sockets: what comes of those that are slow, rude, or somebody else."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.harness.receiver import Behaviour, Receiver, answering, receiving
from tests.harness.stack import free_port
from ticketing.webhooks import sender
from ticketing.webhooks.models import Attempt
from ticketing.webhooks.sender import post
from ticketing.webhooks.targets import Target

BODY = b'{"type":"TicketCreated"}'
SECONDS = 1.0
IN_TIME = 2.5
"""Within which a request of one second is over, on a machine under load."""


@pytest.fixture
def someone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as receiver:
        monkeypatch.setenv("WEBHOOK_PRIVATE_ORIGINS", receiver.origin)
        yield receiver


def send(receiver: Receiver, behaviour: Behaviour, path: str = "/in", body: bytes = BODY) -> Attempt:
    receiver.behaviours[path] = behaviour
    return post(receiver.origin + path, body, {"webhook-id": "1"}, SECONDS)


def raw(*parts: bytes, pause: float = 0.0) -> Behaviour:
    """Write parts to the socket, one after the other, with a pause after each."""

    def behave(request: BaseHTTPRequestHandler) -> None:
        for part in parts:
            request.wfile.write(part)
            request.wfile.flush()
            time.sleep(pause)

    return behave


def test_what_is_sent_is_what_comes_in(someone: Receiver) -> None:
    attempt = send(someone, answering(202, b"thanks"), "/in?a=b", b'{"a": "\xc3\xbc"}' * 10_000)
    assert (attempt.status, attempt.error, attempt.response) == (202, None, "thanks")
    (request,) = someone.requests
    assert (request.path, request.body) == ("/in?a=b", b'{"a": "\xc3\xbc"}' * 10_000)
    assert request.headers["host"] == f"localhost:{someone.port}"
    assert request.headers["webhook-id"] == "1"


def test_a_redirect_is_an_answer_and_is_not_followed(someone: Receiver) -> None:
    attempt = send(someone, answering(302, Location=f"{someone.origin}/elsewhere"))
    assert (attempt.status, attempt.succeeded) == (302, False)
    assert [request.path for request in someone.requests] == ["/in"]


def test_of_a_large_body_the_beginning_is_kept_and_the_rest_not_read(someone: Receiver) -> None:
    written = []

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(10_000):
            request.wfile.write(b"x" * 65_536)
            written.append(1)

    attempt = send(someone, endless)
    assert (attempt.status, attempt.response) == (200, "x" * 1024)
    assert len(written) < 1000


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(lambda _: time.sleep(SECONDS * 3), id="silent"),
        pytest.param(raw(*[b"H"] * 30, pause=0.1), id="drips-its-first-line"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\n", *[b"A: b\r\n"] * 30, pause=0.1), id="drips-headers"),
        pytest.param(raw(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 30, pause=0.1), id="continues-and-continues"),
    ],
)
def test_one_who_is_slow_is_not_waited_for(someone: Receiver, behaviour: Behaviour) -> None:
    started = time.monotonic()
    attempt = send(someone, behaviour)
    assert time.monotonic() - started < IN_TIME
    assert (attempt.status, attempt.error, attempt.response) == (None, "no answer within 1 s", None)
    assert attempt.ms >= SECONDS * 1000


def test_a_body_that_drips_changes_nothing_about_the_status(someone: Receiver) -> None:
    started = time.monotonic()
    attempt = send(someone, raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b"x"] * 30, pause=0.1))
    assert time.monotonic() - started < IN_TIME
    assert (attempt.status, attempt.error) == (200, None)
    assert attempt.response
    assert set(attempt.response) == {"x"}


def test_one_who_reads_nothing_is_not_waited_for(someone: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than fits in the buffers of both sockets."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        origin = f"http://localhost:{server.getsockname()[1]}"
        monkeypatch.setenv("WEBHOOK_PRIVATE_ORIGINS", origin)
        started = time.monotonic()
        attempt = post(origin, bytes(50_000_000), {}, SECONDS)
        assert time.monotonic() - started < IN_TIME
    assert attempt.error == "no answer within 1 s"
    assert someone.requests == []


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        pytest.param(raw(b"SSH-2.0-OpenSSH_9.9\r\n"), "the answer is not HTTP", id="another-protocol"),
        pytest.param(raw(), "the connection failed", id="nothing"),
        pytest.param(raw(b"HTTP/1.1 abc\r\n\r\n"), "the answer is not HTTP", id="no-status"),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n"), "the answer is not HTTP", id="long-header"
        ),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n"), "the answer is not HTTP", id="many-headers"
        ),
    ],
)
def test_what_is_no_answer(someone: Receiver, behaviour: Behaviour, error: str) -> None:
    attempt = send(someone, behaviour)
    assert (attempt.status, attempt.error) == (None, error)


def test_a_body_that_breaks_off(someone: Receiver) -> None:
    attempt = send(someone, raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab"))
    assert (attempt.status, attempt.response) == (200, "ab")


def test_a_body_in_chunks_that_is_no_text(someone: Receiver) -> None:
    chunked = raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na\xff\r\n1\r\nb\r\n0\r\n\r\n")
    assert send(someone, chunked).response == "a\ufffdb"


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    origin = f"http://localhost:{free_port()}"
    monkeypatch.setenv("WEBHOOK_PRIVATE_ORIGINS", origin)
    attempt = post(origin, BODY, {})
    assert (attempt.status, attempt.error) == (None, "the connection was refused")


def test_where_nothing_may_be_sent_nothing_is(someone: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was allowed when the webhook was made may not be any more."""
    monkeypatch.delenv("WEBHOOK_PRIVATE_ORIGINS")
    assert post(f"{someone.origin}/in", BODY, {}).error == "must begin with https://"
    assert post(f"https://127.0.0.1:{someone.port}/in", BODY, {}).error is not None
    monkeypatch.setattr("ticketing.webhooks.targets._resolve", lambda _host, _port: ["127.0.0.1"])
    attempt = post(f"https://hooks.example.com:{someone.port}/in", BODY, {})
    assert attempt.error == "must lead to public addresses of the internet, and to no others"
    assert someone.requests == []


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for hooks.example.com, and return the file with it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.example.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example.com")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def secure(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Attempt]]:
    """Send by HTTPS to a name, whose checked address is this machine's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setattr(sender, "addresses_of", lambda _target, _seconds: ["127.0.0.1"])
    with receiving(context) as receiver:

        def send_to(name: str = "hooks.example.com", *, trusted: bool = True) -> Attempt:
            trust = ssl.create_default_context(cafile=str(certificate) if trusted else None)
            monkeypatch.setattr(sender, "_tls", lambda: trust)
            receiver.requests.clear()
            attempt = post(f"https://{name}:{receiver.port}/in", BODY, {}, 3)
            assert len(receiver.requests) == int(attempt.succeeded)
            if receiver.requests:
                assert receiver.requests[0].headers["host"] == f"{name}:{receiver.port}"
            return attempt

        yield send_to


def test_tls_is_with_the_name_and_the_connection_with_the_checked_address(secure: Callable[..., Attempt]) -> None:
    assert (secure().status, secure().error) == (200, None)


def test_a_certificate_of_another_name_is_not_accepted(secure: Callable[..., Attempt]) -> None:
    attempt = secure("other.example.com")
    assert attempt.error is not None
    assert attempt.error.startswith("the certificate is not accepted: ")


def test_a_certificate_of_nobody_known_is_not_accepted(secure: Callable[..., Attempt]) -> None:
    attempt = secure(trusted=False)
    assert attempt.error is not None
    assert attempt.error.startswith("the certificate is not accepted: ")


def test_what_speaks_no_tls(someone: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "addresses_of", lambda _target, _seconds: ["127.0.0.1"])
    attempt = post(f"https://hooks.example.com:{someone.port}/in", BODY, {}, 3)
    assert (attempt.status, attempt.error) == (None, "TLS failed")


def test_the_next_address_is_tried_where_there_is_no_way_to_one(
    someone: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "addresses_of", lambda _target, _seconds: ["::1", "127.0.0.1"])
    assert send(someone, answering(200)).status == 200


def test_a_name_that_does_not_resolve_in_time(someone: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(_target: Target, _seconds: float) -> list[str]:
        raise TimeoutError

    monkeypatch.setattr(sender, "addresses_of", late)
    assert send(someone, answering(200)).error == "no answer within 1 s"
