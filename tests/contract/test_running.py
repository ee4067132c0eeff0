"""The running API and openapi/api.yaml: every answer is documented, and every documented answer is given.

The clients hold each answer against the document (tests/contract/checker.py), with schemas closed: an answer that shows
a field more than the document names fails.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.callers import TICKET, Tenant
from tests.contract.checker import Contract
from tests.stack import Stack

JSON = {"Content-Type": "application/json"}
KEY, KEY_OF_DELETED = ({"Idempotency-Key": str(uuid4())} for _ in range(2))
NO_TICKET = "/v1/tickets/0190b2c4-0000-7000-8000-000000000000"
SOMEBODY = "11111111-1111-4111-8111-111111111111"
WHOLE = {**TICKET, "status": "NEW", "priority": "LOW", "type": "QUESTION", "reporterId": SOMEBODY}


@dataclass(frozen=True)
class World:
    """Everybody who may call."""

    acme: Tenant
    callers: Mapping[str, httpx.Client]

    def ticket(self, **headers: str) -> str:
        """Make a ticket and return its path."""
        return str(self.acme.reporter.post("/v1/tickets", json=TICKET, headers=headers).headers["Location"])


@pytest.fixture(scope="module")
def nobody(stack: Stack) -> Iterator[str]:
    """A user of no tenant and no role: the token is valid, and gives access to nothing."""
    cognito, pool, name = stack.client("cognito-idp"), stack.outputs["UserPoolId"], "nobody@acme.example"
    cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=stack.password, Permanent=True)
    yield name
    cognito.admin_delete_user(UserPoolId=pool, Username=name)


@pytest.fixture(scope="module")
def world(connect: Callable[..., httpx.Client], acme: Tenant, nobody: str) -> World:
    people = {"admin": acme.admin, "agent": acme.agent, "reporter": acme.reporter}
    return World(acme, people | {"anonymous": connect(), "nobody": connect(nobody)})


# --- Every documented answer is given ---------------------------------------------------------------------------------


def new(world: World) -> str:
    return world.ticket()


def opened(world: World) -> str:
    path = world.ticket()
    world.acme.agent.post(f"{path}/transitions", json={"to": "OPEN"})
    return path


def in_the_trash(world: World) -> str:
    path = world.ticket()
    world.acme.admin.delete(path)
    return path


def none(_: World) -> str:
    return NO_TICKET


def made_with_a_key(world: World) -> str:
    world.ticket(**KEY)
    return "/v1/tickets"


def made_with_a_key_then_deleted(world: World) -> str:
    world.acme.admin.delete(world.ticket(**KEY_OF_DELETED))
    return "/v1/tickets"


def all_of_them(_: World) -> str:
    return "/v1/tickets"


@dataclass(frozen=True)
class Attempt:
    """A request, and what the document says comes of it."""

    operation: str
    status: int
    by: str = "admin"
    given: Callable[[World], str] | None = None
    """Prepares what the request is about and returns its path; left out, a new ticket or all tickets."""
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    code: str | None = None
    """The error's code, where the status has several."""

    def __str__(self) -> str:
        return f"{self.operation}-{self.status}-{self.by}"


@dataclass(frozen=True)
class Valid:
    """A request that an operation takes: the path is below that of a ticket, or None for all tickets."""

    method: str
    path: str | None = ""
    body: Any = None


VALID = {
    "createTicket": Valid("POST", None, TICKET),
    "listTickets": Valid("GET", None),
    "getTicket": Valid("GET"),
    "replaceTicket": Valid("PUT", body=WHOLE),
    "updateTicket": Valid("PATCH", body={"title": "Changed"}),
    "deleteTicket": Valid("DELETE"),
    "restoreTicket": Valid("POST", "/restore"),
    "transitionTicket": Valid("POST", "/transitions", {"to": "OPEN"}),
    "listTicketHistory": Valid("GET", "/history"),
    "preflightTickets": Valid("OPTIONS", None),
    "preflightTicket": Valid("OPTIONS"),
    "preflightTicketRestore": Valid("OPTIONS", "/restore"),
    "preflightTicketTransitions": Valid("OPTIONS", "/transitions"),
    "preflightTicketHistory": Valid("OPTIONS", "/history"),
}
API = [name for name in VALID if not name.startswith("preflight")]
PREFLIGHTS = [name for name in VALID if name.startswith("preflight")]
LISTS = ["listTickets", "listTicketHistory"]
OF_A_TICKET = [name for name in API if VALID[name].path is not None]
WITH_BODY = [name for name in API if VALID[name].body]
WITH_IF_MATCH = ["replaceTicket", "updateTicket", "deleteTicket", "restoreTicket", "transitionTicket"]
SUCCESS = {"createTicket": 201, "deleteTicket": 204}

ATTEMPTS = [
    *(Attempt(name, SUCCESS.get(name, 200)) for name in API),
    *(Attempt(name, 204, by="anonymous", headers={"Origin": "https://app.example"}) for name in PREFLIGHTS),
    *(Attempt(name, 401, by="anonymous") for name in API),
    *(Attempt(name, 403, by="nobody") for name in API),
    *(Attempt(name, 404, given=none) for name in OF_A_TICKET),
    *(Attempt(name, 400, body={"colour": "red"}) for name in WITH_BODY),
    *(Attempt(name, 413, body=" " * 256 * 1024 + "{}", headers=JSON) for name in WITH_BODY),
    *(Attempt(name, 415, body="{}", headers={"Content-Type": "text/plain"}) for name in WITH_BODY),
    *(Attempt(name, 400, headers={"If-Match": "seven"}) for name in WITH_IF_MATCH),
    *(Attempt(name, 412, headers={"If-Match": '"7"'}) for name in WITH_IF_MATCH),
    *(Attempt(name, 400, query="?limit=0") for name in LISTS),
    Attempt("createTicket", 201, given=made_with_a_key, headers=KEY, by="reporter"),
    Attempt("createTicket", 400, headers={"Idempotency-Key": "with space"}),
    Attempt("createTicket", 403, by="reporter", body=TICKET | {"assignedToId": SOMEBODY}),
    Attempt(
        "createTicket",
        409,
        by="reporter",
        given=made_with_a_key_then_deleted,
        headers=KEY_OF_DELETED,
        code="conflict",
    ),
    Attempt(
        "createTicket",
        422,
        by="reporter",
        given=made_with_a_key,
        headers=KEY,
        body=TICKET | {"title": "Another"},
        code="idempotency_key_reused",
    ),
    Attempt("listTickets", 200, query="?limit=1"),
    Attempt("listTickets", 400, query="?cursor=AAAA"),
    Attempt("getTicket", 400, query="?fields=title"),
    Attempt("getTicket", 304, headers={"If-None-Match": '"1"'}),
    Attempt("getTicket", 404, given=in_the_trash),
    Attempt("replaceTicket", 403, by="reporter", body=WHOLE),
    Attempt("replaceTicket", 409, body=WHOLE | {"status": "RESOLVED"}),
    Attempt("replaceTicket", 422, given=opened, body=WHOLE | {"status": "IN_PROGRESS"}),
    Attempt("updateTicket", 403, by="reporter", body={"priority": "LOW"}),
    Attempt("updateTicket", 409, body={"status": "RESOLVED"}),
    Attempt("updateTicket", 422, given=opened, body={"status": "RESOLVED"}),
    Attempt("deleteTicket", 403, by="agent"),
    Attempt("restoreTicket", 200, given=in_the_trash),
    Attempt("restoreTicket", 403, by="agent", given=in_the_trash),
    Attempt("transitionTicket", 403, by="reporter"),
    Attempt("transitionTicket", 409, body={"to": "RESOLVED"}),
    Attempt("transitionTicket", 422, given=opened, body={"to": "IN_PROGRESS"}),
    Attempt("listTicketHistory", 200, given=opened, query="?limit=1"),
    Attempt("listTicketHistory", 400, query="?cursor=AAAA"),
]
CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "ticket_not_found",
    409: "transition_not_allowed",
    412: "precondition_failed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "transition_requirement_missing",
}

NEVER_HERE = {
    429: "the local stack does not throttle",
    500: "it takes a bug; tests/unit/test_frame.py has the answer, tests/contract/test_document.py API Gateway's own",
    503: "it takes an AWS that fails; tests/unit/test_frame.py has the answer",
}
NOT_ON_DEMAND = {
    ("deleteTicket", 409): "it takes five lost races in a row; tests/unit/test_handlers.py has them",
    ("restoreTicket", 409): "it takes five lost races in a row; tests/unit/test_handlers.py has them",
}


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
def test_documented_answers_are_given(world: World, contract: Contract, attempt: Attempt) -> None:
    valid = VALID[attempt.operation]
    given = attempt.given or (all_of_them if valid.path is None else new)
    body = valid.body if attempt.body is None else attempt.body
    answer = world.callers[attempt.by].request(
        valid.method,
        given(world) + (valid.path or "") + attempt.query,
        headers=attempt.headers,
        **{"content" if isinstance(body, str) else "json": body},
    )
    operation = contract.operation(answer.request)
    assert operation
    assert operation["operationId"] == attempt.operation
    assert answer.status_code == attempt.status, answer.text
    if attempt.status >= 400:
        assert answer.json()["code"] == (attempt.code or CODES[attempt.status])


def test_no_documented_answer_is_left_out(contract: Contract) -> None:
    documented = {
        (operation["operationId"], int(status))
        for path in contract.document["paths"].values()
        for operation in path.values()
        if "operationId" in operation
        for status in operation["responses"]
        if int(status) not in NEVER_HERE
    }
    tried = {(attempt.operation, attempt.status) for attempt in ATTEMPTS}
    assert documented == tried | NOT_ON_DEMAND.keys()
    assert not tried & NOT_ON_DEMAND.keys()
