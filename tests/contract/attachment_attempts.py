"""What the document promises of the operations on files: every answer that a request can provoke."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tests.contract.attempts import SOMEBODY, Attempt, Valid, World
from tests.harness.files import announcement, write_file
from ticketing.attachments.models import MOST_OF_TICKET, State
from ticketing.tickets.kinds import Visibility

KEY, KEY_OF_REMOVED = ({"Idempotency-Key": str(uuid4())} for _ in range(2))
JSON = {"Accept": "application/json"}


def new(world: World) -> str:
    return world.ticket()


def closed(world: World) -> str:
    path = world.ticket()
    world.acme.admin.post(f"{path}/transitions", json={"to": "CLOSED"})
    return path


def none(_: World) -> str:
    return f"/v1/tickets/{SOMEBODY}"


def full(world: World) -> str:
    path = world.ticket()
    for _ in range(MOST_OF_TICKET):
        _written(world, path)
    return path


def _written(world: World, ticket: str, **fields: Any) -> str:
    admin = world.acme.admin
    return write_file(world.stack, admin.me["tenantId"], ticket, admin.id, **fields)


def attached(world: World) -> str:
    return _written(world, world.ticket())


def attached_internally(world: World) -> str:
    return _written(world, world.ticket(), visibility=Visibility.INTERNAL)


def announced(world: World) -> str:
    return _written(world, world.ticket(), state=State.PENDING)


def rejected(world: World) -> str:
    return _written(world, world.ticket(), state=State.INFECTED)


def attached_then_closed(world: World) -> str:
    path = attached(world)
    world.acme.admin.post(f"{path.partition('/attachments')[0]}/transitions", json={"to": "CLOSED"})
    return path


def no_file(world: World) -> str:
    return f"{world.ticket()}/attachments/{SOMEBODY}"


def once(headers: dict[str, str], *, removed: bool = False) -> Callable[[World], str]:
    """Return what announces a file with a key, and the path of its ticket: the same one every time."""
    tickets: list[str] = []

    def made(world: World) -> str:
        if not tickets:
            tickets.append(world.ticket())
            answer = world.acme.admin.post(f"{tickets[0]}/attachments", json=announcement(), headers=headers)
            if removed:
                world.acme.admin.delete(answer.headers["Location"])
        return tickets[0]

    return made


announced_with_a_key = once(KEY)
announced_with_a_key_then_removed = once(KEY_OF_REMOVED, removed=True)

VALID = {
    "createAttachment": Valid("POST", new, announcement(), suffix="/attachments", status=201),
    "listAttachments": Valid("GET", new, suffix="/attachments"),
    "getAttachment": Valid("GET", attached),
    "getAttachmentContent": Valid("GET", attached, suffix="/content", status=302),
    "deleteAttachment": Valid("DELETE", attached, status=204),
}
OF_A_FILE = ("getAttachment", "getAttachmentContent", "deleteAttachment")
MISSING = "attachment_not_found"

ATTEMPTS = [
    *(Attempt(name, 404, given=none, code="ticket_not_found") for name, valid in VALID.items() if valid.given is new),
    *(Attempt(name, 404, given=no_file, code=MISSING) for name in OF_A_FILE),
    *(Attempt(name, 404, "reporter", attached_internally, code=MISSING) for name in OF_A_FILE),
    Attempt("createAttachment", 201, given=announced_with_a_key, headers=KEY),
    Attempt("createAttachment", 201, body=announcement(visibility="internal")),
    Attempt("createAttachment", 400, body=announcement(fileName="...")),
    Attempt("createAttachment", 400, headers={"Idempotency-Key": "with space"}),
    Attempt("createAttachment", 403, "reporter", body=announcement(visibility="internal")),
    Attempt("createAttachment", 409, given=closed, code="ticket_closed"),
    Attempt("createAttachment", 409, given=full, code="attachment_limit_reached"),
    Attempt("createAttachment", 409, given=announced_with_a_key_then_removed, headers=KEY_OF_REMOVED, code="conflict"),
    Attempt("createAttachment", 413, body=announcement(size=100_000_001)),
    Attempt(
        "createAttachment",
        422,
        given=announced_with_a_key,
        body=announcement(b"other"),
        headers=KEY,
        code="idempotency_key_reused",
    ),
    Attempt("listAttachments", 400, query="?cursor=AAAA"),
    Attempt("getAttachmentContent", 200, headers=JSON),
    Attempt("getAttachmentContent", 409, given=announced, code="attachment_not_ready"),
    Attempt("getAttachmentContent", 409, given=rejected, code="attachment_rejected"),
    Attempt("deleteAttachment", 204, given=attached_then_closed),
    Attempt("deleteAttachment", 403, by="agent"),
]

LOST_RACES = "it takes many lost races in a row; tests/unit/attachments has them"
NOT_ON_DEMAND = {("deleteAttachment", 409): LOST_RACES}
