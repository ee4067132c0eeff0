"""What the document promises of the operations on comments and watchers: every answer that a request can provoke."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tests.contract.attempts import SOMEBODY, Attempt, Valid, World
from tests.harness.client import Client

COMMENT = {"body": "Any news?"}
KEY, KEY_OF_DELETED = ({"Idempotency-Key": str(uuid4())} for _ in range(2))


def new(world: World) -> str:
    return world.ticket()


def closed(world: World) -> str:
    path = world.ticket()
    world.acme.admin.post(f"{path}/transitions", json={"to": "CLOSED"})
    return path


def none(_: World) -> str:
    return "/v1/tickets/0190b2c4-0000-7000-8000-000000000000"


def _commented(api: Client, ticket: str, **fields: Any) -> str:
    return str(api.post(f"{ticket}/comments", json=COMMENT | fields).headers["Location"])


def commented(world: World) -> str:
    return _commented(world.acme.admin, world.ticket())


def commented_internally(world: World) -> str:
    return _commented(world.acme.admin, world.ticket(), visibility="internal")


def commented_then_closed(world: World) -> str:
    path = commented(world)
    world.acme.admin.post(f"{path.partition('/comments')[0]}/transitions", json={"to": "CLOSED"})
    return path


def resolved(world: World) -> str:
    path = world.ticket()
    for move in ({"to": "OPEN"}, {"to": "RESOLVED", "resolution": "R"}):
        world.acme.agent.post(f"{path}/transitions", json=move)
    return path


def no_comment(world: World) -> str:
    return f"{world.ticket()}/comments/{SOMEBODY}"


def once(headers: dict[str, str], *, deleted: bool = False) -> Callable[[World], str]:
    """Return what makes a comment with a key, and the path of its ticket: the same one every time."""
    tickets: list[str] = []

    def made(world: World) -> str:
        if not tickets:
            tickets.append(world.ticket())
            comment = world.acme.admin.post(f"{tickets[0]}/comments", json=COMMENT, headers=headers)
            if deleted:
                world.acme.admin.delete(comment.headers["Location"])
        return tickets[0]

    return made


made_with_a_key = once(KEY)
made_with_a_key_then_deleted = once(KEY_OF_DELETED, deleted=True)
MENTION = {"body": f"@[{SOMEBODY}]"}

VALID = {
    "createComment": Valid("POST", new, COMMENT, suffix="/comments", status=201),
    "listComments": Valid("GET", new, suffix="/comments"),
    "getComment": Valid("GET", commented),
    "updateComment": Valid("PATCH", commented, {"body": "Another"}),
    "deleteComment": Valid("DELETE", commented, status=204),
    "watchTicket": Valid("POST", new, suffix="/watchers/me", status=204),
    "unwatchTicket": Valid("DELETE", new, suffix="/watchers/me", status=204),
    "getWatching": Valid("GET", new, suffix="/watchers/me"),
}
OF_A_COMMENT = ("getComment", "updateComment", "deleteComment")

ATTEMPTS = [
    *(Attempt(name, 404, given=none, code="ticket_not_found") for name, valid in VALID.items() if valid.given is new),
    *(Attempt(name, 404, given=no_comment, code="comment_not_found") for name in OF_A_COMMENT),
    *(Attempt(name, 404, "reporter", commented_internally, code="comment_not_found") for name in OF_A_COMMENT),
    Attempt("createComment", 201, "reporter", resolved),
    Attempt("createComment", 201, body=COMMENT | {"visibility": "internal"}),
    Attempt("createComment", 201, given=made_with_a_key, headers=KEY),
    Attempt("createComment", 400, headers={"Idempotency-Key": "with space"}),
    Attempt("createComment", 403, "reporter", body=COMMENT | {"visibility": "internal"}),
    Attempt("createComment", 409, given=closed, code="ticket_closed"),
    Attempt("createComment", 409, given=made_with_a_key_then_deleted, headers=KEY_OF_DELETED, code="conflict"),
    Attempt("createComment", 422, body=MENTION, code="invalid_reference"),
    Attempt("createComment", 422, "reporter", resolved, MENTION, code="invalid_reference"),
    Attempt("createComment", 422, given=made_with_a_key, body=MENTION, headers=KEY, code="idempotency_key_reused"),
    Attempt("listComments", 400, query="?cursor=AAAA"),
    Attempt("getComment", 200, query="?expand=author"),
    Attempt("getComment", 400, query="?expand="),
    Attempt("updateComment", 403, by="reporter"),
    Attempt("updateComment", 409, given=commented_then_closed, code="ticket_closed"),
    Attempt("updateComment", 422, body=MENTION, code="invalid_reference"),
    Attempt("deleteComment", 204, given=commented_then_closed),
    Attempt("deleteComment", 403, by="agent"),
]

LOST_RACES = "it takes many lost races in a row; tests/unit/comments/test_comment_changes.py has them"
NOT_ON_DEMAND = {(name, 409): LOST_RACES for name in ("deleteComment", "watchTicket", "unwatchTicket")}
