"""Saved views, and the bodies and queries that callers send about them, as pydantic models."""

from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, Strict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from ticketing import clock
from ticketing.api.bodies import TEXT, Body, Id, Model, Update, absent, listed
from ticketing.search.language import QueryProblemsError, parse
from ticketing.search.models import Sort
from ticketing.text import folded
from ticketing.users.models import Flag, Name

MOST_OWN: Final = 50
"""How many views somebody may have for themselves."""

MOST_SHARED: Final = 100
"""How many views a tenant may share."""

MOST_COUNTED: Final = 20
"""How many views one request counts."""


def _readable(query: str) -> str:
    """Return a query that the language of searches allows. Whether it does depends on no time zone and no moment.

    Raises
    ------
    ValidationError
        With each of its problems, and their places in the text.
    """
    try:
        parse(query, zone=ZoneInfo("UTC"), now=clock.now())
    except QueryProblemsError as error:
        kinds = [PydanticCustomError("query_problem", "{problem}", {"problem": str(each)}) for each in error.problems]
        details: list[InitErrorDetails] = [{"type": kind, "input": query} for kind in kinds]
        raise ValidationError.from_exception_data(title="query", line_errors=details) from error
    return query


QueryText = Annotated[str, TEXT, AfterValidator(_readable)]
"""Not trimmed: the places of problems count its characters as they were sent. Empty, it finds every ticket."""

Position = Annotated[int, Strict(), Field(ge=0, le=9999)]


class ViewCreate(Body):
    """The body of createView; without a sort, the search's own applies."""

    name: Name
    query: QueryText
    sort: Sort | None = None
    shared: Flag = False
    position: Position | None = None


class ViewUpdate(Update):
    """The body of updateView."""

    name: Name = absent()
    query: QueryText = absent()
    sort: Sort | None = None
    shared: Flag = absent()
    position: Position | None = None


class View(Model):
    """A view as stored, without the keys that store it. Times are RFC 3339 texts in UTC.

    `owner_id` is who keeps it; of a shared one, who shared it. `position` is its place among the caller's own, or among
    the shared ones.
    """

    id: str
    tenant_id: str
    name: str
    query: str
    sort: Sort | None = None
    shared: bool
    position: int | None = None
    owner_id: str
    version: int
    created_at: str
    updated_at: str

    @property
    def place(self) -> tuple[bool, bool, int, str, str]:
        """Return what lists are sorted by: own ones first, then by position, those without one last, then by name."""
        return self.shared, self.position is None, self.position or 0, folded(self.name), self.id


class CountQuery(Body):
    """The query of countViews."""

    ids: Annotated[list[Id], BeforeValidator(listed), Field(min_length=1, max_length=MOST_COUNTED)]
