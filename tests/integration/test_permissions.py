"""Every operation of the contract, for every kind of caller and of thing, against the table of permissions."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any, Final

import httpx
import pytest

from tests.contract.document import PUBLIC
from tests.harness.client import Client
from tests.harness.contract import Contract
from tests.harness.deliveries import write_delivery
from tests.harness.files import announcement, write_file
from tests.harness.people import TICKET, Accounts, OwnTenant
from tests.harness.receiver import Receiver
from tests.harness.size import sized
from tests.harness.stack import Stack
from ticketing.access.permissions import (
    PEOPLE_ONLY,
    PERMISSIONS,
    Operation,
    PublicOperation,
    Relation,
)
from ticketing.access.roles import Role
from ticketing.attachments import rules as attachment_rules
from ticketing.attachments.models import REJECTED, WAITING, State
from ticketing.comments import rules as comment_rules
from ticketing.tickets.kinds import Visibility
from ticketing.tickets.rules import INTERNAL_COMMENTS
from ticketing.views.rules import SHARERS

type Call = Callable[[Client, str], httpx.Response]

CALLERS: Final = ("newcomer", "reporter", "agent", "admin", "reporter's key", "agent's key", "admin's key")


class Thing(StrEnum):
    """What an operation is tried on, seen from the caller."""

    NONE = "nothing in particular"
    OWN = "own"
    ASSIGNED = "assigned"
    OTHERS = "somebody else's"
    FOREIGN = "another tenant's"
    DELETED = "own, deleted"
    MISSING = "none there"
    INTERNAL = "internal, on an own one"


FROM_AFAR: Final = {Thing.OTHERS, Thing.FOREIGN, Thing.MISSING}
"""What has nothing to do with the caller."""

TICKETS: Final = (Thing.OWN, Thing.ASSIGNED, Thing.OTHERS, Thing.FOREIGN, Thing.DELETED, Thing.MISSING)
USERS: Final = (Thing.OWN, Thing.OTHERS, Thing.FOREIGN, Thing.DELETED, Thing.MISSING)
KEYS: Final = (Thing.OTHERS, Thing.FOREIGN, Thing.DELETED, Thing.MISSING)
DELETIONS: Final = (Thing.OTHERS, Thing.MISSING)
COMMENTS: Final = (*TICKETS, Thing.INTERNAL)
"""Of comments: what the ticket is. The caller has written the one on an own ticket, a colleague all others."""
FILES: Final = (Thing.INTERNAL, *TICKETS)
"""Of files: the same."""
WEBHOOKS: Final = (Thing.OTHERS, Thing.FOREIGN, Thing.MISSING)
INVITATIONS: Final = (Thing.MISSING, Thing.OWN)
DELIVERIES: Final = (Thing.MISSING, Thing.FOREIGN, Thing.OTHERS)
CALENDARS: Final = (Thing.FOREIGN, Thing.OTHERS, Thing.MISSING)
VIEWS: Final = (Thing.OWN, Thing.OTHERS, Thing.FOREIGN, Thing.MISSING)
"""Of views, somebody else's is a shared one."""
KINDS: Final = {
    TICKETS: "ticket",
    COMMENTS: "comment",
    FILES: "file",
    USERS: "user",
    KEYS: "key",
    DELETIONS: "deletion",
    WEBHOOKS: "webhook",
    INVITATIONS: "invitation",
    DELIVERIES: "delivery",
    VIEWS: "view",
    CALENDARS: "calendar",
}


@dataclass(frozen=True)
class Step:
    """How the walk tries an operation: on which things, by which request, and what success is."""

    success: int
    things: tuple[Thing, ...]
    call: Call
    found_when_deleted: bool = False
    """Whether a deleted thing (in the trash, inactive, revoked) is one that the operation works on."""


_numbers, _hosts = count(1), count(1)


def _replace(api: Client, url: str) -> httpx.Response:
    """Replace a ticket by itself: a change that every role may make."""
    body = TICKET | {"status": "NEW", "priority": "MEDIUM", "type": "INCIDENT", "reporterId": MISSING_ID}
    seen = api.get(url)
    if seen.status_code == httpx.codes.OK:
        body |= {name: seen.json()[name] for name in ("reporterId", "assignedToId")}
    return api.put(url, json=body)


def _invitation() -> dict[str, str]:
    return {"email": f"walk-{next(_numbers)}@walkers.example", "role": "reporter"}


def _api_key() -> dict[str, str]:
    return {"name": f"Walk {next(_numbers)}", "role": "reporter"}


def _webhook() -> dict[str, Any]:
    """Return a webhook that nothing is sent to, at a host of its own: few of a tenant may lead to the same."""
    return {"url": f"https://1.1.{next(_hosts)}.1/in", "eventTypes": ["*"], "active": False}


def _view(*, shared: bool = False) -> dict[str, Any]:
    return {"name": f"Walk {next(_numbers)}", "query": "status:OPEN", "shared": shared}


def _calendar() -> dict[str, Any]:
    return {"name": f"Walk {next(_numbers)}", "hours": {"monday": [{"from": "09:00", "to": "17:00"}]}}


PLACES: Final = {
    "ticket": "/v1/tickets",
    "comment": "/v1/tickets/0190b2c4-0000-7000-8000-000000000000/comments",
    "file": "/v1/tickets/0190b2c4-0000-7000-8000-000000000000/attachments",
    "user": "/v1/users",
    "key": "/v1/api-keys",
    "deletion": "/v1/tenant-deletions",
    "invitation": "/v1/users/me/invitations",
    "webhook": "/v1/webhooks",
    "view": "/v1/views",
    "calendar": "/v1/calendars",
}
ENDING: Final = {
    Operation.ACCEPT_INVITATION,
    Operation.CREATE_TENANT,
    Operation.DEACTIVATE_USER,
    Operation.DELETE_ATTACHMENT,
    Operation.DELETE_CALENDAR,
    Operation.DELETE_COMMENT,
    Operation.DELETE_TENANT,
    Operation.DELETE_TICKET,
    Operation.DELETE_VIEW,
    Operation.DELETE_WEBHOOK,
    Operation.REDELIVER,
    Operation.RESTORE_TICKET,
    Operation.REVOKE_API_KEY,
    Operation.SIGN_OUT,
    Operation.TRANSITION_TICKET,
    Operation.UPDATE_USER,
}
"""After these, the thing or the caller is no longer what it was. What others are tried on is shared by them."""
COMMENT: Final = {"body": "Any news?"}
MODERATORS: Final = comment_rules.MODERATORS | {
    Operation.DELETE_ATTACHMENT: attachment_rules.MODERATORS,
    Operation.UPDATE_VIEW: SHARERS,
    Operation.DELETE_VIEW: SHARERS,
}
"""The roles that may do to anybody's thing what others may do to their own alone."""
MISSING_ID: Final = "0190b2c4-0000-7000-8000-000000000000"

STEPS: Final = {
    Operation.CREATE_TICKET: Step(201, (Thing.NONE,), lambda api, _: api.post("/v1/tickets", json=TICKET)),
    Operation.LIST_TICKETS: Step(200, (Thing.NONE,), lambda api, _: api.get("/v1/tickets")),
    Operation.SEARCH_TICKETS: Step(200, (Thing.NONE,), lambda api, _: api.get("/v1/search/tickets?q=vpn")),
    Operation.SUGGEST_SEARCH: Step(200, (Thing.NONE,), lambda api, _: api.get("/v1/search/suggestions?q=vp")),
    Operation.GET_TICKET: Step(200, TICKETS, lambda api, url: api.get(url)),
    Operation.REPLACE_TICKET: Step(200, TICKETS, _replace),
    Operation.UPDATE_TICKET: Step(200, TICKETS, lambda api, url: api.patch(url, json={"title": "Another"})),
    Operation.DELETE_TICKET: Step(204, TICKETS, lambda api, url: api.delete(url)),
    Operation.RESTORE_TICKET: Step(200, TICKETS, lambda api, url: api.post(f"{url}/restore"), found_when_deleted=True),
    Operation.TRANSITION_TICKET: Step(
        200, TICKETS, lambda api, url: api.post(f"{url}/transitions", json={"to": "CLOSED"})
    ),
    Operation.LIST_TICKET_HISTORY: Step(200, TICKETS, lambda api, url: api.get(f"{url}/history")),
    Operation.LIST_COMMENTS: Step(200, TICKETS, lambda api, url: api.get(f"{url}/comments")),
    Operation.CREATE_COMMENT: Step(201, TICKETS, lambda api, url: api.post(f"{url}/comments", json=COMMENT)),
    Operation.GET_COMMENT: Step(200, COMMENTS, lambda api, url: api.get(url)),
    Operation.UPDATE_COMMENT: Step(200, COMMENTS, lambda api, url: api.patch(url, json={"body": "Another"})),
    Operation.DELETE_COMMENT: Step(204, COMMENTS, lambda api, url: api.delete(url)),
    Operation.LIST_ATTACHMENTS: Step(200, TICKETS, lambda api, url: api.get(f"{url}/attachments")),
    Operation.CREATE_ATTACHMENT: Step(
        201, TICKETS, lambda api, url: api.post(f"{url}/attachments", json=announcement())
    ),
    Operation.GET_ATTACHMENT: Step(200, FILES, lambda api, url: api.get(url)),
    Operation.GET_ATTACHMENT_CONTENT: Step(302, FILES, lambda api, url: api.get(f"{url}/content")),
    Operation.DELETE_ATTACHMENT: Step(204, FILES, lambda api, url: api.delete(url)),
    Operation.WATCH_TICKET: Step(204, TICKETS, lambda api, url: api.post(f"{url}/watchers/me")),
    Operation.UNWATCH_TICKET: Step(204, TICKETS, lambda api, url: api.delete(f"{url}/watchers/me")),
    Operation.GET_WATCHING: Step(200, TICKETS, lambda api, url: api.get(f"{url}/watchers/me")),
    Operation.GET_ME: Step(200, (Thing.OWN,), lambda api, _: api.get("/v1/users/me")),
    Operation.UPDATE_ME: Step(200, (Thing.OWN,), lambda api, _: api.patch("/v1/users/me", json={"locale": "de-CH"})),
    Operation.SIGN_OUT: Step(204, (Thing.OWN,), lambda api, _: api.post("/v1/users/me/sign-out")),
    Operation.LIST_USERS: Step(200, (Thing.NONE,), lambda api, _: api.get("/v1/users")),
    Operation.GET_USER: Step(200, USERS, lambda api, url: api.get(url), found_when_deleted=True),
    Operation.INVITE_USER: Step(201, (Thing.NONE,), lambda api, _: api.post("/v1/users", json=_invitation())),
    Operation.UPDATE_USER: Step(
        200, USERS, lambda api, url: api.patch(url, json={"active": True}), found_when_deleted=True
    ),
    Operation.DEACTIVATE_USER: Step(204, USERS, lambda api, url: api.delete(url), found_when_deleted=True),
    Operation.LIST_INVITATIONS: Step(200, (Thing.NONE,), lambda api, _: api.get("/v1/users/me/invitations")),
    Operation.ACCEPT_INVITATION: Step(200, INVITATIONS, lambda api, url: api.post(f"{url}/accept")),
    Operation.CREATE_TENANT: Step(
        201, (Thing.NONE,), lambda api, _: api.post("/v1/tenant", json={"name": f"Walkers {next(_numbers)}"})
    ),
    Operation.GET_TENANT: Step(200, (Thing.NONE,), lambda api, _: api.get("/v1/tenant")),
    Operation.UPDATE_TENANT: Step(
        200, (Thing.NONE,), lambda api, _: api.patch("/v1/tenant", json={"settings": {"autoCloseDays": 30}})
    ),
    Operation.DELETE_TENANT: Step(
        202, (Thing.NONE,), lambda api, name: api.delete("/v1/tenant", params={"name": name})
    ),
    Operation.GET_TENANT_DELETION: Step(200, DELETIONS, lambda api, url: api.get(url)),
    Operation.LIST_API_KEYS: Step(200, (Thing.NONE,), lambda api, _: api.get("/v1/api-keys")),
    Operation.CREATE_API_KEY: Step(201, (Thing.NONE,), lambda api, _: api.post("/v1/api-keys", json=_api_key())),
    Operation.GET_API_KEY: Step(200, KEYS, lambda api, url: api.get(url), found_when_deleted=True),
    Operation.REVOKE_API_KEY: Step(204, KEYS, lambda api, url: api.delete(url), found_when_deleted=True),
    Operation.LIST_AUDIT_EVENTS: Step(200, (Thing.NONE,), lambda api, _: api.get("/v1/audit-events")),
    Operation.LIST_WEBHOOKS: Step(200, (Thing.NONE,), lambda api, _: api.get("/v1/webhooks")),
    Operation.CREATE_WEBHOOK: Step(201, (Thing.NONE,), lambda api, _: api.post("/v1/webhooks", json=_webhook())),
    Operation.GET_WEBHOOK: Step(200, WEBHOOKS, lambda api, url: api.get(url)),
    Operation.UPDATE_WEBHOOK: Step(200, WEBHOOKS, lambda api, url: api.patch(url, json={"description": "Another"})),
    Operation.DELETE_WEBHOOK: Step(204, WEBHOOKS, lambda api, url: api.delete(url)),
    Operation.ROTATE_SECRET: Step(200, WEBHOOKS, lambda api, url: api.post(f"{url}/secret", json={})),
    Operation.LIST_DELIVERIES: Step(200, WEBHOOKS, lambda api, url: api.get(f"{url}/deliveries")),
    Operation.GET_DELIVERY: Step(200, DELIVERIES, lambda api, url: api.get(url)),
    Operation.REDELIVER: Step(202, DELIVERIES, lambda api, url: api.post(f"{url}/redeliver")),
    Operation.LIST_VIEWS: Step(200, (Thing.NONE,), lambda api, _: api.get("/v1/views")),
    Operation.CREATE_VIEW: Step(201, (Thing.NONE,), lambda api, _: api.post("/v1/views", json=_view())),
    Operation.COUNT_VIEWS: Step(200, (Thing.NONE,), lambda api, _: api.get(f"/v1/views/counts?ids={MISSING_ID}")),
    Operation.GET_VIEW: Step(200, VIEWS, lambda api, url: api.get(url)),
    Operation.UPDATE_VIEW: Step(200, VIEWS, lambda api, url: api.patch(url, json={"query": "status:NEW"})),
    Operation.DELETE_VIEW: Step(204, VIEWS, lambda api, url: api.delete(url)),
    Operation.LIST_CALENDARS: Step(200, (Thing.NONE,), lambda api, _: api.get("/v1/calendars")),
    Operation.CREATE_CALENDAR: Step(201, (Thing.NONE,), lambda api, _: api.post("/v1/calendars", json=_calendar())),
    Operation.GET_CALENDAR: Step(200, CALENDARS, lambda api, url: api.get(url)),
    Operation.UPDATE_CALENDAR: Step(200, CALENDARS, lambda api, url: api.patch(url, json={"default": False})),
    Operation.DELETE_CALENDAR: Step(204, CALENDARS, lambda api, url: api.delete(url)),
    Operation.GET_REPORT: Step(200, (Thing.NONE,), lambda api, _: api.get("/v1/reports/volume")),
    Operation.LIST_REPORT_TICKETS: Step(
        200, (Thing.NONE,), lambda api, _: api.get("/v1/reports/tickets?report=volume&figure=created")
    ),
}
"""A request that the ticket's status and everything but permissions allow, for each operation."""

NOT_FOR_KEYS_THEMSELVES: Final = {Operation.UPDATE_USER, Operation.DEACTIVATE_USER}
"""An API key is found as a user, so that its name can be shown, and changed as an API key alone."""

CASES: Final = [
    pytest.param(operation, caller, thing, id=f"{operation}, {caller}, {thing}")
    for operation, step in STEPS.items()
    for caller in CALLERS
    for thing in step.things
]


SHORT: Final = [
    case
    for case in CASES
    if case.values[1] in {"reporter", "agent"} and case.values[2] in {Thing.NONE, Thing.OTHERS, Thing.FOREIGN}
]
"""Of each operation, what the role decides, whose the thing is, and the tenant."""


def _expected(operation: Operation, name: str, thing: Thing) -> int:
    """Return the status that the table promises."""
    role, _, is_key = name.partition("'s ")
    relations = PERMISSIONS[operation].get(Role(role), frozenset())
    if not relations or (is_key and operation in PEOPLE_ONLY):
        return 403
    step = STEPS[operation]
    if thing in {Thing.FOREIGN, Thing.MISSING} or (thing is Thing.DELETED and not step.found_when_deleted):
        return 404
    if is_key and thing is Thing.OWN and operation in NOT_FOR_KEYS_THEMSELVES:
        return 404
    if thing is Thing.INTERNAL and role not in INTERNAL_COMMENTS:
        return 404
    related = {
        Thing.OWN: Relation.OWN,
        Thing.INTERNAL: Relation.OWN,
        Thing.ASSIGNED: Relation.ASSIGNED,
    }.get(thing)
    if thing is Thing.DELETED and step.things is TICKETS:
        related = Relation.OWN
    within = thing is Thing.NONE or Relation.ANY in relations or related in relations
    if within and operation in MODERATORS and thing is not Thing.OWN and role not in MODERATORS[operation]:
        return 403
    return step.success if within else 404


class House:
    """A tenant with everybody in it, and the things that they try the operations on."""

    def __init__(
        self, stack: Stack, receiver: Receiver, found_tenant: Callable[[], OwnTenant], accounts: Accounts
    ) -> None:
        self._stack = stack
        self._receiver = receiver
        self._webhooks: dict[str, str] = {}
        self._newcomers: dict[Client, str] = {}
        self._found = found_tenant
        self._accounts = accounts
        self._tenant = found_tenant()
        self._neighbour = found_tenant()
        self._bystander = self._tenant.join("reporter")
        self._colleague = self._tenant.join("agent")
        self._callers: dict[str, Client] = {"admin": self._tenant.admin}
        self._kept: dict[tuple[str, str, Thing], str] = {}
        self._files: dict[tuple[State, str, Visibility, bool], str] = {}

    def scene(self, operation: Operation, name: str, thing: Thing) -> tuple[Client, str]:
        """Return a caller of this kind, and where the thing is: new ones where the call ends them."""
        ends = _expected(operation, name, thing) == STEPS[operation].success and operation in ENDING
        if ends and operation is Operation.DELETE_TENANT:
            doomed = self._found()
            return doomed.admin, doomed.name
        ends_caller = operation in {Operation.CREATE_TENANT, Operation.ACCEPT_INVITATION, Operation.SIGN_OUT} or (
            operation is Operation.DEACTIVATE_USER and thing is Thing.OWN
        )
        caller = self._new_caller(name) if ends and ends_caller else self.caller(name)
        kind = KINDS.get(STEPS[operation].things, "none")
        if ends:
            return caller, self._make(kind, caller, thing)
        return caller, self._place(kind, name, thing)

    def caller(self, name: str) -> Client:
        """Return a caller of this kind, always the same one."""
        if name not in self._callers:
            self._callers[name] = self._new_caller(name)
        return self._callers[name]

    def _place(self, kind: str, name: str, thing: Thing) -> str:
        """Return where a thing is that no call ends: one for each caller, or for all to whom it is the same."""
        key = kind, "anybody" if thing in FROM_AFAR else name, thing
        if key not in self._kept:
            self._kept[key] = self._make(kind, self.caller(name), thing)
        return self._kept[key]

    def _new_caller(self, name: str) -> Client:
        role, _, is_key = name.partition("'s ")
        if role == Role.NEWCOMER:
            email = self._accounts.sign_up()
            newcomer = self._accounts.caller(email)
            self._newcomers[newcomer] = email
            return newcomer
        if not is_key:
            return self._tenant.join(role)
        key = self._tenant.admin.post("/v1/api-keys", json={"name": name, "role": role}).json()["key"]
        return self._accounts.connect(token=key)

    def _make(self, kind: str, caller: Client, thing: Thing) -> str:
        """Make a thing that stands so to the caller, and return where it is."""
        if kind == "none":
            return self._tenant.name
        if thing is Thing.MISSING:
            return f"{self._deliveries(self._tenant) if kind == 'delivery' else PLACES[kind]}/{MISSING_ID}"
        make: dict[str, Callable[[], str]] = {
            "ticket": lambda: self._ticket(caller, thing),
            "comment": lambda: self._comment(caller, thing),
            "file": lambda: self._file(caller, thing),
            "user": lambda: self._user(caller, thing),
            "key": lambda: self._key(thing),
            "deletion": self._deletion,
            "invitation": lambda: self._invitation(caller),
            "webhook": lambda: _made(self._whose(thing).admin, "/v1/webhooks", _webhook()),
            "delivery": lambda: self._delivery(self._whose(thing)),
            "view": lambda: self._view(caller, thing),
            "calendar": lambda: self._calendar(self._whose(thing)),
        }
        return make[kind]()

    def _whose(self, thing: Thing) -> OwnTenant:
        return self._neighbour if thing is Thing.FOREIGN else self._tenant

    def _deliveries(self, tenant: OwnTenant) -> str:
        """Return where the deliveries are of a webhook of a tenant, always the same one."""
        if tenant.id not in self._webhooks:
            body = {"url": f"{self._receiver.origin}/walk", "eventTypes": ["TicketRestored"]}
            self._webhooks[tenant.id] = _made(tenant.admin, "/v1/webhooks", body)
        return f"{self._webhooks[tenant.id]}/deliveries"

    def _delivery(self, tenant: OwnTenant) -> str:
        return write_delivery(self._stack, tenant.id, self._deliveries(tenant).removesuffix("/deliveries"))

    def _ticket(self, caller: Client, thing: Thing) -> str:
        if thing is Thing.FOREIGN:
            return _made(self._neighbour.admin, "/v1/tickets", TICKET)
        admin, own = self._tenant.admin, self._id_of(caller)
        reporter = own if thing in {Thing.OWN, Thing.DELETED} else self._id_of(self._bystander)
        url = _made(admin, "/v1/tickets", TICKET | {"reporterId": reporter or self._id_of(admin)})
        if thing is Thing.ASSIGNED and own:
            self._assign(url, own)
        if thing is Thing.DELETED:
            assert admin.delete(url).status_code == httpx.codes.NO_CONTENT
        return url

    def _comment(self, caller: Client, thing: Thing) -> str:
        own, deleted = thing in {Thing.OWN, Thing.INTERNAL, Thing.DELETED}, thing is Thing.DELETED
        ticket = self._ticket(caller, Thing.OWN if own else thing)
        author = self._neighbour.admin if thing is Thing.FOREIGN else self._colleague
        if thing is Thing.OWN and self._id_of(caller):
            author = caller
        visibility = "internal" if thing is Thing.INTERNAL else "public"
        url = _made(author, f"{ticket}/comments", COMMENT | {"visibility": visibility})
        if deleted:
            assert self._tenant.admin.delete(ticket).status_code == httpx.codes.NO_CONTENT
        return url

    def file_in(self, state: State, name: str, visibility: Visibility, *, own: bool) -> str:
        """Return where a file in a state is, on a ticket of the caller's, that they or a colleague announced."""
        if (state, name, visibility, own) not in self._files:
            caller = self.caller(name)
            ticket = self._place("ticket", name, Thing.OWN)
            uploader = caller if own else self._colleague
            url = self._written(ticket, uploader, state=state, visibility=visibility)
            self._files[state, name, visibility, own] = url
        return self._files[state, name, visibility, own]

    def _file(self, caller: Client, thing: Thing) -> str:
        own, deleted = thing in {Thing.OWN, Thing.INTERNAL, Thing.DELETED}, thing is Thing.DELETED
        ticket = self._ticket(caller, Thing.OWN if own else thing)
        uploader = caller if thing is Thing.OWN and self._id_of(caller) else self._colleague
        visibility = Visibility.INTERNAL if thing is Thing.INTERNAL else Visibility.PUBLIC
        url = self._written(ticket, uploader, self._whose(thing), visibility=visibility)
        if deleted:
            assert self._tenant.admin.delete(ticket).status_code == httpx.codes.NO_CONTENT
        return url

    def _written(self, ticket: str, uploader: Client, tenant: OwnTenant | None = None, **fields: Any) -> str:
        return write_file(self._stack, (tenant or self._tenant).id, ticket, str(self._id_of(uploader)), **fields)

    def _assign(self, url: str, user_id: str) -> None:
        """Assign a ticket past the API, which refuses reporters: one who was an agent before may still be assigned."""
        key = {"PK": f"TENANT#{self._tenant.id}#TICKET#{url.rpartition('/')[2]}", "SK": "TICKET"}
        self._stack.client("dynamodb").update_item(
            TableName=self._stack.outputs["TicketsTableName"],
            Key={name: {"S": value} for name, value in key.items()},
            UpdateExpression="SET assignedToId = :user, assigneeKey = :key",
            ExpressionAttributeValues={
                ":user": {"S": user_id},
                ":key": {"S": f"TENANT#{self._tenant.id}#ASSIGNEE#{user_id}"},
            },
        )

    def _user(self, caller: Client, thing: Thing) -> str:
        if thing is Thing.OWN:
            return f"/v1/users/{self._id_of(caller) or MISSING_ID}"
        tenant = self._whose(thing)
        url = f"/v1/users/{(tenant.add() if thing is Thing.DELETED else tenant.invite())['id']}"
        if thing is Thing.DELETED:
            assert self._tenant.admin.delete(url).status_code == httpx.codes.NO_CONTENT
        return url

    def _invitation(self, caller: Client) -> str:
        """Invite a newcomer; for anybody else, the place alone."""
        if caller in self._newcomers:
            self._tenant.invite(email=self._newcomers[caller])
        return f"{PLACES['invitation']}/{self._tenant.id}"

    def _calendar(self, tenant: OwnTenant) -> str:
        """Make a calendar of a tenant that has no other: few are any tenant's."""
        for calendar in tenant.admin.get("/v1/calendars").json():
            tenant.admin.delete(f"/v1/calendars/{calendar['id']}")
        return _made(tenant.admin, "/v1/calendars", _calendar())

    def _view(self, caller: Client, thing: Thing) -> str:
        """Make a view of the caller's own; of a newcomer, who has none, and of others, a shared one."""
        if thing is Thing.OWN and caller not in self._newcomers:
            return _made(caller, "/v1/views", _view())
        return _made(self._whose(thing).admin, "/v1/views", _view(shared=True))

    def _id_of(self, caller: Client) -> str | None:
        """Return the caller's id; None for a newcomer, whom no tenant knows."""
        return None if caller in self._newcomers else caller.id

    def _key(self, thing: Thing) -> str:
        admin = (self._neighbour if thing is Thing.FOREIGN else self._tenant).admin
        url = _made(admin, "/v1/api-keys", _api_key())
        if thing is Thing.DELETED:
            assert admin.delete(url).status_code == httpx.codes.NO_CONTENT
        return url

    def _deletion(self) -> str:
        doomed = self._found()
        answer = doomed.admin.delete("/v1/tenant", params={"name": doomed.name}, expect=httpx.codes.ACCEPTED)
        return answer.headers["Location"]


def _made(api: Client, path: str, body: Mapping[str, Any]) -> str:
    answer = api.post(path, json=body, expect=httpx.codes.CREATED)
    return answer.headers["Location"]


@pytest.fixture(scope="module")
def house(stack: Stack, receiver: Receiver, found_tenant: Callable[[], OwnTenant], accounts: Accounts) -> House:
    return House(stack, receiver, found_tenant, accounts)


def test_the_walk_knows_every_operation(contract: Contract) -> None:
    document = {
        operation["operationId"]
        for path in contract.document["paths"].values()
        for name, operation in path.items()
        if name != "parameters"
    }
    assert document - set(PublicOperation) == set(STEPS) == set(PERMISSIONS) == set(Operation)
    assert set(PublicOperation) == PUBLIC <= document  # who calls these is nobody in particular
    assert len(CASES) >= 500


@pytest.mark.each
@pytest.mark.parametrize(("operation", "name", "thing"), sized(CASES, short=SHORT))
def test_every_operation_for_every_caller_and_thing(
    house: House, operation: Operation, name: str, thing: Thing
) -> None:
    caller, place = house.scene(operation, name, thing)
    answer = STEPS[operation].call(caller, place)
    assert answer.status_code == _expected(operation, name, thing), answer.text


OF_A_FILE: Final = (Operation.GET_ATTACHMENT, Operation.GET_ATTACHMENT_CONTENT, Operation.DELETE_ATTACHMENT)
FILE_CASES: Final = [
    pytest.param(operation, name, state, visibility, own, id=f"{operation}, {name}, {state}, {visibility}, {own=}")
    for operation in OF_A_FILE
    for name in ("reporter", "agent", "admin")
    for state in State
    for visibility in Visibility
    for own in (True, False)
]


def _expected_of_file(operation: Operation, name: str, state: State, visibility: Visibility, *, own: bool) -> int:
    """Return the status for a file on the caller's own ticket."""
    if visibility is Visibility.INTERNAL and name not in INTERNAL_COMMENTS:
        return 404
    if operation is Operation.GET_ATTACHMENT_CONTENT and state in WAITING | REJECTED:
        return 409
    if operation is Operation.DELETE_ATTACHMENT and not own and name not in attachment_rules.MODERATORS:
        return 403
    return STEPS[operation].success


@pytest.mark.each
@pytest.mark.parametrize(("operation", "name", "state", "visibility", "own"), sized(FILE_CASES, short=FILE_CASES[::7]))
def test_every_operation_on_a_file_for_every_state_and_visibility(
    house: House, operation: Operation, name: str, state: State, visibility: Visibility, *, own: bool
) -> None:
    """Of one file after the other; its deletion comes last."""
    answer = STEPS[operation].call(house.caller(name), house.file_in(state, name, visibility, own=own))
    assert answer.status_code == _expected_of_file(operation, name, state, visibility, own=own), answer.text


def test_the_receipt_of_a_deletion_is_for_who_asked_for_it(
    found_tenant: Callable[[], OwnTenant], accounts: Accounts
) -> None:
    doomed = found_tenant()
    place = doomed.admin.delete("/v1/tenant", params={"name": doomed.name}).headers["Location"]
    deadline = time.monotonic() + 60
    while (seen := accounts.caller(doomed.email).get(place)).status_code != httpx.codes.OK:
        assert time.monotonic() < deadline, seen.text  # until the asker is a newcomer again
        time.sleep(0.5)
    assert accounts.caller(accounts.sign_up()).get(place).status_code == httpx.codes.NOT_FOUND
