"""suggestSearch: GET /v1/search/suggestions."""

from dataclasses import asdict
from functools import partial

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.search.engines import index_of_caller
from ticketing.search.index_queue import rebuild
from ticketing.search.models import SuggestionQuery
from ticketing.search.operations import suggest_words


@endpoint(Operation.SUGGEST_SEARCH, takes_query=True)
def handler(request: Request) -> Response:
    """Return words and tags that begin as typed, the most frequent first."""
    caller = request.caller
    prefix = request.query(SuggestionQuery).q
    words = suggest_words(request.grant, prefix, index_of_caller(caller), partial(rebuild, caller.tenant_id))
    return Response(200, [asdict(word) for word in words])
