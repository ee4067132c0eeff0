"""What the document promises of the operations on tickets: every answer that a request can provoke."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tests.contract.attempts import SOMEBODY, Attempt, Valid, World
from tests.harness.people import TICKET

MISSING = "transition_requirement_missing"
KEY, KEY_OF_DELETED = ({"Idempotency-Key": str(uuid4())} for _ in range(2))


def everything(_: World) -> str:
    return "/v1/tickets"


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
    return "/v1/tickets/0190b2c4-0000-7000-8000-000000000000"


def made_with_a_key(world: World) -> str:
    world.ticket(**KEY)
    return "/v1/tickets"


def made_with_a_key_then_deleted(world: World) -> str:
    world.acme.admin.delete(world.ticket(**KEY_OF_DELETED))
    return "/v1/tickets"


def whole(**changes: str) -> Callable[[World], dict[str, Any]]:
    """Return what makes the body of a PUT, with these fields changed."""
    return lambda world: (
        TICKET | {"status": "NEW", "priority": "LOW", "type": "QUESTION", "reporterId": world.reporter_id} | changes
    )


VALID = {
    "createTicket": Valid("POST", everything, TICKET, status=201),
    "listTickets": Valid("GET", everything),
    "getTicket": Valid("GET", new),
    "replaceTicket": Valid("PUT", new, whole()),
    "updateTicket": Valid("PATCH", new, {"title": "Changed"}),
    "deleteTicket": Valid("DELETE", new, status=204),
    "restoreTicket": Valid("POST", new, suffix="/restore"),
    "transitionTicket": Valid("POST", new, {"to": "OPEN"}, suffix="/transitions"),
    "listTicketHistory": Valid("GET", new, suffix="/history"),
}

ATTEMPTS = [
    *(Attempt(name, 404, given=none, code="ticket_not_found") for name, valid in VALID.items() if valid.given is new),
    Attempt("createTicket", 201, given=made_with_a_key, headers=KEY, by="reporter"),
    Attempt("createTicket", 400, headers={"Idempotency-Key": "with space"}),
    Attempt("createTicket", 403, by="reporter", body=TICKET | {"assignedToId": SOMEBODY}),
    Attempt("createTicket", 403, by="member"),
    Attempt("createTicket", 409, "reporter", made_with_a_key_then_deleted, headers=KEY_OF_DELETED, code="conflict"),
    Attempt("createTicket", 422, body=TICKET | {"assignedToId": SOMEBODY}, code="invalid_reference"),
    Attempt(
        "createTicket",
        422,
        "reporter",
        made_with_a_key,
        TICKET | {"title": "Another"},
        headers=KEY,
        code="idempotency_key_reused",
    ),
    Attempt("listTickets", 200, query="?limit=1"),
    Attempt("listTickets", 200, query="?expand=reporter,assignedTo"),
    Attempt("listTickets", 200, query="?status=NEW,OPEN&assignedToId=none&assignedToId=me&sort=updatedAt"),
    Attempt("listTickets", 200, query="?number=1&sort=-number&updatedSince=2026-01-31T09:30:00.5%2B01:00"),
    Attempt("listTickets", 400, query="?status=NEW,OPEN,NEW,OPEN,NEW,OPEN"),
    Attempt("listTickets", 400, query="?sort=createdAt"),
    Attempt("listTickets", 400, query="?number=0"),
    Attempt("listTickets", 400, query="?updatedSince=2026-01-31"),
    Attempt("listTickets", 400, query="?cursor=AAAA"),
    Attempt("listTickets", 400, query="?expand=actor"),
    Attempt("getTicket", 200, query="?expand=reporter,assignedTo"),
    Attempt("getTicket", 400, query="?expand="),
    Attempt("getTicket", 304, headers={"If-None-Match": '"1"'}),
    Attempt("getTicket", 404, given=in_the_trash, code="ticket_not_found"),
    Attempt("replaceTicket", 403, by="reporter"),
    Attempt("replaceTicket", 409, body=whole(status="RESOLVED"), code="transition_not_allowed"),
    Attempt("replaceTicket", 422, given=opened, body=whole(status="IN_PROGRESS"), code=MISSING),
    Attempt("replaceTicket", 422, body=whole(reporterId=SOMEBODY), code="invalid_reference"),
    Attempt("updateTicket", 403, by="reporter", body={"priority": "LOW"}),
    Attempt("updateTicket", 409, body={"status": "RESOLVED"}, code="transition_not_allowed"),
    Attempt("updateTicket", 422, given=opened, body={"status": "RESOLVED"}, code=MISSING),
    Attempt("updateTicket", 422, body={"assignedToId": SOMEBODY}, code="invalid_reference"),
    Attempt("deleteTicket", 403, by="agent"),
    Attempt("restoreTicket", 200, given=in_the_trash),
    Attempt("restoreTicket", 403, by="agent", given=in_the_trash),
    Attempt("transitionTicket", 403, by="reporter"),
    Attempt("transitionTicket", 409, body={"to": "RESOLVED"}, code="transition_not_allowed"),
    Attempt("transitionTicket", 422, given=opened, body={"to": "IN_PROGRESS"}, code=MISSING),
    Attempt("listTicketHistory", 200, given=opened, query="?limit=1"),
    Attempt("listTicketHistory", 200, query="?expand=actor"),
    Attempt("listTicketHistory", 400, query="?cursor=AAAA"),
]

LOST_RACES = "it takes five lost races in a row; tests/unit/tickets/test_operations.py has them"
NOT_ON_DEMAND = {("deleteTicket", 409): LOST_RACES, ("restoreTicket", 409): LOST_RACES}
