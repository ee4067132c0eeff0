"""What the unit tests share: people, tickets, API Gateway's events, a state machine that does as it is told."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import DynamoDBBackend
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_stepfunctions import SFNClient

from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.aws import clients
from ticketing.aws.data import TenantData
from ticketing.deployment import Tables
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.tickets.events import Change, TicketEvent
from ticketing.tickets.kinds import EventType, Priority, TicketType
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket
from ticketing.tickets.repository import TicketRepository
from ticketing.users.models import User
from ticketing.users.states import Kind

ROOT: Final = Path(__file__).resolve().parents[2]

TABLE: Final = "tickets"
USERS_TABLE: Final = "users"
NOTIFICATIONS_TABLE: Final = "notifications"
SEARCH_TABLE: Final = "search"
BUCKET: Final = "files"
SEARCH_BUCKET: Final = "packs"
STATE_MACHINE: Final = "arn:aws:states:us-east-1:123456789012:stateMachine:lifecycle"
REQUEST_ID: Final = "3f8a1c52-0d7e-4b1f-9a55-6f1c2d3e4a5b"

REPORTER_ID: Final = "11111111-1111-4111-8111-111111111111"
OTHER_ID: Final = "22222222-2222-4222-8222-222222222222"
AGENT_ID: Final = "33333333-3333-4333-8333-333333333333"
ADMIN_ID: Final = "44444444-4444-4444-8444-444444444444"
TICKET_ID: Final = "019c1f0e-7a3b-7c41-9d2e-5f60718293a4"

REPORTER: Final = Caller(REPORTER_ID, "acme", Role.REPORTER)
OTHER_REPORTER: Final = Caller(OTHER_ID, "acme", Role.REPORTER)
AGENT: Final = Caller(AGENT_ID, "acme", Role.AGENT)
ADMIN: Final = Caller(ADMIN_ID, "acme", Role.ADMIN)
NEWCOMER: Final = Caller(OTHER_ID, "", Role.NEWCOMER)
"""Somebody who signed up and has no tenant yet."""
STRANGER: Final = Caller(ADMIN_ID, "globex", Role.ADMIN)
"""An admin of another tenant."""


def data_of(client: DynamoDBClient, tenant_id: str) -> TenantData:
    """Return a tenant's data in the unit tests' tables."""
    return TenantData(client, Tables(TABLE, USERS_TABLE, NOTIFICATIONS_TABLE, SEARCH_TABLE), tenant_id)


MOMENT: Final = datetime(2026, 2, 2, 8, 15, 4, 120_000, tzinfo=UTC)
MOMENT_TEXT: Final = "2026-02-02T08:15:04.120Z"


def a_ticket(**values: Any) -> Ticket:
    """Return a new ticket of `acme` that REPORTER reported, with these values (inside names) instead of its own."""
    plain = Ticket.model_validate(
        {
            "id": TICKET_ID,
            "tenantId": "acme",
            "number": 1,
            "title": "VPN drops",
            "description": "Every ten minutes.",
            "status": Status.NEW,
            "priority": Priority.MEDIUM,
            "type": TicketType.INCIDENT,
            "reporterId": REPORTER_ID,
            "tags": [],
            "version": 1,
            "createdAt": MOMENT_TEXT,
            "updatedAt": MOMENT_TEXT,
        }
    )
    return plain.model_copy(update=values)


def an_event(ticket: Ticket, kind: EventType = EventType.TICKET_UPDATED, **changes: Change) -> TicketEvent:
    """Return the event of a change by AGENT that left the ticket as it is given."""
    return TicketEvent.of(kind, ticket, AGENT, changes)


def audited(client: DynamoDBClient) -> list[dict[str, Any]]:
    """Return the audit events of acme, the oldest first."""
    found = client.query(
        TableName=TABLE,
        KeyConditionExpression="PK = :audit",
        ExpressionAttributeValues=to_item({":audit": "TENANT#acme#AUDIT"}),
    )
    return [from_item(item) for item in found["Items"]]


def stored(client: Any, ticket: Ticket) -> Ticket:
    """Put a ticket into the table as creating it would, and return it."""
    tickets = TicketRepository(data_of(client, ticket.tenant_id))
    tickets.create(ticket, an_event(ticket, EventType.TICKET_CREATED))
    return ticket


def moto_tables() -> DynamoDBBackend:
    """Return moto's tables, past its API."""
    return get_backend("dynamodb")[DEFAULT_ACCOUNT_ID]["us-east-1"]


def put_item(table: str, item: dict[str, Any]) -> None:
    """Write an item, in DynamoDB's JSON, straight into moto's table: a request would take ten times as long."""
    moto_tables().put_item(table, item)


def orders_of(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Let orders of the search index go nowhere else than into the list that is returned."""
    orders: list[dict[str, Any]] = []

    class Queue:
        def send_message(self, **message: str) -> None:
            orders.append(json.loads(message["MessageBody"]))

    monkeypatch.setenv("SEARCH_INDEXING", "orders")
    monkeypatch.setattr(clients, "sqs", Queue)
    return orders


def user_row(user: Caller, *, name: str = "Somebody", active: bool = True) -> dict[str, Any]:
    """Return what tickets read of a user's item, in DynamoDB's JSON."""
    return {
        "PK": {"S": f"TENANT#{user.tenant_id}#USER#{user.user_id}"},
        "SK": {"S": "USER"},
        "id": {"S": user.user_id},
        "name": {"S": name},
        "role": {"S": user.role.value},
        "active": {"BOOL": active},
    }


def a_person(user_id: str, **values: Any) -> User:
    """Return an agent of acme whose tokens have counted for long, with these values (inside names)."""
    plain = User.model_validate(
        {
            "id": user_id,
            "tenantId": "acme",
            "kind": Kind.PERSON,
            "name": "Ben",
            "email": "agent@acme.example",
            "role": Role.AGENT,
            "active": True,
            "tokensValidFrom": 1,
            "version": 1,
            "createdAt": MOMENT_TEXT,
            "updatedAt": MOMENT_TEXT,
        }
    )
    return plain.model_copy(update=values)


def put_user(client: Any, user: Caller, *, name: str = "Somebody", active: bool = True) -> None:
    """Write what tickets read of a user's item, over whatever is there."""
    client.put_item(TableName=USERS_TABLE, Item=user_row(user, name=name, active=active))


def as_item(ticket: Ticket, **keys: str) -> dict[str, Any]:
    """Return a ticket in DynamoDB's JSON, as the state machine answers it."""
    item: dict[str, Any] = {"PK": {"S": f"TENANT#{ticket.tenant_id}#TICKET#{ticket.id}"}, "SK": {"S": "TICKET"}}
    for name, value in (ticket.model_dump(mode="json", by_alias=True) | keys).items():
        if isinstance(value, list):
            item[name] = {"L": [{"S": tag} for tag in value]}
        elif value is not None:
            item[name] = {"N": str(value)} if isinstance(value, int) else {"S": value}
    return item


def cancelled(client: DynamoDBClient, *codes: str) -> ClientError:
    """Return the error of a transaction that was cancelled, with the reason of each of its items."""
    answer: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    return client.exceptions.TransactionCanceledException(answer, "TransactWriteItems")


# --- the table, as template.yaml defines it --------------------------------------------------------------------------


_ATTRIBUTE: Final = re.compile(r"\$\{(\w+\.\w+)\}")
_IN_USE: Final = re.compile(r"\b(\w+?Table)(Arn|StreamArn|)InUse\.Value\b")


class _CloudFormationLoader(yaml.CSafeLoader):
    """YAML with CloudFormation's tags; what a tag stands for does not matter here, so its value is kept as written."""


def _untagged(loader: yaml.CSafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        # As the fragments have it: `!GetAtt A.B`, and the stack's own table, in whose place a restored one may be.
        text = loader.construct_scalar(node)
        text = match[1] if (match := _ATTRIBUTE.fullmatch(text)) else text
        return _IN_USE.sub(lambda match: f"{match[1]}.{match[2]}".removesuffix("."), text)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


_CloudFormationLoader.add_multi_constructor("!", _untagged)


@cache
def template() -> dict[str, Any]:
    """Return template.yaml, its tags taken off; read once, so whoever changes a part copies it first."""
    document: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), _CloudFormationLoader)  # noqa: S506
    return document


def create_table(client: Any, name: str, properties: Mapping[str, Any]) -> None:
    """Make a table from the properties that the template gives it."""
    taken = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")
    client.create_table(TableName=name, **{each: properties[each] for each in taken if each in properties})


# --- API Gateway -----------------------------------------------------------------------------------------------------


@dataclass
class Context:
    """The part of Lambda's context that the frames read. `left` answers how much time is left, one by one."""

    aws_request_id: str = "c7b1a7de-lambda"
    left: Iterator[int] = field(default_factory=lambda: repeat(60_000))

    def get_remaining_time_in_millis(self) -> int:
        return next(self.left)


def api_event(
    method: str,
    path: str,
    *,
    caller: Caller | None = AGENT,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    domain: str = "tickets.example.com",
    **overrides: Any,
) -> dict[str, Any]:
    """Return what API Gateway (REST, proxy integration) hands to a function for a request.

    `path` may carry a query; a body that is not text is sent as JSON; `overrides` replace top-level parts of the event.
    """
    url = urlsplit(path)
    query = parse_qs(url.query, keep_blank_values=True)
    sent = {"Host": domain, "Authorization": "Bearer secret.token.text", **(headers or {})}
    if body is not None:
        sent = {"Content-Type": "application/json"} | sent
    parts = url.path.split("/")
    event: dict[str, Any] = {
        "resource": "/v1/tickets",
        "path": url.path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(zip(("id", "commentId"), parts[3::2], strict=False)) or None,
        "stageVariables": None,
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
        "requestContext": {
            "requestId": REQUEST_ID,
            "stage": "api",
            "path": f"/api{url.path}",
            "domainName": domain,
            "httpMethod": method,
            "identity": {"sourceIp": "192.0.2.1"},
        },
    }
    if caller is not None:
        event["requestContext"]["authorizer"] = {
            "principalId": caller.user_id,
            "userId": caller.user_id,
            "tenantId": caller.tenant_id,
            "role": caller.role.value,
            "kind": "API_KEY" if caller.is_api_key else "PERSON",
            "integrationLatency": 3,
        }
    return event | overrides


@dataclass(frozen=True)
class Answer:
    """What a function answered to API Gateway."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> tuple[int, str]:
        """The status and the error's code."""
        return self.status, self.json["code"]

    @property
    def details(self) -> list[str]:
        details: list[str] = self.json["details"]
        return details

    @property
    def next(self) -> str | None:
        """The address of the next page, taken out of `Link`."""
        link = self.headers.get("Link")
        return None if link is None else link.removeprefix("<").removesuffix('>; rel="next"')


type Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def send(handler: Handler, event: dict[str, Any]) -> Answer:
    """Hand an event to a function, through JSON as Lambda does, and return what it answered."""
    raw = json.loads(json.dumps(handler(json.loads(json.dumps(event)), Context())))
    assert set(raw) == {"statusCode", "headers", "body"}
    return Answer(raw["statusCode"], raw["headers"], raw["body"])


# --- the state machine -----------------------------------------------------------------------------------------------


@dataclass
class StubbedLifecycle:
    """A Step Functions client whose executions end as they were told to, one after the other."""

    client: SFNClient
    stubber: Stubber
    texts: list[str] = field(default_factory=list)
    """The input of each execution, as it was sent."""

    def __post_init__(self) -> None:
        self.client.meta.events.register("provide-client-params.stepfunctions.StartSyncExecution", self._record)

    def _record(self, params: dict[str, Any], **_kwargs: Any) -> None:
        self.texts.append(params["input"])

    @property
    def inputs(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.texts]

    def decides(self, outcome: str, ticket: Ticket | None = None, **rest: str) -> None:
        """Let the next execution succeed with this outcome."""
        output = {"outcome": outcome} | ({} if ticket is None else {"ticket": as_item(ticket)}) | rest
        self._ends(status="SUCCEEDED", output=json.dumps(output))

    def ends(self, status: str, **rest: str) -> None:
        """Let the next execution end without an output."""
        self._ends(status=status, **rest)

    def _ends(self, **answer: str) -> None:
        times = {"startDate": MOMENT, "stopDate": MOMENT + timedelta(milliseconds=20)}
        self.stubber.add_response(
            "start_sync_execution",
            {"executionArn": f"{STATE_MACHINE}:1", **times, **answer},
            {"stateMachineArn": STATE_MACHINE, "input": ANY},
        )
