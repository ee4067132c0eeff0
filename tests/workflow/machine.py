"""The state machine as these tests see it: put a ticket there, ask for a move, look at what was written."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ticketing.access.roles import Role
from ticketing.clock import timestamp
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.tickets.lifecycle import Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient

DEFINITION = Path(__file__).parents[2] / "statemachines" / "ticket_lifecycle.asl.yaml"

Values = dict[str, Any]

TENANT = "workflow"
"""A tenant of its own: what is put there past the API disturbs no other test."""

REPORTER, SOMEBODY, ASSIGNEE = (str(uuid.UUID(int=n)) for n in (1, 2, 3))


@dataclass(frozen=True)
class Actor:
    """Who asks for a move."""

    id: str
    role: Role


AGENT = Actor(SOMEBODY, Role.AGENT)
OWN_REPORTER = Actor(REPORTER, Role.REPORTER)


def definition() -> Values:
    """Return the state machine's definition, its substitutions still in it."""
    loaded: Values = yaml.safe_load(DEFINITION.read_text())
    return loaded


def substituted(table: str) -> str:
    """Return the definition as JSON text, for a table."""
    return json.dumps(definition()).replace("${Partition}", "aws").replace("${TicketsTable}", table)


def new_ticket(status: Status = Status.NEW, **values: Any) -> Values:
    """Return a ticket with its keys, in plain values, with what every move needs; None leaves a value out."""
    ticket_id = str(uuid.uuid4())
    now = timestamp(datetime.now(UTC))
    changed = "2026-01-02T03:04:05.678Z"
    ticket: Values = {
        "id": ticket_id,
        "tenantId": TENANT,
        "number": 12,
        "title": "VPN drops",
        "description": "Every ten minutes, since this morning.",
        "status": str(status),
        "priority": "MEDIUM",
        "type": "INCIDENT",
        "reporterId": REPORTER,
        "assignedToId": ASSIGNEE,
        "tags": ["vpn"],
        "resolution": "Restarted the gateway.",
        "version": 7,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": changed,
        "closedAt": now if status is Status.CLOSED else None,
    }
    ticket |= values
    return {
        "PK": f"TENANT#{TENANT}#TICKET#{ticket_id}",
        "SK": "TICKET",
        "tenantKey": f"TENANT#{TENANT}#TICKETS",
        **index_keys(ticket),
        **{name: value for name, value in ticket.items() if value is not None},
    }


def index_keys(ticket: Mapping[str, Any]) -> Values:
    """Return the index attributes that follow from a ticket's values."""
    tenant = f"TENANT#{ticket['tenantId']}"
    return {
        "statusKey": f"{tenant}#STATUS#{ticket['status']}",
        "assigneeKey": f"{tenant}#ASSIGNEE#{ticket.get('assignedToId') or 'none'}",
        "reporterKey": f"{tenant}#REPORTER#{ticket['reporterId']}",
        "listKey": f"{ticket['updatedAt']}#{ticket['id']}",
    }


@dataclass(frozen=True)
class Execution:
    """How an execution ended: its output if it succeeded, its error if not."""

    status: str
    output: Values
    error: str | None = None
    cause: str | None = None

    @property
    def outcome(self) -> str:
        """What the machine decided; an execution that failed decided nothing."""
        assert self.status == "SUCCEEDED", f"{self.error}: {self.cause}"
        return str(self.output["outcome"])

    @property
    def ticket(self) -> Values:
        """The ticket in the output, in plain values."""
        assert self.status == "SUCCEEDED", f"{self.error}: {self.cause}"
        return from_item(self.output["ticket"])


@dataclass(frozen=True)
class Machine:
    """A deployed state machine and its table."""

    dynamodb: "DynamoDBClient"
    stepfunctions: "SFNClient"
    table: str
    arn: str

    def put(self, ticket: Values) -> Values:
        """Write a ticket as it is given, past the state machine, and return it."""
        self.dynamodb.put_item(TableName=self.table, Item=to_item(ticket))
        return ticket

    def read(self, ticket: Values) -> Values | None:
        """Return the ticket as it is now."""
        key = to_item({"PK": ticket["PK"], "SK": "TICKET"})
        item = self.dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
        return from_item(item) if item else None

    def events(self, ticket: Values) -> list[Values]:
        """Return the ticket's events, oldest first."""
        answer = self.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="PK = :pk AND begins_with(SK, :events)",
            ExpressionAttributeValues=to_item({":pk": ticket["PK"], ":events": "EVENT#"}),
            ConsistentRead=True,
        )
        return [from_item(item) for item in answer["Items"]]

    def others(self, ticket: Values) -> list[Values]:
        """Return what else stands under the ticket's partition key: all but the ticket and its events."""
        answer = self.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues=to_item({":pk": ticket["PK"]}),
            ConsistentRead=True,
        )
        items = [from_item(item) for item in answer["Items"]]
        return [item for item in items if item["SK"] != "TICKET" and not item["SK"].startswith("EVENT#")]

    def move(
        self,
        ticket: Values,
        to: Status | str,
        actor: Actor = AGENT,
        *,
        fields: Mapping[str, Any] | None = None,
        comment: str | None = None,
        expected_version: int | None = None,
        tenant: str | None = None,
        new_comment: Values | None = None,
    ) -> Execution:
        """Run the state machine once."""
        request = {
            "tenantId": tenant or ticket["tenantId"],
            "ticketId": ticket["id"],
            "actor": {"id": actor.id, "role": actor.role},
            "to": to,
            "fields": dict(fields or {}),
            "comment": comment,
            "expectedVersion": expected_version,
            "newComment": new_comment,
        }
        return self.run(request)

    def run(self, request: Any) -> Execution:
        """Run the state machine once on any input."""
        answer = self.stepfunctions.start_sync_execution(
            stateMachineArn=self.arn, input=json.dumps(request, ensure_ascii=False)
        )
        output = json.loads(answer["output"]) if answer["status"] == "SUCCEEDED" else {}
        return Execution(answer["status"], output, answer.get("error"), answer.get("cause"))
