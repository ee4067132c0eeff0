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
    """Return one page of the tickets that the caller may see, in the order that the query asks for."""
    caller = request.caller
    query = request.query(TicketQuery)
    wanted = _filter(query, caller)
    if request.grant.only_own:
        if wanted.reporter_id and caller.user_id not in wanted.reporter_id:
            if query.cursor is not None:
                message = "The cursor is not one that this list gave out."
                raise BadRequestError(message, ["cursor: this list has no further page"])
            return Response(200, [])
        wanted = replace(wanted, reporter_id=(caller.user_id,))
    tickets = TicketRepository(of_caller(caller))
    page = tickets.list(wanted, limit=query.limit, cursor=query.cursor, sort=query.sort)
    body = presented_page(page.items, caller, query.expand)
    return Response(200, body, headers=request.next_link(page.cursor))


def _filter(query: TicketQuery, caller: Caller) -> TicketFilter:
    def ids(values: tuple[str, ...]) -> tuple[str, ...]:
        return _each_once(*(caller.user_id if value == _ME else value for value in values))

    return TicketFilter(
        status=_each_once(*query.status),
        priority=_each_once(*query.priority),
        type=_each_once(*query.type),
        assigned_to_id=ids(query.assigned_to_id),
        reporter_id=ids(query.reporter_id),
        tag=_each_once(*query.tag),
        number=query.number,
        updated_since=query.updated_since,
    )


def _each_once[T](*values: T) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))
