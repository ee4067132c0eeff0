"""The authorizer and ID tokens: which are this pool's, what they open, and where the keys to tell come from."""

import base64
import hashlib
import hmac
import json
import re
import string
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
    Pool,
    Rows,
    authorized,
    claims,
    effect,
    jwk,
    refused,
    token,
)
from tests.unit.support import template
from ticketing.users import key_tokens

# --- who is let in ---------------------------------------------------------------------------------------------------


def test_a_valid_token_opens_the_whole_api() -> None:
    issued = int(time.time()) - 5
    assert authorized(f"Bearer {token(iat=issued)}") == {
        "principalId": USER,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": [f"{API}/api/*"]}],
        },
        "context": {
            "userId": USER,
            "tenantId": "acme",
            "role": "agent",
            "kind": "PERSON",
            "tokenIssuedAt": str(issued),
        },
        "usageIdentifierKey": "requests-of-tenant-acme",
    }


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
def test_a_token_that_is_not_this_pools_valid_id_token(make: Callable[[], str], rows: Rows) -> None:
    with pytest.raises(authorize.UnauthorizedError, match=r"^Unauthorized$"):
        authorized(f"Bearer {make()}")
    assert rows.asked == []  # nobody makes it read without a valid token


HEADERS = (
    *("", " ", "Bearer", "Bearer ", "{}", "Basic {}", "Token {}", "Bearer{}", "Bearer,{}"),
    *(
        "bearer {}",
        "BEARER {}",
        "Bearer  {}",
        "Bearer" + " " * 40 + "{}",
        "Bearer\t{}",
        " Bearer {}",
        "Bearer {} ",
        "Bearer {}\n",
    ),
    *("Bearer {}=", "Bearer {}~", "Bearer +{}", "Bearer {}, {}"),
)


@pytest.mark.parametrize("header", HEADERS)
def test_any_other_spelling_of_the_header(header: str, rows: Rows) -> None:
    """API Gateway, which caches by the header as it was sent, refuses it before the authorizer does."""
    sent = header.replace("{}", token())
    assert refused(sent)
    assert rows.asked == []
    assert re.fullmatch(_expression(), sent) is None


@pytest.mark.parametrize("secret", [token, lambda: key_tokens.make(key_tokens.KeyName("a_b-C", USER))])
def test_api_gateway_lets_the_one_spelling_through(secret: Callable[[], str]) -> None:
    assert re.fullmatch(_expression(), f"Bearer {secret()}")


def _expression() -> str:
    """Return the expression with which API Gateway looks at the header."""
    security = template()["Resources"]["Api"]["Properties"]["DefinitionBody"]["securityDefinitions"]["bearerToken"]
    expression: str = security["x-amazon-apigateway-authorizer"]["identityValidationExpression"]
    return expression


def test_any_other_spelling_of_the_signature(rows: Rows) -> None:
    """Sixteen characters stand for the same last bits of it, and a decoder skips what is not of its alphabet."""
    good = token()
    alphabet = string.ascii_letters + string.digits + "-_"
    others = [good[:-1] + each for each in alphabet if each != good[-1]]
    others += [good.replace("-", "+"), good.replace("_", "/"), good + "=", good[:-3] + "~" + good[-3:]]
    assert all(refused(f"Bearer {other}") for other in others if other != good)
    assert rows.asked == []
    assert effect(authorized(f"Bearer {good}")) == "Allow"


def test_the_log_tells_why_and_nothing_of_the_token(log: Callable[[], list[dict[str, Any]]]) -> None:
    for make in REFUSED.values():
        before, sent = len(log()), make()
        assert refused(f"Bearer {sent}")
        (line,) = log()[before:]
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
