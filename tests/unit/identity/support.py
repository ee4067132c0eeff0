"""The authorizer's surroundings: real keys and tokens, and the users table on moto."""

import io
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from functions.identity import authorize
from tests.unit.support import USERS_TABLE, a_person
from ticketing.dynamodb.attributes import to_item
from ticketing.people.keys import user_key
from ticketing.users.rows import user_item

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


class Rows:
    """The users table, and how often it was asked."""

    def __init__(self, dynamodb: Any) -> None:
        self._client = dynamodb
        self.asked: list[str] = []
        dynamodb.meta.events.register("before-call.dynamodb", lambda model, **_: self.asked.append(model.name))
        self.put()

    def put(self, tenant_id: str = "acme", **values: Any) -> None:
        """Write the row of USER, an agent whose tokens have counted for long."""
        user = a_person(USER, tenant_id=tenant_id).model_copy(update=values)
        self._client.put_item(TableName=USERS_TABLE, Item=to_item(user_item(user)))
        self.asked.clear()

    def delete(self, tenant_id: str = "acme") -> None:
        self._client.delete_item(TableName=USERS_TABLE, Key=to_item(user_key(tenant_id, USER)))


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


def refused(header: str) -> bool:
    with pytest.raises(authorize.UnauthorizedError, match=r"^Unauthorized$"):
        authorized(header)
    return True
