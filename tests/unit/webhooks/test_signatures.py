"""Signatures, by an implementation of Standard Webhooks that is not ours."""

import base64
import json
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from ticketing.webhooks.signatures import headers, new_secret, secret_bytes

BODY = json.dumps({"type": "TicketCreated", "data": {"title": "Zu\u0308rich \u2713"}}, ensure_ascii=False).encode()
ID = "019c1f1e-7a3b-8c41-9d2e-5f60718293a4"


def test_a_receiver_accepts_what_is_signed() -> None:
    secret = new_secret()
    assert Webhook(secret).verify(BODY, headers([secret], ID, int(time.time()), BODY))["type"] == "TicketCreated"


def test_each_of_several_secrets_is_enough() -> None:
    old, new = new_secret(), new_secret()
    sent = headers([new, old], ID, int(time.time()), BODY)
    for secret in (old, new):
        assert Webhook(secret).verify(BODY, sent)


@pytest.mark.parametrize("changed", ["body", "webhook-id", "webhook-timestamp", "secret"])
def test_what_was_changed_is_not_accepted(changed: str) -> None:
    secret, now = new_secret(), int(time.time())
    sent = headers([secret], ID, now, BODY)
    body = BODY + b" " if changed == "body" else BODY
    sent |= {"webhook-id": "other"} if changed == "webhook-id" else {}
    sent |= {"webhook-timestamp": str(now + 1)} if changed == "webhook-timestamp" else {}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret() if changed == "secret" else secret).verify(body, sent)


def test_the_worked_example_of_the_standard() -> None:
    """The values are those that its implementations share as a test."""
    body = b'{"test": 2432232314}'
    sent = headers(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert sent["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_new_secrets_are_long_and_differ() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(secret_bytes(new_secret())) == 32


@pytest.mark.parametrize("size", [24, 64])
def test_secrets_of_ones_own(size: int) -> None:
    assert len(secret_bytes("whsec_" + base64.b64encode(bytes(size)).decode())) == size


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_!!!",
        base64.b64encode(bytes(32)).decode(),
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whsec_" + base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        "whsec_" + base64.b64encode(bytes(32)).decode().rstrip("="),
        "whsec_" + base64.b64encode(bytes(32)).decode() + "\n",
        "whsec_\u00e4" + base64.b64encode(bytes(32)).decode(),
    ],
)
def test_what_is_no_secret(secret: str) -> None:
    with pytest.raises(ValueError, match="must be whsec_ and the base64 of 24 to 64 bytes"):
        secret_bytes(secret)
