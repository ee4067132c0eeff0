"""The WebSocket API's authorizer: where it finds the token, and what it passes on. Tokens themselves: test_tokens."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from functions.identity import authorize_connection
from tests.unit.identity.support import API, USER, Pool, Rows, token
from tests.unit.support import ADMIN, USERS_TABLE
from ticketing.dynamodb.attributes import to_item
from ticketing.users.api_keys import ApiKeyCreate, new_api_key
from ticketing.users.rows import user_item

ARN = f"{API}/live/$connect"


def opened(headers: dict[str, str]) -> dict[str, Any]:
    return authorize_connection.handler({"type": "REQUEST", "methodArn": ARN, "headers": headers}, None)


def refused(headers: dict[str, str]) -> bool:
    with pytest.raises(authorize_connection.UnauthorizedError, match=r"^Unauthorized$"):
        opened(headers)
    return True


def test_a_program_sends_a_header() -> None:
    issued = int(time.time()) - 5
    assert opened({"Authorization": f"Bearer {token(iat=issued, exp=issued + 900)}"}) == {
        "principalId": USER,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": [f"{API}/live/*"]}],
        },
        "context": {
            "userId": USER,
            "tenantId": "acme",
            "role": "agent",
            "kind": "PERSON",
            "tokenIssuedAt": str(issued),
            "tokenExpiresAt": str(issued + 900),
        },
    }


@pytest.mark.parametrize("offered", ["ticketing.v1, bearer.{}", "ticketing.v1,bearer.{}", "bearer.{}"])
@pytest.mark.parametrize("name", ["Sec-WebSocket-Protocol", "sec-websocket-protocol"])
def test_a_browser_offers_a_subprotocol(name: str, offered: str) -> None:
    assert opened({name: offered.format(token())})["context"]["userId"] == USER


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Basic {}"},
        {"Authorization": "Bearer "},
        {"Authorization": "bearer {}"},
        {"Authorization": "Bearer  {}"},
        {"Authorization": " Bearer {}"},
        {"Sec-WebSocket-Protocol": "ticketing.v1"},
        {"Sec-WebSocket-Protocol": "ticketing.v1, {}"},
        {"Sec-WebSocket-Protocol": "ticketing.v1, bearer."},
        {"Sec-WebSocket-Protocol": "ticketing.v1, bearer.{0}, bearer.{0}"},
        {"Authorization": "Basic {0}", "Sec-WebSocket-Protocol": "ticketing.v1, bearer.{0}"},
        {"Cookie": "bearer={}"},
    ],
    ids=str,
)
def test_what_is_no_token_is_refused(headers: dict[str, str]) -> None:
    assert refused({name: value.format(token()) for name, value in headers.items()})


def test_a_token_that_is_not_good_is_refused(rows: Rows) -> None:
    assert refused({"Authorization": f"Bearer {token(exp=int(time.time()) - 1)}"})
    rows.put(active=False)
    assert refused({"Sec-WebSocket-Protocol": f"ticketing.v1, bearer.{token()}"})


def test_an_api_key_is_as_good(dynamodb: Any) -> None:
    body = ApiKeyCreate.model_validate({"name": "N", "role": "reporter", "expiresAt": "2999-01-01T00:00:00Z"})
    for endless in (False, True):
        key, secret = new_api_key(body, ADMIN, USER)
        key = key.model_copy(update={"expires_at": None}) if endless else key
        dynamodb.put_item(TableName=USERS_TABLE, Item=to_item(user_item(key)))
        for headers in ({"Authorization": f"Bearer {secret}"}, {"Sec-WebSocket-Protocol": f"bearer.{secret}"}):
            context = opened(headers)["context"]
            assert (context["kind"], context["role"]) == ("API_KEY", "reporter")
            assert context.get("tokenExpiresAt") == (None if endless else "32472144000")


def test_who_has_nothing_to_be_told_is_denied() -> None:
    answer = opened({"Authorization": f"Bearer {token(tenant=None)}"})
    (statement,) = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], answer["context"]) == ("Deny", {})


def test_trouble_with_the_keys_is_not_the_callers_fault(pool: Pool) -> None:
    pool.failure = TimeoutError("timed out")
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is, API Gateway must not take it for a 401
        opened({"Authorization": f"Bearer {token()}"})
    assert str(raised.value) != "Unauthorized"


def test_the_log_tells_why_and_nothing_of_the_token(log: Callable[[], list[dict[str, Any]]]) -> None:
    sent = token(exp=int(time.time()) - 1)
    assert refused({"Sec-WebSocket-Protocol": f"ticketing.v1, bearer.{sent}"})
    (line,) = log()
    assert line["reason"] == "ExpiredSignatureError"
    assert not [part for part in sent.split(".") if part in json.dumps(line)]
