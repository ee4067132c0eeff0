"""Requests that Schemathesis makes from openapi/api.yaml, good ones and bad ones, and what the running API answers.

Whatever the request: no 5xx, no answer that the document does not have (with its schemas closed), nothing bad accepted,
nothing good called bad. The requests are the same in every run, but for the ids of the things that they are aimed at.

All happens in a tenant of its own. Nobody who sends requests is among the users that they are aimed at, and no request
has that tenant's name, so that none deletes it: tests/contract/test_running.py has that.
"""

import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zlib import crc32

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import CoveragePhaseData, CoverageScenario
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.contract.calendar_attempts import HOLIDAYS, MONDAYS
from tests.contract.document import OPERATIONS, PUBLIC, SCHEMAS, problems
from tests.contract.webhook_attempts import SECRET as GOOD_SECRET
from tests.harness.client import Client
from tests.harness.contract import Contract
from tests.harness.files import write_file
from tests.harness.people import TICKET, Accounts, OwnTenant
from tests.harness.receiver import SECONDS, Receiver
from tests.harness.size import sized
from tests.harness.stack import Stack
from ticketing.dynamodb.attributes import to_item
from ticketing.people.keys import user_key
from ticketing.people.newcomers import newcomer_key
from ticketing.search.language import MOST_CHARACTERS

type Case = schemathesis.Case[Any]

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
TENANT = re.compile(r"[0-9A-Za-z_-]{1,64}")
KEY = re.compile(r"[!-~]{1,255}")
SECRET = re.compile(r"whsec_[0-9A-Za-z+/]{32,86}={0,2}")
CURSOR = re.compile(r"[0-9A-Za-z_-]+")
TIME = re.compile(r"[0-9]{4}(-[0-9]{2}-[0-9]{2}[Tt][0-9:]{8}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2}))")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
ZONES = ["Europe/Lisbon", "America/New_York", "UTC"]
FIGURES = {
    "volume": "created",
    "backlog": "open",
    "responsiveness": "response.count",
    "reopenings": "resolved",
    "workload": "open",
    "age": "open",
}
"""A number of each report."""
BY = set(SCHEMAS["ReportBy"]["enum"])
PART = re.compile(r"[0-9]{1,2}|[1-3][0-9]{2}")
NUMBER = {each["name"]: each["schema"] for each in OPERATIONS["listReportTickets"]["parameters"] if "name" in each}

schemathesis.openapi.format("time-zone", st.sampled_from(ZONES))


def _schema(*phases: str) -> Any:
    config = schemathesis.Config.from_dict(
        {
            "generation": {
                "deterministic": True,
                "max-examples": sized(12, short=2),
                "with-security-parameters": False,
            },
            "phases": {phase: {"enabled": phase in phases} for phase in ("examples", "coverage", "fuzzing")},
            "checks": {
                # A good request may still be for nobody, for another role, come too late, or be one too many.
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "302", "304", "403", "404", "409", "412", "413", "422", "429"]
                },
                "negative_data_rejection": {"expected-statuses": ["400", "403", "404", "415"]},
            },
        }
    )
    return schemathesis.openapi.from_dict(Contract.load().document, config=config)


# What a short run leaves out is not even made, which takes seconds.
SYSTEMATIC = _schema(*sized(("examples", "coverage"), short=()))
RANDOM = _schema("fuzzing")
REPRODUCIBLE = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@dataclass
class Target:
    """What generated requests are aimed at, who sends them, and what came of them."""

    stack: Stack
    accounts: Accounts
    callers: dict[str, Client]
    """Who sends requests; of some operations, somebody else by the operation's name."""
    tenant_id: str
    admin: Client
    agent_id: str
    tickets: list[str]
    comments: dict[str, str]
    """One on each ticket, by the ticket."""
    files: dict[str, str]
    """The same of files."""
    in_the_trash: list[str]
    users: list[str]
    api_keys: list[str]
    deletions: list[str]
    deliveries: dict[str, str]
    """One to each webhook, by the webhook."""
    views: list[str]
    """Of the admin: to whoever else sends requests, there are none."""
    calendars: list[str]
    """Of which none stays the default, so that they can be deleted."""
    receiver: str
    """Where webhooks may lead."""
    etags: dict[str, str]
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: set[tuple[str, str, str]] = field(default_factory=set)
    """Which parameters were something else than their type, by operation, parameter and how that was done."""

    def ask(self, case: Case, person: str) -> None:
        """Send a request as this person, and hold the answer against the document."""
        self.aim(case)
        operation = _operation(case)
        caller = self.callers.get(operation, self.callers[person])
        answer = case.call(base_url=self.stack.base_url, headers={"Authorization": f"Bearer {caller.token}"})
        self.answers[operation, answer.status_code] += 1
        if operation in self.callers:
            self.let_back_in(caller)
        self.put_back(case, answer.status_code)
        if "etag" in answer.headers:
            self.etags[_address(case)] = answer.headers["etag"][0]
        case.validate_response(answer, checks=_checks(case))

    def repeats(self, case: Case) -> bool:
        """Tell whether a parameter has another type than its own once more: in an address or header, all are texts."""
        assert case.meta is not None
        data = case.meta.phase.data
        if not isinstance(data, CoveragePhaseData) or data.scenario is not CoverageScenario.INCORRECT_TYPE:
            return False
        if data.parameter_location is ParameterLocation.BODY:
            return False
        wrong = _operation(case), str(data.parameter), data.description
        repeated = wrong in self.wrong
        self.wrong.add(wrong)
        return repeated

    def aim(self, case: Case) -> None:
        """Put what only the running API knows in the place of most ids, ETags, keys and cursors that are well-formed.

        Assigned as a whole, so that Schemathesis judges anew whether the request is good or bad.
        """
        # The same request always meets the same thing: what fails can be repeated and shrunk.
        dice = crc32(case.as_curl_command().encode())
        if dice % 8 and (pool := self.pool(case, dice)):
            thing = pool[dice // 8 % len(pool)]
            case.path_parameters = {"id": thing} | self.hanging_on(thing, case)
        if CURSOR.fullmatch(str(case.query.get("cursor"))) and dice % 4:
            case.query = {name: value for name, value in case.query.items() if name != "cursor"}
        if _operation(case) == "searchTickets":
            case.query = self.searched(case.query)
        if _operation(case) in {"getReport", "listReportTickets"}:
            case.query = self.counted(case.query, str(case.path_parameters.get("report")))
        headers = dict(case.headers)
        tag = headers.get("If-Match", "")
        # The systematic phase takes 0 for an ETag, and calls it good.
        if tag == "0" or (tag.startswith('"') and dice % 4):
            headers["If-Match"] = self.etags.get(_address(case), "*")
        if "If-None-Match" in headers and dice % 2:
            headers["If-None-Match"] = self.etags.get(_address(case), "*")
        if KEY.fullmatch(headers.get("Idempotency-Key", "")) and dice % 4:
            headers["Idempotency-Key"] = f"{uuid4()}{headers['Idempotency-Key']}"[:255]
        if headers != dict(case.headers):
            case.headers = type(case.headers)(headers)
        if isinstance(case.body, dict) and (better := self.better(case.body, dice)):
            case.body = {**case.body, **better}

    def searched(self, query: dict[str, Any]) -> dict[str, Any]:
        """Return the query of a search that can be read, and with a view or words: what the document can't say."""
        better = dict(query)
        if isinstance(query.get("q"), str) and len(query["q"]) <= MOST_CHARACTERS:
            better["q"] = "printer status:OPEN"
        if UUID.fullmatch(str(query.get("view"))) and query.keys() & {"q", "sort"}:
            del better["view"]
        return better

    def counted(self, query: dict[str, Any], report: str) -> dict[str, Any]:
        """Return the query of a report with a period, a zone and a number that there are, where its own could be."""
        better = self.searched(query)
        if query.get("zone") in ZONES:
            better["zone"] = "UTC"
        if all(DAY.fullmatch(str(query.get(name, "2026-01-01"))) for name in ("from", "to")):
            better |= {"from": "2026-01-01", "to": "2026-01-31"}
        figure = query.get("figure")
        if str(query.get("report")) in FIGURES and isinstance(figure, str) and not problems(NUMBER["figure"], figure):
            better["figure"] = FIGURES[query["report"]]
        if not problems(NUMBER["group"], query.get("group")):
            del better["group"]
        if PART.fullmatch(str(query.get("part"))):
            del better["part"]
        by = query.get("by", [])
        if report == "workload" and BY.issuperset(by.split(",") if isinstance(by, str) else map(str, by)):
            better.pop("by", None)
        return better

    def better(self, body: dict[str, Any], dice: int) -> dict[str, Any]:
        """Return fields for a body that are good, and whose own values may not be, which the document can't say."""
        named = {name for name in ("reporterId", "assignedToId") if UUID.fullmatch(str(body.get(name)))}
        better: dict[str, Any] = dict.fromkeys(named if dice % 4 else (), self.agent_id)
        if end := TIME.fullmatch(str(body.get("expiresAt"))):
            better["expiresAt"] = f"2999{end[1]}"
        if SECRET.fullmatch(str(body.get("secret"))):
            better["secret"] = GOOD_SECRET
        if isinstance(body.get("query"), str) and len(body["query"]) <= MOST_CHARACTERS:
            better["query"] = "printer status:OPEN"
        of_calendars = (("hours", "WeeklyHours", MONDAYS), ("holidays", "Holidays", HOLIDAYS))
        better |= {
            name: good
            for name, schema, good in of_calendars
            if name in body and not problems(SCHEMAS[schema], body[name])
        }
        if str(body.get("url")).startswith("https://"):  # what is told of events has to be here
            better["url"] = self.receiver
        return better

    def pool(self, case: Case, dice: int) -> list[str]:
        """Return the ids that there are of what the request names by id, if its own could be one."""
        given = str(case.path_parameters.get("id"))
        tenants = {"/v1/tenant-deletions/": self.deletions, "/v1/users/me/invitations/": [self.tenant_id]}
        things = {"/v1/users/": self.users, "/v1/api-keys/": self.api_keys, "/v1/webhooks/": list(self.deliveries)}
        things |= {"/v1/views/": self.views, "/v1/calendars/": self.calendars}
        for pattern, pools in ((TENANT, tenants), (UUID, things)):
            for prefix, pool in pools.items():
                if case.path.startswith(prefix):
                    return pool if pattern.fullmatch(given) else []
        if not UUID.fullmatch(given):
            return []
        return self.in_the_trash if case.path.endswith("/restore") and dice % 2 else self.tickets

    def hanging_on(self, thing: str, case: Case) -> dict[str, str]:
        """Return the id of the thing's comment or delivery, where the request names one that could be it."""
        known = {"attachmentId": self.files, "commentId": self.comments, "deliveryId": self.deliveries}
        given = {name: str(value) for name, value in case.path_parameters.items() if name != "id"}
        return {name: known[name][thing] if UUID.fullmatch(value) else value for name, value in given.items()}

    def put_back(self, case: Case, status: int) -> None:
        """Keep things as later requests expect them: tickets where they are, and a newcomer who founds tenants."""
        thing, address = case.path_parameters.get("id", ""), _address(case)
        self.put_comments_back(_operation(case), thing, status)
        self.put_views_back(_operation(case), thing, status)
        self.put_calendars_back(_operation(case), thing, status)
        if _operation(case) == "deleteAttachment" and status == httpx.codes.NO_CONTENT:
            self.files[thing] = _file(self.stack, self.tenant_id, thing, self.agent_id)
        if thing in self.tickets and _operation(case) == "deleteTicket" and status == httpx.codes.NO_CONTENT:
            self.etags[address] = self.admin.post(f"{address}/restore").headers["ETag"]
        if _operation(case) == "deleteWebhook" and status == httpx.codes.NO_CONTENT:
            self.deliveries.pop(thing, None)
            self.deliveries |= _webhook(self.admin, self.receiver)
        if _operation(case) == "createWebhook" and status == httpx.codes.CREATED:
            self.make_room()
        if _operation(case) == "updateWebhook" and status == httpx.codes.OK:
            # Whatever it was changed to: it can be redelivered to, and is sent nothing else.
            self.admin.patch(address, json={"active": True, "eventTypes": ["TicketRestored"], "url": self.receiver})
        if _operation(case) == "redeliver" and status == httpx.codes.ACCEPTED:
            # While an attempt is being made, the answer to the next request would be 409, on a slow machine every time.
            _settled(self.admin, address.removesuffix("/redeliver"))
        if thing in self.in_the_trash and case.path.endswith("/restore") and status == httpx.codes.OK:
            self.admin.delete(address.removesuffix("/restore"))
        if _operation(case) == "createTenant" and status == httpx.codes.CREATED:
            self.callers["createTenant"] = self.accounts.caller(self.accounts.sign_up())

    def let_back_in(self, caller: Client) -> None:
        """Forget that somebody has signed out, or how many requests a newcomer has made on this day."""
        dynamodb, outputs = self.stack.client("dynamodb"), self.stack.outputs
        counter = to_item(newcomer_key(caller.id, datetime.now(UTC)))
        dynamodb.delete_item(TableName=outputs["NotificationsTableName"], Key=counter)
        with suppress(dynamodb.exceptions.ConditionalCheckFailedException):  # newcomers have no row
            dynamodb.update_item(
                TableName=outputs["UsersTableName"],
                Key=to_item(user_key(self.tenant_id, caller.id)),
                UpdateExpression="SET tokensValidFrom = :from",
                ConditionExpression="attribute_exists(PK)",
                ExpressionAttributeValues={":from": {"N": "0"}},
            )

    def put_comments_back(self, operation: str, thing: str, status: int) -> None:
        """Keep a comment on each ticket, and tickets open for more of them; remember what their ETags are then."""
        if operation == "deleteComment" and status == httpx.codes.NO_CONTENT:
            self.comments[thing] = _comment(self.admin, thing) or self.comments[thing]
        if operation in {"createAttachment", "createComment", "updateComment"} and status == httpx.codes.CONFLICT:
            self.admin.post(f"/v1/tickets/{thing}/transitions", json={"to": "OPEN"})  # it is closed
        if operation in {"createComment", "updateComment", "deleteComment"} and thing in self.tickets:
            self.etags[f"/v1/tickets/{thing}"] = self.admin.get(f"/v1/tickets/{thing}").headers["ETag"]

    def make_room(self) -> None:
        """Delete the webhooks that nothing is aimed at: a tenant has twenty at most."""
        for webhook in self.admin.get("/v1/webhooks").json():
            if webhook["id"] not in self.deliveries:
                self.admin.delete(f"/v1/webhooks/{webhook['id']}")

    def put_views_back(self, operation: str, thing: str, status: int) -> None:
        """Keep three views, and no others: few are anybody's own, and each has a name of its own."""
        if operation == "deleteView" and status == httpx.codes.NO_CONTENT:
            self.views[self.views.index(thing)] = _view(self.admin)
        if operation != "createView" or status != httpx.codes.CREATED:
            return
        for caller in (self.admin, self.callers["reporter"]):
            for view in caller.get("/v1/views").json():
                if view["id"] not in self.views:
                    caller.delete(f"/v1/views/{view['id']}")

    def put_calendars_back(self, operation: str, thing: str, status: int) -> None:
        """Keep three calendars, and no others: a tenant has few, and each has a name of its own."""
        if operation == "deleteCalendar" and status == httpx.codes.NO_CONTENT:
            self.calendars[self.calendars.index(thing)] = _calendar(self.admin)
        if operation not in {"createCalendar", "updateCalendar"} or status >= httpx.codes.BAD_REQUEST:
            return
        for calendar in self.admin.get("/v1/calendars").json():
            place = f"/v1/calendars/{calendar['id']}"
            if calendar["default"]:
                self.etags[place] = self.admin.patch(place, json={"default": False}).headers["ETag"]
            if calendar["id"] not in self.calendars:
                self.admin.delete(place)


def _operation(case: Case) -> str:
    name: str = case.operation.definition.raw["operationId"]
    return name


def _address(case: Case) -> str:
    return case.path.format_map({"id": "", **case.path_parameters})


def _checks(case: Case) -> list[Any]:
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]
    # The link that stops mails answers the same whatever the token.
    if _operation(case) not in PUBLIC:
        checks.append(negative_data_rejection)
    # No made-up cursor is one that the list gave out, and no made-up name is the tenant's.
    if "cursor" not in case.query and _operation(case) != "deleteTenant":
        checks.append(positive_data_acceptance)
    return checks


@pytest.fixture(scope="module")
def target(stack: Stack, receiver: Receiver, accounts: Accounts, found_tenant: Callable[[], OwnTenant]) -> Target:
    own, left = found_tenant(), found_tenant()
    agent, reporter = own.join("agent"), own.join("reporter")
    agent_id = agent.id
    there, comments, etags = _tickets(own.admin, agent, reporter, agent_id)
    trash = [there.pop(), there.pop(0)]
    for ticket in trash:
        own.admin.delete(f"/v1/tickets/{ticket}")
    keys = [
        own.admin.post("/v1/api-keys", json={"name": role, "role": role}).json()["id"]
        for role in ("reporter", "agent", "admin")
    ]
    users = [own.invite(role)["id"] for role in ("reporter", "agent", "admin")]
    callers = {"admin": own.admin, "reporter": reporter, "signOut": own.join("agent")}
    # These are for people without a tenant.
    callers |= {"createTenant": accounts.caller(accounts.sign_up()), "getTenantDeletion": left.delete()}
    callers |= {"listInvitations": callers["getTenantDeletion"], "acceptInvitation": _invited(own, accounts)}
    return Target(
        stack=stack,
        accounts=accounts,
        callers=callers,
        tenant_id=own.id,
        admin=own.admin,
        agent_id=agent_id,
        tickets=there,
        comments=comments,
        files={ticket: _file(stack, own.id, ticket, agent_id) for ticket in [*there, *trash]},
        in_the_trash=trash,
        users=[*users, keys[0]],
        api_keys=keys,
        deletions=[left.id],
        deliveries=_webhook(own.admin, receiver.origin) | _webhook(own.admin, receiver.origin),
        views=[_view(own.admin) for _ in range(3)],
        calendars=[_calendar(own.admin) for _ in range(3)],
        receiver=receiver.origin,
        etags=etags,
    )


def _invited(tenant: OwnTenant, accounts: Accounts) -> Client:
    """Return somebody whom the tenant invites, who may accept as often as they like."""
    email = tenant.invite("agent")["email"]
    accounts.choose_password(email)
    return accounts.caller(email)


def _comment(api: Client, ticket: str) -> str | None:
    """Comment on a ticket and return the comment's id; None if the ticket is closed."""
    answer = api.post(f"/v1/tickets/{ticket}/comments", json={"body": "Any news?"})
    return answer.json().get("id") if answer.status_code == httpx.codes.CREATED else None


def _file(stack: Stack, tenant_id: str, ticket: str, uploader_id: str) -> str:
    """Write a file on a ticket that can be read, and return its id."""
    return write_file(stack, tenant_id, f"/v1/tickets/{ticket}", uploader_id).rpartition("/")[2]


def _settled(api: Client, delivery: str) -> None:
    """Wait until a delivery is delivered."""
    deadline = time.monotonic() + SECONDS
    while (state := api.get(delivery).json()["state"]) != "DELIVERED":
        assert time.monotonic() < deadline, state
        time.sleep(0.05)


def _webhook(api: Client, url: str) -> dict[str, str]:
    """Make a webhook, let it be told of one ticket and of nothing more; return the delivery's id, by the webhook's."""
    webhook = api.post("/v1/webhooks", json={"url": url, "eventTypes": ["TicketCreated"]}).headers["Location"]
    api.post("/v1/tickets", json=TICKET)
    deadline = time.monotonic() + SECONDS
    while not (found := api.get(f"{webhook}/deliveries?state=DELIVERED").json()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    api.patch(webhook, json={"eventTypes": ["TicketRestored"]})
    return {webhook.rpartition("/")[2]: found[0]["id"]}


def _view(api: Client) -> str:
    """Save a view and return its id."""
    return str(api.post("/v1/views", json={"name": str(uuid4()), "query": ""}).json()["id"])


def _calendar(api: Client) -> str:
    """Make a calendar and return its id."""
    body = {"name": str(uuid4()), "hours": MONDAYS}
    return str(api.post("/v1/calendars", json=body).json()["id"])


def _tickets(
    admin: Client, agent: Client, reporter: Client, agent_id: str
) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Make tickets of every status by two people; return their ids, a comment of the admin on each, and their ETags."""
    road: list[dict[str, str]] = [
        {"status": "OPEN"},
        {"status": "IN_PROGRESS", "assignedToId": agent_id},
        {"status": "RESOLVED", "resolution": "New router."},
        {"status": "CLOSED"},
    ]
    there, comments, etags = [], {}, {}
    for owner in (reporter, agent):
        for steps in range(len(road) + 1):
            ticket = owner.post("/v1/tickets", json=TICKET).json()["id"]
            comments[ticket] = str(_comment(admin, ticket))
            for step in road[:steps]:
                agent.patch(f"/v1/tickets/{ticket}", json=step).raise_for_status()
            there.append(ticket)
            etags[f"/v1/tickets/{ticket}"] = f'"{steps + 2}"'
    return there, comments, etags


@pytest.mark.long
@pytest.mark.parametrize("person", ["admin"])
@SYSTEMATIC.parametrize()  # type: ignore[untyped-decorator]
@REPRODUCIBLE
def test_every_boundary(case: Case, target: Target, person: str) -> None:
    if not target.repeats(case):
        target.ask(case, person)


# What an agent is let do, the same code does for an admin.
@pytest.mark.parametrize("person", sized(["admin", "reporter"], short=["admin"]))
@RANDOM.parametrize()  # type: ignore[untyped-decorator]
@REPRODUCIBLE
def test_random_requests(case: Case, target: Target, person: str) -> None:
    target.ask(case, person)


@pytest.mark.long  # of the few requests of a short run none may be good
def test_every_operation_was_reached(target: Target) -> None:
    """Against tests that pass because nothing gets past a 404."""
    served = Counter(name for name, status in target.answers.elements() if status < httpx.codes.BAD_REQUEST)
    operations = {name for name, _ in target.answers}
    if operations != set(_operation_ids()):
        pytest.skip("only part of the requests were sent")
    asked = operations - {"deleteTenant"}
    # Of one that takes nothing there are few requests that differ.
    alike = {name for name in asked if not OPERATIONS[name]["parameters"] and "requestBody" not in OPERATIONS[name]}
    assert alike == {"listCalendars", "listInvitations", "listViews", "listWebhooks", "signOut"}
    assert not {name for name in asked - alike if served[name] < 5}
    assert all(served[name] for name in alike)


def _operation_ids() -> list[str]:
    return [operation.ok().definition.raw["operationId"] for operation in SYSTEMATIC.get_all_operations()]
