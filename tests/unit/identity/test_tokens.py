"""The authorizer and ID tokens: which are this pool's, what they open, and where the keys to tell come from."""

import base64
import hashlib
import hmac
import io
import json
import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.error import URLError

import pytest
from cryptography.hazmat.primitives import serialization

from functions.identity import authorize
from tests.unit.identity.support import (
    API,
    CLIENT,
    FOREIGN_KEY,
    ISSUER,
    KEY,
    POOL,
    USER,
    Accounts,
    Pool,
    authorized,
    claims,
    effect,
    jwk,
    refused,
    token,
)

# --- who is let in ---------------------------------------------------------------------------------------------------


def test_a_valid_token_opens_the_whole_api() -> None:
    assert authorized(f"Bearer {token()}") == {
        "principalId": USER,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": [f"{API}/api/*"]}],
        },
        "context": {"userId": USER, "tenantId": "acme", "role": "agent", "kind": "PERSON"},
        "usageIdentifierKey": "requests-of-tenant-acme",
    }


@pytest.mark.parametrize("header", ["bearer {}", "BEARER {}", "Bearer   {}", "Bearer {} "])
def test_the_scheme_is_read_as_http_says(header: str) -> None:
    assert effect(authorized(header.format(token()))) == "Allow"


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        pytest.param(["reporter"], "reporter", id="one"),
        pytest.param(["reporter", "agent"], "agent", id="two: the wider"),
        pytest.param(["admin", "reporter", "agent"], "admin", id="three: the widest"),
        pytest.param(["us-east-1_Pool12345_Google", "reporter"], "reporter", id="one among others"),
        pytest.param("[agent]", "agent", id="text in brackets"),
        pytest.param("[reporter agent]", "agent", id="text in brackets, spaces"),
        pytest.param("[reporter, admin]", "admin", id="text in brackets, commas"),
        pytest.param("reporter,agent", "agent", id="text with commas"),
        pytest.param("admin", "admin", id="text"),
    ],
)
def test_the_widest_group_is_the_role(groups: Any, role: str) -> None:
    assert authorized(f"Bearer {token(groups=groups)}")["context"]["role"] == role


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"groups": None}, id="no groups"),
        pytest.param({"groups": []}, id="groups empty"),
        pytest.param({"groups": ""}, id="groups an empty text"),
        pytest.param({"groups": "[]"}, id="groups empty brackets"),
        pytest.param({"groups": ["managers"]}, id="another group"),
        pytest.param({"groups": ["agents", "administrator"]}, id="groups that begin like a role"),
        pytest.param({"groups": ["Agent", "ADMIN"]}, id="a role in another case"),
        pytest.param({"groups": ["system"]}, id="the backend's own role"),
        pytest.param({"groups": "agents administrators"}, id="text that begins like a role"),
    ],
)
def test_a_user_without_a_role_is_denied_everywhere(values: dict[str, Any]) -> None:
    answer = authorized(f"Bearer {token(**values)}")
    assert answer == {
        "principalId": USER,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": [f"{API}/api/*"]}],
        },
        "context": {},
    }


@pytest.mark.parametrize("tenant", ["acme#1", "a*", "ä", "x" * 65])
def test_a_tenant_that_is_no_tenants_id_is_denied_everywhere(accounts: Accounts, tenant: str) -> None:
    accounts.attributes["custom:tenantId"] = tenant
    assert effect(authorized(f"Bearer {token(tenant=tenant)}")) == "Deny"


# --- who is not ------------------------------------------------------------------------------------------------------


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _signed_with_the_public_key() -> str:
    """Return a token that uses the pool's public key as the secret of HS256, the classic confusion."""
    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'key-1'})}.{_part(claims())}"
    signature = hmac.new(public, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _with_other_claims() -> str:
    header, _, signature = token().split(".")
    return f"{header}.{_part(claims(groups=['admin']))}.{signature}"


REFUSED: dict[str, Callable[[], str]] = {
    "expired": lambda: token(exp=int(time.time()) - 1),
    "not yet valid": lambda: token(nbf=int(time.time()) + 600),
    "issued in the future": lambda: token(iat=int(time.time()) + 600),
    "another audience": lambda: token(aud="another-client"),
    "no audience": lambda: token(aud=None),
    "another pool's issuer": lambda: token(iss=ISSUER + "x"),
    "no issuer": lambda: token(iss=None),
    "another region's issuer": lambda: token(iss=ISSUER.replace("us-east-1.", "eu-west-1.")),
    "an access token": lambda: token(token_use="access"),
    "an access token as Cognito makes it": lambda: token(token_use="access", aud=None, client_id=CLIENT),
    "no token use": lambda: token(token_use=None),
    "no expiry": lambda: token(exp=None),
    "no user": lambda: token(sub=None),
    "another pool's key": lambda: token(FOREIGN_KEY),
    "another pool's key by its own name": lambda: token(FOREIGN_KEY, kid="key-9"),
    "another key of the pool": lambda: token(kid="key-2"),
    "no key named": lambda: token(kid=None),
    "alg none": lambda: token("", algorithm="none"),
    "alg none without a signature part": lambda: token("", algorithm="none").rstrip("."),
    "HS256 with the public key": _signed_with_the_public_key,
    "RS512": lambda: token(algorithm="RS512"),
    "other claims under the signature": _with_other_claims,
    "a signature cut off": lambda: token()[:-4],
    "no signature": lambda: token().rpartition(".")[0] + ".",
    "garbage": lambda: "garbage",
    "dots": lambda: "..",
    "text beyond ASCII": lambda: "ä.ö.ü",
    "empty": lambda: "",
    "a header that is no object": lambda: "W10.e30.",
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_a_token_that_is_not_this_pools_valid_id_token(make: Callable[[], str], accounts: Accounts) -> None:
    with pytest.raises(authorize.UnauthorizedError, match=r"^Unauthorized$"):
        authorized(f"Bearer {make()}")
    assert accounts.asked == []  # nobody makes it ask Cognito without a valid token


@pytest.mark.parametrize(
    "header", ["", " ", "Bearer", "Bearer ", "{}", "Basic {}", "Token {}", "Bearer{}", "Bearer,{}"]
)
def test_a_header_that_is_no_bearer_token(header: str) -> None:
    with pytest.raises(authorize.UnauthorizedError, match=r"^Unauthorized$"):
        authorized(header.format(token()))


def test_the_log_tells_why_and_nothing_of_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, handler = io.StringIO(), authorize.logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    monkeypatch.setattr(handler, "stream", stream)
    for make in REFUSED.values():
        before, sent = len(stream.getvalue()), make()
        assert refused(f"Bearer {sent}")
        line = json.loads(stream.getvalue()[before:])
        assert line["reason"]
        assert not [part for part in sent.split(".") if len(part) > 8 and part in json.dumps(line)]


# --- the keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [URLError("no route to host"), TimeoutError("timed out"), ConnectionResetError("reset")],
    ids=lambda failure: type(failure).__name__,
)
def test_keys_that_cannot_be_had_are_not_the_callers_fault(pool: Pool, failure: Exception) -> None:
    pool.failure = failure
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is, API Gateway must not take it for a 401
        authorized(f"Bearer {token()}")
    assert str(raised.value) != "Unauthorized"
    # and once they can be had again, the same function goes on
    pool.failure = None
    assert effect(authorized(f"Bearer {token()}")) == "Allow"


@pytest.mark.parametrize("served", [{"keys": []}, b"<html>"], ids=["no keys", "no JSON"])
def test_keys_that_are_none_are_not_the_callers_fault(pool: Pool, served: Any) -> None:
    pool.keys = served
    with pytest.raises(Exception) as raised:  # noqa: PT011
        authorized(f"Bearer {token()}")
    assert str(raised.value) != "Unauthorized"


def test_keys_are_fetched_once(pool: Pool) -> None:
    for _ in range(3):
        authorized(f"Bearer {token()}")
    assert pool.asked == [f"{ISSUER}/.well-known/jwks.json"]


def test_tokens_with_made_up_keys_do_not_make_it_fetch_each_time(pool: Pool) -> None:
    authorized(f"Bearer {token()}")
    for kid in ("a", "b", "c"):
        with pytest.raises(authorize.UnauthorizedError):
            authorized(f"Bearer {token(kid=kid)}")
    assert len(pool.asked) == 1


def test_a_new_key_of_the_pool_is_known_within_a_minute(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    authorized(f"Bearer {token()}")
    pool.keys = {"keys": [*pool.keys["keys"], jwk(FOREIGN_KEY, "key-3")]}
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert effect(authorized(f"Bearer {token(FOREIGN_KEY, kid='key-3')}")) == "Allow"


@pytest.mark.parametrize("url", ["http://localhost:4566", "http://localhost:4566/"])
def test_locally_the_keys_are_where_aws_is(monkeypatch: pytest.MonkeyPatch, pool: Pool, url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert effect(authorized(f"Bearer {token()}")) == "Allow"
    assert pool.asked == [f"http://localhost:4566/{POOL}/.well-known/jwks.json"]
