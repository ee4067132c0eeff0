"""Requests for which the document promises an answer, and the world that they are made in."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import uuid4

from tests.harness.client import Client
from tests.harness.people import DOMAIN, TICKET, Accounts, OwnTenant, Tenant
from tests.harness.receiver import SECONDS, Receiver
from tests.harness.stack import Stack
from ticketing.dynamodb.attributes import to_item
from ticketing.people.newcomers import REQUESTS_PER_DAY, newcomer_key

JSON = {"Content-Type": "application/json"}
SOMEBODY = "11111111-1111-4111-8111-111111111111"


@dataclass(frozen=True)
class Attempt:
    """A request, and what the document says comes of it."""

    operation: str
    status: int
    by: str | None = None
    """Who sends it; left out, whoever the operation is for."""
    given: "Callable[[World], str] | None" = None
    """Prepares what the request is about and returns its path; left out, whatever the operation succeeds with."""
    body: Any = None
    """JSON, text, or what makes JSON of the world; left out, what the operation succeeds with."""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    code: str | None = None
    """The error's code, where the status has several."""

    def __str__(self) -> str:
        return "-".join(str(part) for part in (self.operation, self.status, self.by, self.code) if part)


@dataclass(frozen=True)
class Valid:
    """A request that succeeds, and with what status."""

    method: str
    given: "Callable[[World], str]"
    body: Any = None
    by: str = "admin"
    suffix: str = ""
    status: int = 200


@dataclass
class World:
    """Everybody who may call, and what they call about. Made when first asked for, and then kept."""

    stack: Stack
    accounts: Accounts
    acme: Tenant
    found: Callable[[], OwnTenant]
    receiver: Receiver
    made: dict[str, Client] = field(default_factory=dict)

    def caller(self, name: str) -> Client:
        """Return who is called this. Those whom a request changes, or who last a minute, are always others."""
        if name not in self.made or name in {"newcomer", "leaving_member", "unknown"}:
            self.made[name] = getattr(self, f"_{name}")()
        return self.made[name]

    # --- Of the demo tenant

    def _admin(self) -> Client:
        return self.acme.admin

    def _agent(self) -> Client:
        return self.acme.agent

    def _reporter(self) -> Client:
        return self.acme.reporter

    def _anonymous(self) -> Client:
        return self.accounts.connect()

    @cached_property
    def reporter_id(self) -> str:
        """The demo tenant's reporter."""
        return str(self.acme.reporter.id)

    @cached_property
    def acme_name(self) -> str:
        """What the demo tenant is called."""
        return str(self.acme.admin.get("/v1/tenant").json()["name"])

    def ticket(self, **headers: str) -> str:
        """Make a ticket and return its path."""
        return str(self.acme.reporter.post("/v1/tickets", json=TICKET, headers=headers).headers["Location"])

    # --- Of a tenant of its own

    @cached_property
    def own(self) -> OwnTenant:
        """A tenant with one admin, where only agents create tickets and only one domain is invited."""
        own = self.found()
        settings = {"whoMayCreate": "AGENTS", "allowedEmailDomains": [own.email.partition("@")[2]]}
        own.admin.patch("/v1/tenant", json={"settings": settings})
        return own

    def _owner(self) -> Client:
        return self.own.admin

    def _member(self) -> Client:
        return self.own.join("reporter")

    def _colleague(self) -> Client:
        return self.own.join("agent")

    def _leaving_member(self) -> Client:
        return self._member()

    def _key(self) -> Client:
        """An API key that is an admin."""
        answer = self.own.admin.post("/v1/api-keys", json={"name": "A key", "role": "admin"})
        return self.accounts.connect(token=answer.json()["key"])

    def _unknown(self) -> Client:
        """Somebody whose row is gone while API Gateway lets them in still, as in the minute after a tenant's end."""
        member = self._member()
        key = {"PK": {"S": f"TENANT#{self.own.id}#USER#{member.id}"}, "SK": {"S": "USER"}}
        self.stack.client("dynamodb").delete_item(TableName=self.stack.outputs["UsersTableName"], Key=key)
        return member

    def _early(self) -> Client:
        """Somebody of a tenant that API Gateway has not heard of yet."""
        tenant_id = str(uuid4())
        early = self._made_in_cognito(tenant_id)
        row = {"kind": {"S": "PERSON"}, "role": {"S": "admin"}, "active": {"BOOL": True}, "tokensValidFrom": {"N": "0"}}
        key = {"PK": {"S": f"TENANT#{tenant_id}#USER#{early.id}"}, "SK": {"S": "USER"}}
        self.stack.client("dynamodb").put_item(TableName=self.stack.outputs["UsersTableName"], Item=key | row)
        return early

    def _made_in_cognito(self, tenant_id: str) -> Client:
        cognito, pool_id = self.stack.client("cognito-idp"), self.stack.outputs["UserPoolId"]
        email = f"{uuid4()}@{DOMAIN}"
        attributes = {"email": email, "email_verified": "true", "custom:tenantId": tenant_id}
        cognito.admin_create_user(
            UserPoolId=pool_id,
            Username=email,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
        )
        self.accounts.choose_password(email)
        return self.accounts.caller(email)

    def tell_a_webhook(self) -> str:
        """Let a webhook be told of a new ticket, and of nothing more, and return where its delivery is."""
        admin = self.own.admin
        body = {"url": f"{self.receiver.origin}/contract", "eventTypes": ["TicketCreated"], "description": "D"}
        webhook = admin.post("/v1/webhooks", json=body).headers["Location"]
        admin.post("/v1/tickets", json=TICKET)
        deadline = time.monotonic() + SECONDS
        while not (found := admin.get(f"{webhook}/deliveries?state=DELIVERED").json()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        admin.patch(webhook, json={"eventTypes": ["TicketRestored"]})
        return f"{webhook}/deliveries/{found[0]['id']}"

    @cached_property
    def delivery(self) -> str:
        """Where a delivery is."""
        return self.tell_a_webhook()

    @cached_property
    def crowded(self) -> OwnTenant:
        """A tenant with as many webhooks as it may have."""
        return self.found()

    def _crowd(self) -> Client:
        return self.crowded.admin

    # --- Of tenants that come and go

    def _newcomer(self) -> Client:
        return self.accounts.caller(self.accounts.sign_up())

    def _spent(self) -> Client:
        """Somebody without a tenant whose requests of this day are used up."""
        spent = self._newcomer()
        counter = to_item(newcomer_key(str(spent.id), datetime.now(UTC)) | {"requests": REQUESTS_PER_DAY})
        self.stack.client("dynamodb").put_item(TableName=self.stack.outputs["NotificationsTableName"], Item=counter)
        return spent

    def _invited(self) -> Client:
        """Return somebody whom the tenant invites, signed in."""
        email = self.own.invite("agent")["email"]
        self.accounts.choose_password(email)
        return self.accounts.caller(email)

    def _founder(self) -> Client:
        """Return somebody who has just founded a tenant, with the token of before."""
        founder = self._newcomer()
        founder.post("/v1/tenant", json={"name": f"Tenant {uuid4()}"})
        return founder

    @cached_property
    def leaving(self) -> OwnTenant:
        """A tenant that may be deleted."""
        return self.found()

    def _leaver(self) -> Client:
        return self.leaving.admin

    @cached_property
    def gone(self) -> OwnTenant:
        """A tenant whose item is gone while API Gateway still lets its people in, as in the minute after its end."""
        gone = self.found()
        key = {"PK": {"S": f"TENANT#{gone.id}#TENANT"}, "SK": {"S": "TENANT"}}
        self.stack.client("dynamodb").delete_item(TableName=self.stack.outputs["UsersTableName"], Key=key)
        return gone

    def _ghost(self) -> Client:
        return self.gone.admin

    @cached_property
    def left(self) -> OwnTenant:
        """A tenant that `former` has deleted, to the end."""
        return self.found()

    def _former(self) -> Client:
        return self.left.delete()
