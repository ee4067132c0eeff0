"""Two tenants with their people on moto, and calls of the operations on views."""

from collections.abc import Mapping
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from functions.views import create_view, delete_view, get_view, list_views, update_view
from tests.unit.support import (
    ADMIN,
    AGENT,
    MOMENT_TEXT,
    OTHER_REPORTER,
    REPORTER,
    SEARCH_TABLE,
    STRANGER,
    USERS_TABLE,
    Answer,
    api_event,
    audited,
    put_user,
    send,
)
from ticketing.access.identity import Caller
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.tables import tenant_prefix

type Headers = Mapping[str, str] | None

BODY = {"name": "Printers", "query": "printer status:OPEN"}


class Desk:
    """The views as callers see them, and their items."""

    def __init__(self, client: DynamoDBClient) -> None:
        self.client = client

    def tenant(self, tenant_id: str, state: str = "ACTIVE") -> None:
        """Write a tenant's item."""
        values = {"id": tenant_id, "name": tenant_id, "state": state, "settings": {}, "admins": 1}
        values |= {"foundedById": "x", "version": 1, "createdAt": MOMENT_TEXT, "updatedAt": MOMENT_TEXT}
        key = {"PK": f"{tenant_prefix(tenant_id)}#TENANT", "SK": "TENANT"}
        self.client.put_item(TableName=USERS_TABLE, Item=to_item(key | values))

    def create(self, caller: Caller = AGENT, key: str | None = None, **values: Any) -> Answer:
        headers = {} if key is None else {"Idempotency-Key": key}
        event = api_event("POST", "/v1/views", caller=caller, body=BODY | values, headers=headers)
        return send(create_view.handler, event)

    def made(self, caller: Caller = AGENT, **values: Any) -> str:
        """Create a view and return its id."""
        answer = self.create(caller, **values)
        assert answer.status == 201, answer.text
        return str(answer.json["id"])

    def listed(self, caller: Caller = AGENT) -> list[dict[str, Any]]:
        answer = send(list_views.handler, api_event("GET", "/v1/views", caller=caller))
        assert answer.status == 200, answer.text
        found: list[dict[str, Any]] = answer.json
        return found

    def names(self, caller: Caller = AGENT) -> list[str]:
        return [view["name"] for view in self.listed(caller)]

    def read(self, view_id: str, caller: Caller = AGENT, *, headers: Headers = None) -> Answer:
        return send(get_view.handler, api_event("GET", f"/v1/views/{view_id}", caller=caller, headers=headers))

    def update(self, view_id: str, body: Any, caller: Caller = AGENT, *, headers: Headers = None) -> Answer:
        event = api_event("PATCH", f"/v1/views/{view_id}", caller=caller, body=body, headers=headers)
        return send(update_view.handler, event)

    def delete(self, view_id: str, caller: Caller = AGENT, *, headers: Headers = None) -> Answer:
        return send(delete_view.handler, api_event("DELETE", f"/v1/views/{view_id}", caller=caller, headers=headers))

    def items(self) -> dict[str, dict[str, Any]]:
        """Return all that the search table holds, in plain values, by range key."""
        found = [from_item(item) for item in self.client.scan(TableName=SEARCH_TABLE)["Items"]]
        return {item.pop("SK"): item for item in found}

    def audited(self) -> list[dict[str, Any]]:
        """Return the audit events, the oldest first."""
        return audited(self.client)


@pytest.fixture
def desk(dynamodb: DynamoDBClient) -> Desk:
    desk = Desk(dynamodb)
    for tenant_id in ("acme", "globex"):
        desk.tenant(tenant_id)
    for caller in (REPORTER, OTHER_REPORTER, AGENT, ADMIN, STRANGER):
        put_user(dynamodb, caller)
    return desk
