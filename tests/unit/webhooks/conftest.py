"""Two tenants with their admins on moto, the queue of deliveries, and names that resolve as a test says."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.support import (
    ADMIN,
    ADMIN_ID,
    MOMENT_TEXT,
    NOTIFICATIONS_TABLE,
    STRANGER,
    USERS_TABLE,
    Answer,
    Handler,
    api_event,
    put_item,
    send,
)
from ticketing.access.identity import Caller
from ticketing.aws import clients
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.tables import tenant_prefix
from ticketing.webhooks import targets
from ticketing.webhooks.models import Webhook

PUBLIC = "93.184.215.14"
URL = "https://hooks.example.com/in"


def a_webhook(webhook_id: str, **values: Any) -> Webhook:
    """Return a webhook of `acme` that wants every event but internal ones, with these values instead of its own."""
    plain = Webhook(
        id=webhook_id,
        tenant_id="acme",
        url=URL,
        event_types=["*"],
        internal_comments=False,
        active=True,
        version=1,
        created_by_id=ADMIN_ID,
        created_at=MOMENT_TEXT,
        updated_at=MOMENT_TEXT,
    )
    return plain.model_copy(update=values)


@dataclass
class Names:
    """What names resolve to; one that is not here has no address."""

    addresses: dict[str, list[str]] = field(default_factory=lambda: {"hooks.example.com": [PUBLIC]})
    asked: list[tuple[str, int]] = field(default_factory=list)

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        if host not in self.addresses:
            raise OSError
        return self.addresses[host]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(targets, "_resolve", names.resolve)
    return names


@dataclass
class World:
    """The tables and the queue."""

    client: Any
    queue: str

    def tenant(self, tenant_id: str, state: str = "ACTIVE") -> None:
        """Write a tenant's item."""
        values = {"id": tenant_id, "name": tenant_id, "state": state, "settings": {}, "admins": 1}
        values |= {"foundedById": "x", "version": 1, "createdAt": "x", "updatedAt": "x"}
        self.put(USERS_TABLE, {"PK": f"{tenant_prefix(tenant_id)}#TENANT", "SK": "TENANT"} | values)

    def person(self, caller: Caller, **values: Any) -> None:
        """Write somebody's row."""
        row = {"id": caller.user_id, "tenantId": caller.tenant_id, "kind": "PERSON", "name": "Ada", "version": 1}
        row |= {"role": caller.role.value, "active": True, "createdAt": "x", "updatedAt": "x"}
        key = {"PK": f"{tenant_prefix(caller.tenant_id)}#USER#{caller.user_id}", "SK": "USER"}
        self.put(USERS_TABLE, key | row | values)

    def put(self, table: str, item: dict[str, Any]) -> None:
        put_item(table, to_item(item))

    def items(self) -> dict[str, dict[str, Any]]:
        """Return all that the notifications table holds, in plain values, by partition and sort key."""
        found = [from_item(item) for item in self.client.scan(TableName=NOTIFICATIONS_TABLE)["Items"]]
        return {f"{item.pop('PK')} {item.pop('SK')}": item for item in found}

    def messages(self) -> list[dict[str, Any]]:
        """Take all messages out of the queue."""
        found: list[dict[str, Any]] = []
        while messages := clients.sqs().receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                clients.sqs().delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        return found


@pytest.fixture
def world(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    queue = clients.sqs().create_queue(QueueName=f"deliveries-{uuid4()}")["QueueUrl"]
    monkeypatch.setenv("WEBHOOK_DELIVERIES", queue)
    monkeypatch.setenv("WEBHOOK_RETRY_SECONDS", "5,60")
    world = World(dynamodb, queue)
    for caller in (ADMIN, STRANGER):
        world.tenant(caller.tenant_id)
        world.person(caller)
    return world


def call(handler: Handler, method: str, path: str, caller: Caller = ADMIN, **sent: Any) -> Answer:
    """Send a request, with what API Gateway says of a path with two ids."""
    event = api_event(method, path, caller=caller, **sent)
    steps = path.partition("?")[0].split("/")
    if len(steps) > 5:
        event["pathParameters"]["deliveryId"] = steps[5]
    return send(handler, event)
