"""The operations of API keys, from API Gateway's event to the users table on moto and back."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from functions.users import create_api_key, get_api_key, list_api_keys, revoke_api_key
from tests.unit.conftest import Clock, Items
from tests.unit.support import (
    ADMIN,
    ADMIN_ID,
    AGENT,
    MOMENT,
    MOMENT_TEXT,
    NEWCOMER,
    REPORTER,
    STRANGER,
    USERS_TABLE,
    Answer,
    api_event,
    cancelled,
    data_of,
    send,
)
from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.dynamodb import cursors
from ticketing.dynamodb.attributes import to_item
from ticketing.people.keys import user_key
from ticketing.users import key_tokens
from ticketing.users.api_keys import ApiKeyRepository

BODY = {"name": "Import", "role": "agent"}
UNKNOWN = "019c1f0e-7a3b-7c41-9d2e-5f60718293a4"
ADMINS_KEY = Caller(UNKNOWN, "acme", Role.ADMIN, is_api_key=True)


def tenant(table: Any, tenant_id: str, state: str = "ACTIVE") -> None:
    item = {"PK": f"TENANT#{tenant_id}#TENANT", "SK": "TENANT", "id": tenant_id, "state": state}
    table.put_item(TableName=USERS_TABLE, Item=to_item(item))


def person(table: Any, caller: Caller, **values: Any) -> None:
    """Write the row of a person; no list shows it."""
    row = {"id": caller.user_id, "tenantId": caller.tenant_id, "kind": "PERSON", "name": "Ada", "role": "admin"}
    moments = {"active": True, "version": 1, "createdAt": MOMENT_TEXT, "updatedAt": MOMENT_TEXT}
    key = user_key(caller.tenant_id, caller.user_id)
    table.put_item(TableName=USERS_TABLE, Item=to_item(key | row | moments | values))


pytestmark = pytest.mark.usefixtures("time")


@pytest.fixture(autouse=True)
def table(dynamodb: Any) -> Any:
    """Return the client of a users table with two tenants."""
    for tenant_id in ("acme", "globex"):
        tenant(dynamodb, tenant_id)
    return dynamodb


def create(body: Any = BODY, caller: Caller = ADMIN) -> Answer:
    return send(create_api_key.handler, api_event("POST", "/v1/api-keys", caller=caller, body=body))


def read(key_id: str, caller: Caller = ADMIN) -> Answer:
    return send(get_api_key.handler, api_event("GET", f"/v1/api-keys/{key_id}", caller=caller))


def listed(query: str = "", caller: Caller = ADMIN) -> Answer:
    return send(list_api_keys.handler, api_event("GET", f"/v1/api-keys{query}", caller=caller))


def revoke(key_id: str, caller: Caller = ADMIN) -> Answer:
    return send(revoke_api_key.handler, api_event("DELETE", f"/v1/api-keys/{key_id}", caller=caller))


def stored_key(user_items: Items) -> dict[str, Any]:
    (item,) = (item for item in user_items() if "keyHash" in item)
    return item


# --- making one ------------------------------------------------------------------------------------------------------


def test_a_new_key_is_told_with_its_token() -> None:
    answer = create(BODY | {"expiresAt": "2026-02-02T10:15:04.1209+01:00"})
    made = answer.json
    assert answer.status == 201
    assert answer.headers["Location"] == f"/v1/api-keys/{made['id']}"
    assert made == {
        "id": made["id"],
        "name": "Import",
        "role": "agent",
        "active": True,
        "expiresAt": "2026-02-02T09:15:04.120Z",
        "lastUsedAt": None,
        "createdById": ADMIN_ID,
        "createdAt": MOMENT_TEXT,
        "key": made["key"],
    }
    assert re.fullmatch(rf"tsk_acme_{made['id'].replace('-', '')}[0-9A-Za-z]{{43}}", made["key"])


@pytest.mark.parametrize("now", [{"active": False}, {"role": "agent"}])
def test_who_is_no_admin_any_more_leaves_no_key_behind(table: Any, user_items: Items, now: dict[str, Any]) -> None:
    """The authorizer's answer is remembered for a minute."""
    person(table, ADMIN, **now)
    assert create().error == (403, "forbidden")
    assert not [item for item in user_items() if "keyHash" in item]


def test_the_token_is_shown_this_once_and_kept_nowhere(
    user_items: Items, log: Callable[[], list[dict[str, Any]]]
) -> None:
    made = create().json
    secret = made["key"][-43:]
    assert stored_key(user_items)["keyHash"] == {"S": key_tokens.hashed(made["key"])}
    for place in (user_items(), log(), read(made["id"]).json, listed().json, create().json):
        assert secret not in json.dumps(place)
    for answer in (made, read(made["id"]).json, *listed().json):
        assert "keyHash" not in answer


def test_no_two_keys_are_alike() -> None:
    made = [create().json for _ in range(20)]
    assert len({key["id"] for key in made}) == len({key["key"][-43:] for key in made}) == 20


def test_a_key_is_stored_as_a_user_that_no_list_of_people_holds(user_items: Items) -> None:
    made = create().json
    item = stored_key(user_items)
    assert item["PK"] == {"S": f"TENANT#acme#USER#{made['id']}"}
    assert (item["SK"], item["kind"]) == ({"S": "USER"}, {"S": "API_KEY"})
    assert item["tenantKey"] == {"S": "TENANT#acme#API_KEYS"}
    assert not {"emailKey", "email", "taskKey"} & set(item)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"name": None}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"role": "owner"}, "role"),
        ({"role": "newcomer"}, "role"),
        ({"role": "system"}, "role"),
        ({"tenantId": "globex"}, "tenantId"),
        ({"keyHash": "0" * 64}, "keyHash"),
        ({"active": True}, "active"),
        ({"expiresAt": "tomorrow"}, "expiresAt"),
        ({"expiresAt": "2027-01-31"}, "expiresAt"),
        ({"expiresAt": "2027-01-31T09:30:00"}, "expiresAt"),
        ({"expiresAt": "2027-01-31 09:30:00Z"}, "expiresAt"),
        ({"expiresAt": "2027-02-30T09:30:00Z"}, "expiresAt"),
        ({"expiresAt": "2027-01-31T25:30:00Z"}, "expiresAt"),
        ({"expiresAt": "9999-12-31T23:59:59-23:59"}, "expiresAt"),
        ({"expiresAt": "0001-01-01T00:00:00+23:59"}, "expiresAt"),
        ({"expiresAt": "\u0662\u0660\u0662\u0667-01-31T09:30:00Z"}, "expiresAt"),
        ({"expiresAt": 1_800_000_000}, "expiresAt"),
    ],
)
def test_a_body_that_is_none(user_items: Items, change: dict[str, Any], where: str) -> None:
    before = user_items()
    answer = create(BODY | change)
    assert answer.error == (400, "bad_request")
    assert [detail.partition(":")[0] for detail in answer.details] == [where]
    assert user_items() == before


@pytest.mark.parametrize("age", [timedelta(0), timedelta(seconds=1), timedelta(days=400)])
def test_an_expiry_that_has_passed(age: timedelta) -> None:
    answer = create(BODY | {"expiresAt": clock.timestamp(MOMENT - age)})
    assert answer.error == (400, "bad_request")
    assert answer.details == ["expiresAt: must be in the future"]


@pytest.mark.parametrize("expires_at", [None, "2026-02-02t08:15:05z", "2126-02-02T08:15:05.123456789-11:00"])
def test_an_expiry_in_the_future_or_none(expires_at: str | None) -> None:
    assert create(BODY | {"expiresAt": expires_at}).status == 201


def test_no_key_is_made_for_a_tenant_that_is_being_deleted_or_gone(table: Any, user_items: Items) -> None:
    tenant(table, "acme", "DELETING")
    before = user_items()
    assert create().error == (404, "tenant_not_found")
    assert create(caller=Caller(ADMIN_ID, "initech", Role.ADMIN)).error == (404, "tenant_not_found")
    assert user_items() == before


@pytest.mark.parametrize(("times", "status"), [(1, 201), (5, 409)])
def test_a_tenant_that_is_being_changed(table: Any, times: int, status: int) -> None:
    failures = [cancelled(table, "TransactionConflict", "None")] * times

    def fail(**_kwargs: Any) -> None:
        if failures:
            raise failures.pop()

    table.meta.events.register("before-call.dynamodb.TransactWriteItems", fail)
    assert create().status == status
    assert failures == []


# --- reading and revoking --------------------------------------------------------------------------------------------


def test_a_key_is_read_and_listed_without_its_token() -> None:
    made = create().json
    del made["key"]
    assert read(made["id"]).json == read(made["id"].upper()).json == made
    assert listed().json == [made]


def test_the_list_is_by_name_in_pages() -> None:
    for name in ("gamma", "Alpha", "beta", "ALPHA", "a b", "a  a"):
        create(BODY | {"name": name})
    create(BODY | {"name": "of globex"}, STRANGER)
    names, query = [], "?limit=2"
    while query:
        page = listed(query)
        assert len(page.json) == 2
        names += [key["name"] for key in page.json]
        query = (page.next or "").removeprefix("/v1/api-keys")
    assert [name.lower() for name in names] == ["a  a", "a b", "alpha", "alpha", "beta", "gamma"]


def test_a_cursor_of_another_tenant() -> None:
    for caller in (ADMIN, STRANGER):
        for _ in range(2):
            create(caller=caller)
    of_globex = (listed("?limit=1", STRANGER).next or "").removeprefix("/v1/api-keys")
    assert listed(of_globex, STRANGER).status == 200
    assert listed(of_globex).error == (400, "bad_request")


def test_a_cursor_that_leads_further_than_a_key_can() -> None:
    position = f"{'z' * 1024}\t{UNKNOWN}"
    assert listed(f"?cursor={cursors.encode(position, scope='TENANT#acme#API_KEYS')}").error == (400, "bad_request")


def test_a_key_is_revoked_for_good_and_stays_with_its_name(user_items: Items, time: Clock) -> None:
    made = create().json
    before = stored_key(user_items)
    time.forward(minutes=1)
    assert (revoke(made["id"]).status, revoke(made["id"]).text) == (204, "")
    after = stored_key(user_items)
    assert after == before | {
        "active": {"BOOL": False},
        "updatedAt": {"S": clock.timestamp(time.now)},
        "version": {"N": "2"},
    }
    time.forward(minutes=1)
    assert revoke(made["id"]).status == 204
    assert stored_key(user_items) == after
    assert read(made["id"]).json["active"] is False
    assert [key["active"] for key in listed().json] == [False]


def test_a_key_erased_between_look_and_revocation_is_not_brought_back(table: Any, user_items: Items) -> None:
    made = create().json
    before = [item for item in user_items() if "keyHash" not in item]
    table.delete_item(TableName=USERS_TABLE, Key={name: stored_key(user_items)[name] for name in ("PK", "SK")})
    ApiKeyRepository(data_of(table, "acme")).revoke(made["id"], now=MOMENT_TEXT)
    assert user_items() == before


# --- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [read, revoke])
def test_what_is_no_key_of_the_tenant(
    table: Any, user_items: Items, operation: Callable[[str, Caller], Answer]
) -> None:
    made = create().json
    person = {"PK": f"TENANT#acme#USER#{ADMIN_ID}", "SK": "USER", "id": ADMIN_ID, "kind": "PERSON", "role": "admin"}
    table.put_item(TableName=USERS_TABLE, Item=to_item({**person, "active": True}))
    before = user_items()
    for key_id, caller in ((UNKNOWN, ADMIN), ("x", ADMIN), (ADMIN_ID, ADMIN), (made["id"], STRANGER)):
        assert operation(key_id, caller).error == (404, "api_key_not_found")
    assert user_items() == before


@pytest.mark.parametrize("caller", [REPORTER, AGENT, NEWCOMER], ids=lambda caller: caller.role)
def test_admins_alone_have_to_do_with_keys(user_items: Items, caller: Caller) -> None:
    made = create().json
    before = user_items()
    for answer in (create({}, caller), read(made["id"], caller), read("x", caller), listed("", caller)):
        assert answer.error == (403, "forbidden")
    assert revoke(made["id"], caller).error == (403, "forbidden")
    assert user_items() == before


def test_a_key_of_an_admin_makes_no_keys_but_revokes_them() -> None:
    made = create().json
    assert create(caller=ADMINS_KEY).error == (403, "forbidden")
    assert listed("", ADMINS_KEY).status == 200
    assert revoke(made["id"], ADMINS_KEY).status == 204


def test_no_repository_without_a_tenant(table: Any) -> None:
    for tenant_id in ("", "a#b", "a*", "ä"):
        with pytest.raises(ValueError, match="tenant"):
            ApiKeyRepository(data_of(table, tenant_id))
