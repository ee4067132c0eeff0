"""listTickets: GET /v1/tickets."""

from dataclasses import replace

from ticketing.access.identity import Caller
from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.errors import BadRequestError
from ticketing.tickets.models import TicketQuery
from ticketing.tickets.operations import presented_page
from ticketing.tickets.queries import TicketFilter
from ticketing.tickets.repository import TicketRepository

_ME = "me"


@endpoint(Operation.LIST_TICKETS, takes_query=True)
def handler(request: Request) -> Response:
    """Return one page of the tickets that the caller may see, newest change first."""
    caller = request.caller
    query = request.query(TicketQuery)
    wanted = _filter(query, caller)
    if request.grant.only_own:
        if wanted.reporter_id not in {None, caller.user_id}:
            if query.cursor is not None:
                message = "The cursor is not one that this list gave out."
                raise BadRequestError(message, ["cursor: this list has no further page"])
            return Response(200, [])
        wanted = replace(wanted, reporter_id=caller.user_id)
    page = TicketRepository(of_caller(caller)).list(wanted, limit=query.limit, cursor=query.cursor)
    body = presented_page(page.items, caller, query.expand)
    return Response(200, body, headers=request.next_link(page.cursor))


def _filter(query: TicketQuery, caller: Caller) -> TicketFilter:
    return TicketFilter(
        status=query.status,
        priority=query.priority,
        type=query.type,
        assigned_to_id=caller.user_id if query.assigned_to_id == _ME else query.assigned_to_id,
        reporter_id=caller.user_id if query.reporter_id == _ME else query.reporter_id,
        tag=query.tag,
    )
