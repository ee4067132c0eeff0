"""What the tests of real time share: events of the WebSocket API, and a gateway that keeps what is posted."""

import json
from collections import Counter
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

from botocore.awsrequest import AWSResponse, HTTPHeaders

from tests.unit.support import AGENT, REQUEST_ID, a_ticket, an_event
from ticketing.access.identity import Caller
from ticketing.ids import new_id
from ticketing.live.connections import Connection
from ticketing.tickets.events import Actor, Change, TicketEvent, TicketSummary
from ticketing.tickets.kinds import EventType, Visibility

CONNECTION: str = "L0SM9cOFvHcCIhw="
"""An id as API Gateway makes them."""


class Gateway:
    """Stands for API Gateway's side of open connections."""

    def __init__(self) -> None:
        self.told: dict[str, list[Any]] = {}
        """What was posted to each connection, as JSON, in order."""
        self.gone: set[str] = set()
        self.closed: list[str] = []
        self.failures: dict[str, list[int | Exception]] = {}
        """What happens instead to posts to a connection, one after the other: a status, or an exception."""
        self.tries = Counter[str]()

    def answer(self, request: Any, **_kwargs: Any) -> AWSResponse:
        connection_id = unquote(request.url.rpartition("/")[2])
        if connection_id in self.gone:
            return self._response(410, "GoneException")
        if request.method == "DELETE":
            self.closed.append(connection_id)
            return self._response(204)
        self.tries[connection_id] += 1
        failure = self.failures[connection_id].pop(0) if self.failures.get(connection_id) else None
        if isinstance(failure, Exception):
            raise failure
        if failure is not None:
            return self._response(failure, "LimitExceededException")
        self.told.setdefault(connection_id, []).append(json.loads(request.body))
        return self._response(200)

    @staticmethod
    def _response(status: int, error: str = "") -> AWSResponse:
        headers = HTTPHeaders()
        if error:
            headers["x-amzn-ErrorType"] = error
        body = b"" if status < 300 else json.dumps({"message": error}).encode()
        raw: Any = SimpleNamespace(stream=lambda: [body])
        return AWSResponse("https://live", status, headers, raw)


def live_event(
    body: Any = None,
    *,
    caller: Caller | None = AGENT,
    connection: str = CONNECTION,
    until: int | None = None,
    issued: int | None = None,
    **rest: Any,
) -> dict[str, Any]:
    """Return what API Gateway (WebSocket, proxy integration) hands to a function; a body that is no text is JSON."""
    authorizer: dict[str, Any] = {}
    if caller is not None:
        kind = "API_KEY" if caller.is_api_key else "PERSON"
        authorizer = {"userId": caller.user_id, "tenantId": caller.tenant_id, "role": caller.role.value, "kind": kind}
    if until is not None:
        authorizer["tokenExpiresAt"] = str(until)
    if issued is not None:
        authorizer["tokenIssuedAt"] = str(issued)
    context = {"connectionId": connection, "requestId": REQUEST_ID, "stage": "live", "authorizer": authorizer}
    return {
        "requestContext": context,
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
        **rest,
    }


def connection(
    connection_id: str, caller: Caller, *topics: str, until: int | None = None, issued: int | None = None
) -> Connection:
    """Return a connection of somebody."""
    return Connection(connection_id, caller.user_id, until, frozenset(topics), issued)


def updated(*, reporter: str | None = None, assignee: str | None = None, **changes: Change) -> TicketEvent:
    """Return an event of a ticket of acme, reported by REPORTER unless told otherwise."""
    values: dict[str, Any] = {"assigned_to_id": assignee} | ({"reporter_id": reporter} if reporter else {})
    return an_event(a_ticket(**values)).model_copy(update={"changes": changes})


def commented(visibility: Visibility) -> TicketEvent:
    """Return the event of a comment on REPORTER's ticket."""
    ticket = a_ticket()
    return TicketEvent(
        id=new_id(),
        type=EventType.COMMENT_ADDED,
        tenant_id=ticket.tenant_id,
        ticket_id=ticket.id,
        version=ticket.version,
        occurred_at=ticket.updated_at,
        actor=Actor(id=AGENT.user_id, role=AGENT.role),
        changes={},
        ticket=TicketSummary.of(ticket),
        comment_id=new_id(),
        visibility=visibility,
        mentions=[],
    )
