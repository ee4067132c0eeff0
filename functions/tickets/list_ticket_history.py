"""listTicketHistory: GET /v1/tickets/{id}/history."""

from ticketing.frame import Response, endpoint
from ticketing.models import PageQuery
from ticketing.permissions import Operation
from ticketing.request import Request
from ticketing.tickets import find_ticket, tickets_of


@endpoint(Operation.LIST_TICKET_HISTORY, takes_query=True)
def handler(request: Request) -> Response:
    """Answer one page of what happened to the ticket, oldest first."""
    caller = request.caller
    query = request.query(PageQuery)
    tickets = tickets_of(caller)
    ticket = find_ticket(Operation.LIST_TICKET_HISTORY, caller, tickets.get(request.ticket_id))
    page = tickets.history(ticket.id, limit=query.limit, cursor=query.cursor)
    body = [event.model_dump(mode="json", by_alias=True) for event in page.items]
    return Response(200, body, headers=request.next_link(page.cursor))
