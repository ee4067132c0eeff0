"""The queries that callers of search send, as pydantic models."""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, StringConstraints

from ticketing.api.bodies import Body, Id, PageQuery, listed
from ticketing.search.port import Facet
from ticketing.tickets.models import ExpandQuery

LONGEST: Final = 500
"""The most characters of a search."""

Sort = Literal["relevance", "created", "-created", "updated", "-updated", "priority", "-priority", "number", "-number"]


class SearchQuery(PageQuery, ExpandQuery):
    """The query of searchTickets. What `q` says is read later, since dates in it need the tenant's time zone.

    `view` takes the place of `q` and `sort`.
    """

    q: Annotated[str, StringConstraints(max_length=LONGEST)] | None = None
    sort: Sort | None = None
    view: Id | None = None
    facets: Annotated[frozenset[Facet], BeforeValidator(listed)] = frozenset()
    highlight: Literal["true", "false"] = "false"


class SuggestionQuery(Body):
    """The query of suggestSearch."""

    q: Annotated[str, StringConstraints(min_length=1, max_length=50)]
