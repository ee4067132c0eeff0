"""listTicketHistory: GET /v1/tickets/{id}/history."""

from dataclasses import asdict
from typing import Final

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.people.repository import People
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.models import HistoryQuery
from ticketing.tickets.operations import find_ticket
from ticketing.tickets.repository import TicketRepository
from ticketing.tickets.rules import sees_internal

_NOT_SHOWN: Final = {"ticket", "truncated"}


@endpoint(Operation.LIST_TICKET_HISTORY, takes_query=True)
def handler(request: Request) -> Response:
    """Return one page of the events of the ticket and its comments, oldest first."""
    caller = request.caller
    query = request.query(HistoryQuery)
    tickets = TicketRepository(of_caller(caller))
    ticket = find_ticket(request.grant, tickets.get(request.id_or(TicketNotFoundError)))
    page = tickets.history(ticket.id, limit=query.limit, cursor=query.cursor, internal=sees_internal(caller))
    body = [event.model_dump(mode="json", by_alias=True, exclude=_NOT_SHOWN) for event in page.items]
    if query.expand:
        known = People(of_caller(caller)).known(event.actor.id for event in page.items)
        for event in body:
            event["actor"] |= asdict(known[event["actor"]["id"]])
    return Response(200, body, headers=request.next_link(page.cursor))
