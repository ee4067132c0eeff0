"""Tokens that are none, somebody else's, or nobody's: 401 or 403, whatever the operation."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.harness.client import Client
from tests.harness.people import Tenant
from tests.harness.stack import Stack

type Connect = Callable[..., Client]

PASSWORD = "Only-for-tests-1"


@pytest.fixture(scope="module")
def valid(stack: Stack) -> str:
    return stack.token("agent@acme.example")


@pytest.fixture(scope="module")
def claims(valid: str) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(valid, options={"verify_signature": False})
    return decoded


@pytest.fixture(scope="module")
def foreign_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _status(connect: Connect, authorization: str) -> tuple[int, str]:
    answer = connect(Authorization=authorization).get("/v1/tickets")
    return answer.status_code, answer.json()["code"]


def test_a_valid_token_passes(acme: Tenant) -> None:
    assert acme.agent.get("/v1/tickets").status_code == 200


OTHER_SPELLINGS = (
    "",
    "Basic ",
    "Token ",
    "bearer ",
    "BEARER ",
    "Bearer  ",
    "Bearer" + " " * 40,
    "Bearer\t",
    "Bearer +",
)


def test_any_other_spelling_calls_nobody(stack: Stack, connect: Connect, valid: str) -> None:
    """It is refused without the authorizer, so it is no entry of API Gateway's cache and no read of the row."""
    asked = stack.calls.read_text().count('"AuthorizeFunction"')
    for scheme in OTHER_SPELLINGS:
        assert _status(connect, f"{scheme}{valid}") == (401, "unauthorized")
    assert stack.calls.read_text().count('"AuthorizeFunction"') == asked


@pytest.mark.parametrize("token", ["x", "a.b.c", "tsk_nothing", "Bearer", "%00"])
def test_garbage(connect: Connect, token: str) -> None:
    assert _status(connect, f"Bearer {token}") == (401, "unauthorized")


def test_another_pools_signature(connect: Connect, valid: str, claims: dict[str, Any], foreign_key: Any) -> None:
    forged = jwt.encode(claims, foreign_key, "RS256", headers={"kid": jwt.get_unverified_header(valid)["kid"]})
    assert _status(connect, f"Bearer {forged}") == (401, "unauthorized")
    unknown = jwt.encode(claims, foreign_key, "RS256", headers={"kid": "another"})
    assert _status(connect, f"Bearer {unknown}") == (401, "unauthorized")


def test_alg_none(connect: Connect, claims: dict[str, Any]) -> None:
    assert _status(connect, f"Bearer {jwt.encode(claims, '', 'none')}") == (401, "unauthorized")


def test_altered_claims(connect: Connect, valid: str, claims: dict[str, Any]) -> None:
    header, _, signature = valid.split(".")
    altered = base64.urlsafe_b64encode(json.dumps(claims | {"cognito:groups": ["admin"]}).encode()).decode().rstrip("=")
    assert _status(connect, f"Bearer {header}.{altered}.{signature}") == (401, "unauthorized")


def test_an_access_token(connect: Connect, stack: Stack) -> None:
    answer = stack.client("cognito-idp").initiate_auth(
        ClientId=stack.outputs["UserPoolClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "agent@acme.example", "PASSWORD": stack.password},
    )
    token = answer["AuthenticationResult"]["AccessToken"]
    assert _status(connect, f"Bearer {token}") == (401, "unauthorized")


@pytest.fixture(scope="module")
def nobody(stack: Stack) -> Iterator[Callable[..., str]]:
    """Make users that lack a tenant, a row or a role, and give their tokens."""
    cognito, pool = stack.client("cognito-idp"), stack.outputs["UserPoolId"]
    made: list[str] = []

    def token(name: str, *, tenant: str | None, role: str | None) -> str:
        made.append(name)
        attributes = [{"Name": "email", "Value": name}, {"Name": "email_verified", "Value": "true"}]
        if tenant:
            attributes.append({"Name": "custom:tenantId", "Value": tenant})
        cognito.admin_create_user(UserPoolId=pool, Username=name, UserAttributes=attributes, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)
        if role:
            cognito.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=role)
        answer = cognito.initiate_auth(
            ClientId=stack.outputs["UserPoolClientId"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        return str(answer["AuthenticationResult"]["IdToken"])

    yield token
    for name in made:
        cognito.admin_delete_user(UserPoolId=pool, Username=name)


def test_a_user_without_tenant(connect: Connect, nobody: Callable[..., str]) -> None:
    assert _status(connect, f"Bearer {nobody('no-tenant@acme.example', tenant=None, role='admin')}") == (
        403,
        "forbidden",
    )


@pytest.mark.parametrize("role", [None, "admin"])
def test_a_user_without_a_row(
    connect: Connect, nobody: Callable[..., str], claims: dict[str, Any], role: str | None
) -> None:
    """Whatever Cognito says of them: the row says what somebody is."""
    token = nobody(f"no-row-{role}@acme.example", tenant=claims["custom:tenantId"], role=role)
    assert _status(connect, f"Bearer {token}") == (401, "unauthorized")
