"""What the tests of comments share: the handlers as functions, and a look at what they wrote."""

from typing import Any

from functions.comments import (
    create_comment,
    delete_comment,
    get_comment,
    get_watching,
    list_comments,
    unwatch_ticket,
    update_comment,
    watch_ticket,
)
from functions.tickets import list_ticket_history
from tests.unit.conftest import Items
from tests.unit.support import AGENT, TABLE, TICKET_ID, Answer, api_event, data_of, send, stored
from ticketing.access.identity import Caller
from ticketing.comments.watcher_repository import WatcherRepository
from ticketing.dynamodb.attributes import from_item
from ticketing.tickets.models import Ticket

TICKET_PATH = f"/v1/tickets/{TICKET_ID}"
COMMENTS_PATH = f"{TICKET_PATH}/comments"
NOBODY_ID = "55555555-5555-4555-8555-555555555555"


def mention(*user_ids: str) -> str:
    return "Look, " + " and ".join(f"@[{each}]" for each in user_ids) + "!"


def write(
    body: Any = "Any news?", caller: Caller = AGENT, *, path: str = TICKET_PATH, key: str = "", **fields: Any
) -> Answer:
    """Send createComment; a body that is a text is that of a comment."""
    sent = {"body": body, **fields} if isinstance(body, str) else body
    headers = {"Idempotency-Key": key} if key else {}
    return send(
        create_comment.handler, api_event("POST", f"{path}/comments", caller=caller, body=sent, headers=headers)
    )


def edit(comment_id: str, body: Any, caller: Caller = AGENT) -> Answer:
    sent = {"body": body} if isinstance(body, str) else body
    return send(update_comment.handler, api_event("PATCH", f"{COMMENTS_PATH}/{comment_id}", caller=caller, body=sent))


def remove(comment_id: str, caller: Caller = AGENT) -> Answer:
    return send(delete_comment.handler, api_event("DELETE", f"{COMMENTS_PATH}/{comment_id}", caller=caller))


def read(comment_id: str, caller: Caller = AGENT, query: str = "") -> Answer:
    return send(get_comment.handler, api_event("GET", f"{COMMENTS_PATH}/{comment_id}{query}", caller=caller))


def listed(caller: Caller = AGENT, query: str = "", *, path: str = TICKET_PATH) -> Answer:
    return send(list_comments.handler, api_event("GET", f"{path}/comments{query}", caller=caller))


def history(caller: Caller = AGENT, query: str = "") -> Answer:
    return send(list_ticket_history.handler, api_event("GET", f"{TICKET_PATH}/history{query}", caller=caller))


def watch(caller: Caller = AGENT, *, path: str = TICKET_PATH) -> Answer:
    return send(watch_ticket.handler, api_event("POST", f"{path}/watchers/me", caller=caller))


def unwatch(caller: Caller = AGENT, *, path: str = TICKET_PATH) -> Answer:
    return send(unwatch_ticket.handler, api_event("DELETE", f"{path}/watchers/me", caller=caller))


def watches(caller: Caller = AGENT, *, path: str = TICKET_PATH) -> Answer:
    return send(get_watching.handler, api_event("GET", f"{path}/watchers/me", caller=caller))


def choices(client: Any) -> dict[str, bool]:
    return WatcherRepository(data_of(client, "acme")).list_settings(TICKET_ID)


def there(client: Any, ticket: Ticket) -> Ticket:
    """Put a ticket into the table, with the attributes that only later changes set."""
    stored(client, ticket)
    if ticket.deleted_at:
        key = {"PK": {"S": f"TENANT#{ticket.tenant_id}#TICKET#{ticket.id}"}, "SK": {"S": "TICKET"}}
        client.update_item(
            TableName=TABLE,
            Key=key,
            UpdateExpression="SET deletedAt = :then",
            ExpressionAttributeValues={":then": {"S": ticket.deleted_at}},
        )
    return ticket


def by_place(items: Items, beginning: str) -> list[dict[str, Any]]:
    """Return the items whose range key begins so, in plain values, by that key."""
    found = [from_item(item) for item in items() if item["SK"]["S"].startswith(beginning)]
    return sorted(found, key=lambda item: str(item["SK"]))
