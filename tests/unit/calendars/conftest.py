"""Two tenants with their people on moto, and calls of the operations on calendars."""

from collections.abc import Mapping
from typing import Any, Final

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from functions.calendars import create_calendar, delete_calendar, get_calendar, list_calendars, update_calendar
from tests.unit.support import (
    ADMIN,
    AGENT,
    MOMENT_TEXT,
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

MONDAYS: Final = {"monday": [{"from": "09:00", "to": "12:30"}, {"from": "13:00", "to": "17:00"}]}
BODY: Final = {"name": "Desk", "timeZone": "Europe/Berlin", "hours": MONDAYS}


class Calendars:
    """The calendars as callers see them, and their items."""

    def __init__(self, client: DynamoDBClient) -> None:
        self.client = client

    def tenant(self, tenant_id: str, state: str = "ACTIVE", **settings: str) -> None:
        """Write a tenant's item."""
        values = {"id": tenant_id, "name": tenant_id, "state": state, "settings": settings, "admins": 1}
        values |= {"foundedById": "x", "version": 1, "createdAt": MOMENT_TEXT, "updatedAt": MOMENT_TEXT}
        key = {"PK": f"{tenant_prefix(tenant_id)}#TENANT", "SK": "TENANT"}
        self.client.put_item(TableName=USERS_TABLE, Item=to_item(key | values))

    def create(self, caller: Caller = ADMIN, **values: Any) -> Answer:
        body = {name: value for name, value in (BODY | values).items() if value is not None}
        return send(create_calendar.handler, api_event("POST", "/v1/calendars", caller=caller, body=body))

    def made(self, caller: Caller = ADMIN, **values: Any) -> str:
        """Create a calendar and return its id."""
        answer = self.create(caller, **values)
        assert answer.status == 201, answer.text
        return str(answer.json["id"])

    def all(self, caller: Caller = AGENT) -> Answer:
        return send(list_calendars.handler, api_event("GET", "/v1/calendars", caller=caller))

    def read(self, calendar_id: str, caller: Caller = AGENT, *, headers: Headers = None) -> Answer:
        event = api_event("GET", f"/v1/calendars/{calendar_id}", caller=caller, headers=headers)
        return send(get_calendar.handler, event)

    def update(self, calendar_id: str, body: Any, caller: Caller = ADMIN, *, headers: Headers = None) -> Answer:
        event = api_event("PATCH", f"/v1/calendars/{calendar_id}", caller=caller, body=body, headers=headers)
        return send(update_calendar.handler, event)

    def delete(self, calendar_id: str, caller: Caller = ADMIN, *, headers: Headers = None) -> Answer:
        event = api_event("DELETE", f"/v1/calendars/{calendar_id}", caller=caller, headers=headers)
        return send(delete_calendar.handler, event)

    def items(self) -> dict[str, dict[str, Any]]:
        """Return all that the search table holds, in plain values, by partition key."""
        found = [from_item(item) for item in self.client.scan(TableName=SEARCH_TABLE)["Items"]]
        return {item.pop("PK"): item for item in found}

    def audited(self) -> list[dict[str, Any]]:
        """Return the audit events, the oldest first."""
        return audited(self.client)


@pytest.fixture
def calendars(dynamodb: DynamoDBClient) -> Calendars:
    calendars = Calendars(dynamodb)
    for tenant_id in ("acme", "globex"):
        calendars.tenant(tenant_id)
    for caller in (REPORTER, AGENT, ADMIN, STRANGER):
        put_user(dynamodb, caller)
    return calendars
