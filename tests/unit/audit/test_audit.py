"""The audit trail: who did what, from where; in the transaction of the change, and without secrets."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from docs.events.generate import HERE, audit_schema
from functions.audit import list_audit_events
from functions.users import create_api_key, revoke_api_key, update_tenant
from functions.webhooks import create_webhook, delete_webhook, rotate_secret, update_webhook
from tests.unit.conftest import Clock
from tests.unit.support import ADMIN, ADMIN_ID, MOMENT_TEXT, TABLE, USERS_TABLE, Answer, api_event, put_user, send
from ticketing.access.roles import Role
from ticketing.audit.models import KEPT
from ticketing.audit.repository import event_from, is_audit_event
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.events.publishing import AUDIT_SOURCE, Publisher
from ticketing.webhooks import operations

AGENT_STRING = "curl/8 " + "x" * 300
WEBHOOK = {"url": "https://1.1.1.1/hook/secret?token=hidden", "eventTypes": ["*"]}


@pytest.fixture
def tenant(dynamodb: DynamoDBClient) -> DynamoDBClient:
    """Return the tables with the tenant acme and its admin."""
    values = {"id": "acme", "name": "Acme", "state": "ACTIVE", "settings": {}, "admins": 1, "foundedById": ADMIN_ID}
    values |= {"version": 1, "createdAt": MOMENT_TEXT, "updatedAt": MOMENT_TEXT}
    item = {"PK": "TENANT#acme#TENANT", "SK": "TENANT"} | values
    dynamodb.put_item(TableName=USERS_TABLE, Item=to_item(item))
    put_user(dynamodb, ADMIN)
    return dynamodb


def call(handler: Any, method: str, path: str, body: Any = None) -> Answer:
    event = api_event(method, path, caller=ADMIN, body=body)
    event["requestContext"]["identity"] |= {"userAgent": AGENT_STRING}
    return send(handler, event)


def listed(query: str = "") -> Answer:
    return call(list_audit_events.handler, "GET", f"/v1/audit-events{query}")


def items(table: DynamoDBClient) -> list[dict[str, Any]]:
    found = table.query(
        TableName=TABLE,
        KeyConditionExpression="PK = :audit",
        ExpressionAttributeValues=to_item({":audit": "TENANT#acme#AUDIT"}),
    )
    return [dict(item) for item in found["Items"]]


@pytest.mark.usefixtures("time")
def test_a_change_is_told_with_who_and_from_where(tenant: DynamoDBClient) -> None:
    body = {"name": "Acme Tools", "settings": {"autoCloseDays": 7}}
    assert call(update_tenant.handler, "PATCH", "/v1/tenant", body).status == 200
    (event,) = listed().json
    assert event == {
        "id": event["id"],
        "occurredAt": MOMENT_TEXT,
        "action": "updateTenant",
        "actor": {"id": ADMIN_ID, "kind": "PERSON", "role": "admin"},
        "target": {"type": "TENANT", "id": "acme"},
        "changes": {
            "name": {"from": "Acme", "to": "Acme Tools"},
            "settings.autoCloseDays": {"from": None, "to": 7},
        },
        "ipAddress": "192.0.2.1",
        "userAgent": AGENT_STRING[:200],
    }
    (item,) = items(tenant)
    assert int(item["expiresAt"]["N"]) == int((datetime.fromisoformat(MOMENT_TEXT) + KEPT).timestamp())


def test_what_changes_nothing_is_not_told(tenant: DynamoDBClient) -> None:
    assert call(update_tenant.handler, "PATCH", "/v1/tenant", {"name": "Acme"}).status == 200
    assert items(tenant) == []


def test_keys_and_webhooks_are_told_without_their_secrets(
    tenant: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "check_target", lambda _url: None)  # which resolves names
    key = call(create_api_key.handler, "POST", "/v1/api-keys", {"name": "Importer", "role": "agent"})
    place = f"/v1/api-keys/{key.json['id']}"
    assert [call(revoke_api_key.handler, "DELETE", place).status for _ in range(2)] == [204, 204]
    webhook = call(create_webhook.handler, "POST", "/v1/webhooks", WEBHOOK)
    place = f"/v1/webhooks/{webhook.json['id']}"
    assert call(update_webhook.handler, "PATCH", place, {"active": False}).status == 200
    rotated = call(rotate_secret.handler, "POST", f"{place}/secret", {})
    assert call(delete_webhook.handler, "DELETE", place).status == 204
    told = [event_from(item) for item in items(tenant)]
    assert len(told) == 6, "the key was revoked once"
    changes = {
        event.action.value: {name: (change.before, change.after) for name, change in event.changes.items()}
        for event in told
    }
    assert changes["createApiKey"] == {"name": (None, "Importer"), "role": (None, "agent"), "active": (None, True)}
    assert changes["revokeApiKey"] == changes["updateWebhook"] == {"active": (True, False)}
    assert changes["createWebhook"]["origin"] == (None, "https://1.1.1.1")
    assert changes["rotateSecret"] == {}
    assert changes["deleteWebhook"]["origin"] == ("https://1.1.1.1", None)
    stored = json.dumps(items(tenant))
    for secret in (key.json["key"], webhook.json["secret"], rotated.json["secret"], "/hook/", "hidden"):
        assert secret not in stored


def test_the_newest_are_first_and_pages_follow(tenant: DynamoDBClient, time: Clock) -> None:
    for number in range(5):
        time.forward(seconds=1)
        assert call(update_tenant.handler, "PATCH", "/v1/tenant", {"name": f"Acme {number}"}).status == 200
    names, query = [], "?limit=2"
    while query:
        page = listed(query)
        names += [event["changes"]["name"]["to"] for event in page.json]
        link = page.headers.get("Link", "")
        query = "?" + link.partition("?")[2].partition(">")[0] if link else ""
    assert names == [f"Acme {number}" for number in (4, 3, 2, 1, 0)]
    other = listed("?limit=2").headers["Link"].partition("cursor=")[2].partition(">")[0].partition("&")[0]
    event = api_event("GET", f"/v1/audit-events?cursor={other}", caller=replace(ADMIN, tenant_id="globex"))
    put_user(tenant, replace(ADMIN, tenant_id="globex"))
    assert send(list_audit_events.handler, event).error == (400, "bad_request")


def test_an_admin_no_more_reads_nothing(tenant: DynamoDBClient) -> None:
    put_user(tenant, replace(ADMIN, role=Role.AGENT))
    assert listed().error == (403, "forbidden")


class Bus:
    """What was put on the bus."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self.entries += Entries
        return {"Entries": [{} for _ in Entries]}


def test_it_is_published_with_a_source_of_its_own(tenant: DynamoDBClient) -> None:
    call(update_tenant.handler, "PATCH", "/v1/tenant", {"name": "Acme Tools"})
    (item,) = items(tenant)
    key = {name: item[name] for name in ("PK", "SK")}
    assert is_audit_event(key)
    bus: Any = Bus()
    change = {"Keys": key, "SequenceNumber": "1", "NewImage": item}
    assert Publisher(bus, "bus").publish([{"dynamodb": change}]).events == 1
    (entry,) = bus.entries
    assert (entry["Source"], entry["DetailType"]) == (AUDIT_SOURCE, "AuditEventRecorded")
    detail = json.loads(entry["Detail"])
    assert (detail["tenantId"], detail["id"]) == ("acme", from_item(item)["id"])
    ((name, text),) = audit_schema().items()
    assert (HERE / name).read_text(encoding="utf-8") == text, "make schemas"
    schema = json.loads(text)
    assert detail.keys() <= schema["properties"].keys()
    assert set(schema["required"]) <= detail.keys()
