"""The authorizer and people: real keys and tokens; what the user pool would answer over the network is made up."""

import base64
import hashlib
import hmac
import io
import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError
from urllib.request import OpenerDirector

import jwt
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.exceptions import ConnectTimeoutError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from functions.identity import authorize
from ticketing import aws

POOL = "us-east-1_Pool12345"
CLIENT = "client-of-the-api"
ISSUER = f"https://cognito-idp.us-east-1.amazonaws.com/{POOL}"
USER = "33333333-3333-4333-8333-333333333333"
API = "arn:aws:execute-api:us-east-1:123456789012:abc123"
METHOD = f"{API}/api/GET/v1/tickets/019c1f0e-7a3b-7c41-9d2e-5f60718293a4"

KEY = generate_private_key(65537, 2048)
SECOND_KEY = generate_private_key(65537, 2048)
FOREIGN_KEY = generate_private_key(65537, 2048)


def jwk(key: RSAPrivateKey, kid: str) -> dict[str, Any]:
    public: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return public | {"kid": kid, "alg": "RS256", "use": "sig"}


class Pool:
    """Stands for the address where a user pool serves its public keys."""

    def __init__(self) -> None:
        self.keys: Any = {"keys": [jwk(KEY, "key-1"), jwk(SECOND_KEY, "key-2")]}
        self.failure: Exception | None = None
        self.asked: list[str] = []

    def open(self, request: Any, **_kwargs: Any) -> io.BytesIO:
        self.asked.append(request.full_url)
        if self.failure:
            raise self.failure
        return io.BytesIO(self.keys if isinstance(self.keys, bytes) else json.dumps(self.keys).encode())


class Accounts:
    """Stands for Cognito, which is asked what it knows of a user at this moment."""

    def __init__(self) -> None:
        self.attributes = {"sub": USER, "email": "agent@acme.example", "custom:tenantId": "acme"}
        self.enabled = True
        self.failures: list[Exception | str] = []
        """What happens instead, one after the other: an exception, or the name of Cognito's error."""
        self.asked: list[dict[str, Any]] = []

    def answer(self, request: Any, **_kwargs: Any) -> AWSResponse:
        self.asked.append(json.loads(request.body))
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, Exception):
            raise failure
        if failure:
            return self._response(
                500 if failure == "InternalErrorException" else 400, {"__type": failure, "message": "No."}
            )
        attributes = [{"Name": name, "Value": value} for name, value in self.attributes.items()]
        user = {"Username": USER, "UserAttributes": attributes, "Enabled": self.enabled, "UserStatus": "CONFIRMED"}
        return self._response(200, user)

    @staticmethod
    def _response(status: int, body: dict[str, Any]) -> AWSResponse:
        raw: Any = SimpleNamespace(stream=lambda: [json.dumps(body).encode()])
        return AWSResponse("https://cognito", status, HTTPHeaders(), raw)


@pytest.fixture(autouse=True)
def accounts(monkeypatch: pytest.MonkeyPatch) -> Accounts:
    answering = Accounts()
    answer: Any = answering.answer  # the types know of no handler that answers
    aws.cognito().meta.events.register("before-send.cognito-identity-provider.AdminGetUser", answer)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    return answering


@pytest.fixture(autouse=True)
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    served = Pool()
    monkeypatch.setenv("USER_POOL_ID", POOL)
    monkeypatch.setenv("CLIENT_ID", CLIENT)
    monkeypatch.setenv("NEWCOMERS_KEY", "requests-of-newcomers-of-test")
    monkeypatch.setattr(OpenerDirector, "open", lambda _self, request, **kwargs: served.open(request, **kwargs))
    authorize._keys.cache_clear()
    return served


def claims(**values: Any) -> dict[str, Any]:
    """Return the claims of an agent's ID token; a value of None takes a claim out."""
    now = int(time.time())
    usual = {
        "sub": USER,
        "iss": ISSUER,
        "aud": CLIENT,
        "token_use": "id",
        "iat": now - 60,
        "exp": now + 3600,
        "custom:tenantId": "acme",
        "cognito:groups": ["agent"],
        "email": "agent@acme.example",
    }
    names = {"tenant": "custom:tenantId", "groups": "cognito:groups"}
    given = usual | {names.get(name, name): value for name, value in values.items()}
    return {name: value for name, value in given.items() if value is not None}


def token(key: Any = KEY, *, algorithm: str = "RS256", kid: str | None = "key-1", **values: Any) -> str:
    return jwt.encode(claims(**values), key, algorithm=algorithm, headers={} if kid is None else {"kid": kid})


def authorized(header: str) -> dict[str, Any]:
    return authorize.handler({"type": "TOKEN", "authorizationToken": header, "methodArn": METHOD}, None)


def effect(answer: dict[str, Any]) -> str:
    (statement,) = answer["policyDocument"]["Statement"]
    allowed_or_denied: str = statement["Effect"]
    return allowed_or_denied


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


@pytest.mark.parametrize("values", [{"tenant": None}, {"tenant": ""}, {"tenant": None, "groups": None}], ids=str)
def test_who_has_no_tenant_may_found_one_and_read_receipts(accounts: Accounts, values: dict[str, Any]) -> None:
    del accounts.attributes["custom:tenantId"]
    assert authorized(f"Bearer {token(**values)}") == {
        "principalId": USER,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": [f"{API}/api/POST/v1/tenant", f"{API}/api/GET/v1/tenant-deletions/*"],
                }
            ],
        },
        "context": {"userId": USER, "role": "newcomer", "kind": "PERSON"},
        "usageIdentifierKey": "requests-of-newcomers-of-test",
    }


# --- what Cognito knows at this moment -------------------------------------------------------------------------------


def refused(header: str) -> bool:
    with pytest.raises(authorize.UnauthorizedError, match=r"^Unauthorized$"):
        authorized(header)
    return True


def test_the_user_is_looked_up_in_the_pool_and_nowhere_else(accounts: Accounts) -> None:
    authorized(f"Bearer {token()}")
    assert accounts.asked == [{"UserPoolId": POOL, "Username": USER}]  # and the network is closed to all else


def test_a_user_who_is_gone(accounts: Accounts) -> None:
    accounts.failures = ["UserNotFoundException"]
    assert refused(f"Bearer {token()}")


def test_a_user_who_is_deactivated(accounts: Accounts) -> None:
    accounts.enabled = False
    assert refused(f"Bearer {token()}")


@pytest.mark.parametrize(
    ("claimed", "present"),
    [("acme", "globex"), ("acme", None), (None, "acme"), ("", "acme"), ("acme", "acm"), ("ACME", "acme")],
)
def test_a_user_who_has_changed_tenant(accounts: Accounts, claimed: str | None, present: str | None) -> None:
    accounts.attributes = {"sub": USER} | ({} if present is None else {"custom:tenantId": present})
    assert refused(f"Bearer {token(tenant=claimed)}")


@pytest.mark.parametrize(("age", "holds"), [(-60, True), (0, True), (1, False), (60, False)])
def test_a_token_from_before_the_user_was_changed(accounts: Accounts, age: int, holds: bool) -> None:  # noqa: FBT001
    now = int(time.time()) - 120
    accounts.attributes["custom:tokensValidFrom"] = str(now)
    header = f"Bearer {token(iat=now - age)}"
    assert effect(authorized(header)) == "Allow" if holds else refused(header)


@pytest.mark.parametrize(
    "failures",
    [
        pytest.param(["TooManyRequestsException"] * 2, id="throttled"),
        pytest.param(["InternalErrorException"] * 2, id="ill"),
        pytest.param([ConnectTimeoutError(endpoint_url="https://cognito")] * 2, id="unreachable"),
        pytest.param(["NotAuthorizedException"], id="not allowed to ask"),
        pytest.param(["ResourceNotFoundException"], id="no such pool"),
    ],
)
def test_cognitos_trouble_is_not_the_callers_fault_and_lets_nobody_in(
    accounts: Accounts, failures: list[Exception | str]
) -> None:
    accounts.failures = failures
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is, API Gateway must not take it for a 401
        authorized(f"Bearer {token()}")
    assert str(raised.value) != "Unauthorized"
    assert accounts.failures == []
    assert effect(authorized(f"Bearer {token()}")) == "Allow"


def test_cognito_throttling_once_is_not_noticed(accounts: Accounts) -> None:
    accounts.failures = ["TooManyRequestsException"]
    assert effect(authorized(f"Bearer {token()}")) == "Allow"
    assert len(accounts.asked) == 2


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
