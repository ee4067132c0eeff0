"""The authorizer's surroundings: real keys and tokens; what the user pool would answer over the network is made up."""

import io
import json
import time
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from functions.identity import authorize

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
