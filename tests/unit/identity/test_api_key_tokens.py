"""The authorizer and API keys: real tokens, and the users table on moto."""

import io
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from functions.identity import authorize
from tests.unit.conftest import Clock, Items
from tests.unit.identity.support import Rows
from tests.unit.support import ADMIN, MOMENT, MOMENT_TEXT, USERS_TABLE
from ticketing import clock
from ticketing.access.roles import Role
from ticketing.aws import clients
from ticketing.dynamodb.attributes import to_item
from ticketing.users import key_tokens
from ticketing.users.api_keys import ApiKey, ApiKeyCreate, new_api_key
from ticketing.users.rows import user_item

KEY_ID = "019c1f0e-7a3b-7c41-9d2e-000000000001"
OTHER_KEY_ID = "019c1f0e-7a3b-7c41-9d2e-000000000002"
API = "arn:aws:execute-api:us-east-1:123456789012:abc123"


pytestmark = pytest.mark.usefixtures("time")


@pytest.fixture
def table(dynamodb: Any, rows: Rows) -> Any:
    """Return the client of an empty users table."""
    rows.delete()
    return dynamodb


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    stream = io.StringIO()
    handler = authorize.logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    monkeypatch.setattr(handler, "stream", stream)
    return stream.getvalue


def stored(table: Any, **values: Any) -> str:
    """Put an API key of acme into the table, with these values (inside names), and return its token."""
    body = ApiKeyCreate.model_validate({"name": "Import", "role": "agent"})
    key, token = new_api_key(body, ADMIN, KEY_ID)
    put(table, key.model_copy(update=values))
    return token


def put(table: Any, key: ApiKey) -> None:
    table.put_item(TableName=USERS_TABLE, Item=to_item(user_item(key)))


def authorized(token: str) -> dict[str, Any]:
    event = {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": f"{API}/api/GET/v1/tickets"}
    return authorize.handler(event, None)


def refused(token: str) -> bool:
    with pytest.raises(authorize.UnauthorizedError, match=r"^Unauthorized$"):
        authorized(token)
    return True


@pytest.mark.parametrize("role", [Role.REPORTER, Role.AGENT, Role.ADMIN])
def test_a_key_opens_the_whole_api_in_its_role(table: Any, role: Role) -> None:
    assert authorized(stored(table, role=role)) == {
        "principalId": KEY_ID,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": [f"{API}/api/*"]}],
        },
        "context": {"userId": KEY_ID, "tenantId": "acme", "role": role.value, "kind": "API_KEY"},
        "usageIdentifierKey": "requests-of-tenant-acme",
    }


def test_tenants_ids_may_hold_underscores_and_dashes() -> None:
    for tenant_id in ("a_b", "a-b", "_", "tsk_x", "a_" + KEY_ID):
        name = key_tokens.KeyName(tenant_id, KEY_ID)
        assert key_tokens.parse(key_tokens.make(name)) == name


# --- what is no key --------------------------------------------------------------------------------------------------

WRONG: dict[str, Callable[[str], str]] = {
    "one character short": lambda token: token[:-1],
    "one character more": lambda token: token + "0",
    "nothing but the prefix": lambda _: "tsk_",
    "another secret": lambda _: key_tokens.make(key_tokens.KeyName("acme", KEY_ID)),
    "the last character another": lambda token: token[:-1] + ("a" if token[-1] != "a" else "b"),
    "another tenant": lambda token: token.replace("_acme_", "_globex_"),
    "a tenant that begins alike": lambda token: token.replace("_acme_", "_acm_"),
    "another case of the tenant": lambda token: token.replace("_acme_", "_ACME_"),
    "a tenant that is none": lambda token: token.replace("_acme_", "_ac#me_"),
    "no tenant": lambda token: token.replace("_acme_", "__"),
    "another key": lambda token: token.replace(KEY_ID.replace("-", ""), OTHER_KEY_ID.replace("-", "")),
    "another case of the id": lambda token: token.replace(KEY_ID.replace("-", ""), KEY_ID.replace("-", "").upper()),
    "text beyond ASCII": lambda token: token[:-1] + "ä",
    "a space within": lambda token: token.replace("_acme", "_ acme"),
    "a line end within": lambda token: token + "\nx",
    "the stored hash": lambda token: key_tokens.PREFIX + key_tokens.hashed(token),
    "the hash for a secret": lambda token: token[:-43] + key_tokens.hashed(token)[:43],
}


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_what_is_not_exactly_the_key(table: Any, user_items: Items, spoil: Callable[[str], str]) -> None:
    token = stored(table)
    put(table, new_api_key(ApiKeyCreate.model_validate({"name": "B", "role": "admin"}), ADMIN, OTHER_KEY_ID)[0])
    before = user_items()
    spoiled = spoil(token)
    assert spoiled != token
    assert refused(spoiled)
    assert user_items() == before


def test_a_key_that_is_revoked(table: Any) -> None:
    assert refused(stored(table, active=False))


@pytest.mark.parametrize(("left", "holds"), [(1, True), (0, False), (-1, False)])
def test_a_key_that_has_expired(table: Any, left: int, holds: bool) -> None:  # noqa: FBT001
    token = stored(table, expires_at=clock.timestamp(MOMENT + timedelta(milliseconds=left)))
    assert bool(authorized(token)) if holds else refused(token)


def test_a_person_is_no_key(table: Any) -> None:
    """Also one whose row held a hash, whatever put it there."""
    token = stored(table)
    key = {"PK": {"S": f"TENANT#acme#USER#{KEY_ID}"}, "SK": {"S": "USER"}}
    table.update_item(
        TableName=USERS_TABLE,
        Key=key,
        UpdateExpression="SET kind = :person",
        ExpressionAttributeValues={":person": {"S": "PERSON"}},
    )
    assert refused(token)


@pytest.mark.usefixtures("table")
def test_a_key_that_is_gone_stays_gone(user_items: Items) -> None:
    assert refused(key_tokens.make(key_tokens.KeyName("acme", KEY_ID)))
    assert user_items() == []


# --- its use is noted ------------------------------------------------------------------------------------------------


def last_used(user_items: Items) -> str | None:
    (item,) = user_items()
    return item["lastUsedAt"]["S"] if "lastUsedAt" in item else None


def test_use_is_noted_once_a_minute(table: Any, user_items: Items, time: Clock) -> None:
    token = stored(table)
    assert last_used(user_items) is None
    authorized(token)
    assert last_used(user_items) == MOMENT_TEXT
    time.forward(seconds=60)
    authorized(token)
    assert last_used(user_items) == MOMENT_TEXT
    time.forward(milliseconds=1)
    authorized(token)
    assert last_used(user_items) == clock.timestamp(time.now)


def test_noting_use_changes_nothing_else(table: Any, user_items: Items) -> None:
    token = stored(table)
    (before,) = user_items()
    authorized(token)
    (after,) = user_items()
    assert after == before | {"lastUsedAt": {"S": MOMENT_TEXT}}


def test_a_key_erased_between_look_and_note_is_not_brought_back(table: Any, user_items: Items) -> None:
    token = stored(table)
    key = {"PK": {"S": f"TENANT#acme#USER#{KEY_ID}"}, "SK": {"S": "USER"}}

    def erase(**_kwargs: Any) -> None:
        table.meta.events.unregister("before-parameter-build.dynamodb.UpdateItem", erase)
        table.delete_item(TableName=USERS_TABLE, Key=key)

    table.meta.events.register("before-parameter-build.dynamodb.UpdateItem", erase)
    assert authorized(token)
    assert user_items() == []


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "No."}}, "UpdateItem"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "No."}}, "UpdateItem"),
        ReadTimeoutError(endpoint_url="https://dynamodb"),
    ],
    ids=str,
)
def test_a_note_that_fails_keeps_nobody_out(table: Any, failure: Exception, log: Callable[[], str]) -> None:
    def fail(**_kwargs: Any) -> None:
        raise failure

    token = stored(table)
    table.meta.events.register("before-call.dynamodb.UpdateItem", fail)
    assert authorized(token)["context"]["userId"] == KEY_ID
    assert "was not recorded" in log()


def test_dynamodbs_trouble_is_not_the_callers_fault_and_lets_nobody_in(table: Any) -> None:
    def fail(**_kwargs: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    token = stored(table)
    table.meta.events.register("before-call.dynamodb.GetItem", fail)
    with pytest.raises(ReadTimeoutError):
        authorized(token)


# --- what it costs, and what it tells --------------------------------------------------------------------------------


def test_a_key_costs_one_read_and_cognito_nothing(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    table.meta.events.register("before-call", lambda model, **_: calls.append(model.name))
    monkeypatch.setattr(clients, "cognito", lambda: pytest.fail("Cognito knows no API keys"))
    token = stored(table)
    calls.clear()
    authorized(token)
    authorized(token)
    assert calls == ["GetItem", "UpdateItem", "GetItem"]


def test_the_log_holds_nothing_of_a_token(table: Any, log: Callable[[], str]) -> None:
    token = stored(table)
    authorized(token)
    for spoil in WRONG.values():
        refused(spoil(token))
    text = log()
    assert len(text.splitlines()) == len(WRONG)
    assert "tsk_" not in text
    assert token[-43:] not in text
    assert key_tokens.hashed(token) not in text
    assert {json.loads(line)["message"] for line in text.splitlines()} == {"token refused"}
