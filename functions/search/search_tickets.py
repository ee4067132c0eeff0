"""searchTickets: GET /v1/search/tickets."""

from functools import partial

from ticketing.access.identity import Caller
from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.errors import BadRequestError
from ticketing.search.engines import index_of_caller
from ticketing.search.index_queue import rebuild
from ticketing.search.models import SearchQuery
from ticketing.search.operations import Search, presented_hits, search_tickets


@endpoint(Operation.SEARCH_TICKETS, takes_query=True)
def handler(request: Request) -> Response:
    """Return one page of the tickets that match and that the caller may see."""
    caller = request.caller
    query = request.query(SearchQuery)
    q, sort = _asked(query, caller)
    search = Search(q, sort, query.limit, query.cursor, query.facets)
    hits = search_tickets(request.grant, search, index_of_caller(caller), partial(rebuild, caller.tenant_id))
    body = presented_hits(hits, caller, query.expand, highlight=query.highlight == "true")
    return Response(200, body, headers=request.next_link(hits.cursor))


def _asked(query: SearchQuery, caller: Caller) -> tuple[str, str | None]:
    """Return what is searched for, and in which order: as the request says, or the view that it names."""
    if query.view is None:
        return query.q or "", query.sort
    if query.q is not None or query.sort is not None:
        message = "The query is not what this operation takes."
        raise BadRequestError(message, ["view: takes the place of q and sort"])
    # Few searches name a view, and none of the others has to wait until all about views is imported.
    from ticketing.views.operations import view_for  # noqa: PLC0415

    view = view_for(caller, query.view)
    return view.query, view.sort
