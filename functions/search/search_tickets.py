"""searchTickets: GET /v1/search/tickets."""

from functools import partial

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.search.engines import index_of_caller
from ticketing.search.index_queue import rebuild
from ticketing.search.models import SearchQuery
from ticketing.search.operations import Search, presented_hits, search_tickets


@endpoint(Operation.SEARCH_TICKETS, takes_query=True)
def handler(request: Request) -> Response:
    """Return one page of the tickets that match and that the caller may see."""
    caller = request.caller
    query = request.query(SearchQuery)
    search = Search(query.q, query.sort, query.limit, query.cursor, query.facets)
    hits = search_tickets(request.grant, search, index_of_caller(caller), partial(rebuild, caller.tenant_id))
    body = presented_hits(hits, caller, query.expand, highlight=query.highlight == "true")
    return Response(200, body, headers=request.next_link(hits.cursor))
