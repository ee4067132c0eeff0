"""Searching: the index finds tickets, the table tells about them.

Every hit is read from the table consistently, and judged as it is now: is it there, may the caller see it, does it
still match the query's fields? An index is some seconds behind, and its answers are never trusted further than that.
What a caller may not see is left out by the index, too (`Scope`), so that neither a total nor an order tells of it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from ticketing import clock
from ticketing.aws.data import of_caller
from ticketing.dynamodb import cursors
from ticketing.dynamodb.tables import fitting_of, tenant_prefix
from ticketing.errors import BadRequestError
from ticketing.people.repository import People
from ticketing.search.errors import SearchUnavailableError
from ticketing.search.highlights import highlights
from ticketing.search.language import Query, QueryProblemsError, addresses_in, bound, fields_match, parse
from ticketing.search.port import (
    NOBODY,
    CursorOutdatedError,
    Facet,
    Find,
    IndexDamagedError,
    IndexMissingError,
    Scope,
    SearchIndex,
    SortKey,
    Suggestion,
)
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.operations import presented_page
from ticketing.tickets.repository import TicketRepository
from ticketing.tickets.rules import check_ticket, sees_internal

if TYPE_CHECKING:
    from ticketing.access.identity import Caller
    from ticketing.access.permissions import Grant
    from ticketing.tickets.models import Expandable, Ticket

SUGGESTIONS: Final = 10
"""How many words are suggested at most."""

_MOST_ADDRESSES: Final = 16
"""How many e-mail addresses a search may name. Each is a request."""

_SURELY_FIT: Final = 500_000
"""Characters of descriptions and resolutions in an answer that is not measured. One takes 7 bytes at most."""

_HIGHLIGHTED: Final = ("title", "description", "resolution")

_MOST_SPANS: Final = 100
"""How many places of a text are highlighted at most, so that an answer stays as small as its texts let it be."""

_DATES: Final = re.compile("created|updated|resolved", re.IGNORECASE)
"""What a search has in it if it has dates. Only then is the tenant's time zone read."""

_POSITION: Final = re.compile(r"[0-9]{13} \{[ -~]{0,2000}\}")
"""What a cursor holds: the time of the first page in milliseconds, and where the index goes on, in JSON."""


@dataclass(frozen=True, slots=True)
class Search:
    """A search as its caller sent it. `sort` is a sort key, after `-` if it is descending; None is the default."""

    q: str = ""
    sort: str | None = None
    limit: int = 25
    cursor: str | None = None
    facets: frozenset[Facet] = frozenset()


@dataclass(frozen=True, slots=True)
class Hits:
    """One page of hits, and what there is to say about all pages. `cursor` starts the next page; None at the end."""

    query: Query
    tickets: Sequence[Ticket]
    total: int
    exact: bool
    facets: Mapping[Facet, Mapping[str, int]]
    as_of: str | None
    complete: bool
    cursor: str | None = None


type Rebuild = Callable[[str], None]
"""Has the tenant's index built, for this reason. However often it is asked, there is one build at a time."""


def search_tickets(granted: Grant, search: Search, index: SearchIndex, rebuild: Rebuild) -> Hits:
    """Return one page of the tickets that match and that the caller may see.

    The page is as long as asked, unless it is the last, hits were left out, or the answer would become too large.
    Without an index there are no hits, and it has begun to be built.

    Raises
    ------
    BadRequestError
        The query can't be read; or the cursor was altered, is of another search, or is too old.
    SearchUnavailableError
        The index is damaged. It has begun to be built anew.
    """
    caller, scope = granted.caller, scope_of(granted)
    bound_to = _bound_to(caller, scope, search)
    since, after = _position(search.cursor, bound_to)
    query = query_of(search.q, caller, scope, since)
    sort, descending = _order(search.sort, query, scope)
    find = Find(query, scope, sort, descending, search.limit, after, tuple(sorted(search.facets)))
    try:
        return _page(granted, find, index, lambda following: _cursor(since, following, bound_to))
    except IndexMissingError:
        rebuild("missing")
        return Hits(query, [], 0, exact=False, facets={each: {} for each in find.facets}, as_of=None, complete=False)
    except IndexDamagedError as error:
        rebuild("damaged")
        raise SearchUnavailableError from error
    except CursorOutdatedError as error:
        message = "The cursor is too old: in this order a search can be continued for 15 minutes."
        details = ["cursor: begin again with the first page, or sort by created or number"]
        raise BadRequestError(message, details) from error


def suggest_words(granted: Grant, prefix: str, index: SearchIndex, rebuild: Rebuild) -> Sequence[Suggestion]:
    """Return words and tags, of tickets that the caller may see, that begin as typed; raises as `search_tickets`."""
    try:
        return index.suggest(prefix, scope_of(granted), SUGGESTIONS)
    except IndexMissingError:
        rebuild("missing")
        return []
    except IndexDamagedError as error:
        rebuild("damaged")
        raise SearchUnavailableError from error


def presented_hits(hits: Hits, caller: Caller, expand: Collection[Expandable], *, highlight: bool) -> dict[str, Any]:
    """Return a page of hits as the contract shows it to this caller, with people and highlights as asked."""
    bodies = presented_page(hits.tickets, caller, expand)
    if highlight:
        for body in bodies:
            texts = {name: body[name] for name in _HIGHLIGHTED if body[name] is not None}
            body["highlights"] = {name: spans[:_MOST_SPANS] for name, spans in highlights(hits.query, texts).items()}
    shown: dict[str, Any] = {"tickets": bodies, "total": {"value": hits.total, "exact": hits.exact}}
    if hits.facets:
        shown["facets"] = {facet.value: dict(counts) for facet, counts in hits.facets.items()}
    return shown | {"asOf": hits.as_of, "complete": hits.complete}


def judged(granted: Grant, query: Query, ids: Sequence[str]) -> list[Ticket]:
    """Return the tickets with these ids, as they are now: those that the caller may see and that match the fields."""
    rows = TicketRepository(of_caller(granted.caller)).get_all(ids)
    found: list[Ticket] = []
    for ticket in (rows[each] for each in ids if each in rows):
        # A ValueError or TypeError: one of its times is damaged.
        with suppress(TicketNotFoundError, TypeError, ValueError):
            check_ticket(granted, ticket)
            if fields_match(query, ticket):
                found.append(ticket)
    return found


def scope_of(granted: Grant) -> Scope:
    """Return which tickets a grant lets its caller find, and whether also by what is internal in them."""
    return Scope(granted.caller.user_id if granted.only_own else None, internal=sees_internal(granted.caller))


def _page(granted: Grant, find: Find, index: SearchIndex, cursor_of: Callable[[Mapping[str, Any]], str]) -> Hits:
    """Find, read and judge one page; again with a lower limit as long as the answer would be too large."""
    while True:
        found = index.find(find)
        tickets = judged(granted, find.query, found.ids)
        fitting = _fitting(tickets)
        if fitting == len(tickets):
            break
        # Never 0: the first ticket always fits.
        find = replace(find, limit=found.ids.index(tickets[fitting].id))
    total, facets = found.total, found.facets
    left_out = len(found.ids) - len(tickets)
    if left_out and find.after is None and found.after is None:
        # All hits are on this page: they are counted as they are now.
        total, facets = len(tickets), {facet: _counted(facet, tickets) for facet in find.facets}
    elif left_out:
        total -= left_out
    return Hits(
        find.query,
        tickets,
        total,
        exact=found.exact and found.complete,
        facets=facets,
        # It would tell a reporter when somebody else's ticket changed.
        as_of=found.as_of if find.scope.reporter_id is None else None,
        complete=found.complete,
        cursor=None if found.after is None else cursor_of(found.after),
    )


def _fitting(tickets: Sequence[Ticket]) -> int:
    """Return how many of the first tickets fit into one answer."""
    if sum(len(ticket.description) + len(ticket.resolution or "") for ticket in tickets) <= _SURELY_FIT:
        return len(tickets)
    return fitting_of(ticket.model_dump(mode="json") for ticket in tickets)


def _counted(facet: Facet, tickets: Sequence[Ticket]) -> Mapping[str, int]:
    match facet:
        case Facet.STATUS:
            values = [ticket.status.value for ticket in tickets]
        case Facet.PRIORITY:
            values = [ticket.priority.value for ticket in tickets]
        case Facet.TYPE:
            values = [ticket.type.value for ticket in tickets]
        case Facet.TAG:
            values = [tag for ticket in tickets for tag in dict.fromkeys(ticket.tags)]
        case Facet.ASSIGNEE:
            values = [ticket.assigned_to_id or NOBODY for ticket in tickets]
    return dict(sorted(Counter(values).items(), key=lambda each: (-each[1], each[0])))


# --- What is asked ----------------------------------------------------------------------------------------------------


def query_of(q: str, caller: Caller, scope: Scope, now: datetime) -> Query:
    """Return a query with its dates in the tenant's time zone, and its people as ids.

    Whoever sees only their own tickets can't look up others by their address: one of somebody else's finds nothing.

    Raises
    ------
    BadRequestError
        It can't be read; the details name each problem and its place.
    """
    people = People(of_caller(caller))
    zone = ZoneInfo(people.time_zone() if _DATES.search(q) else "UTC")
    message = "The search can't be read."
    try:
        query = parse(q, zone=zone, now=now)
    except QueryProblemsError as error:
        raise BadRequestError(message, [f"q: {problem}" for problem in error.problems]) from error
    addresses = addresses_in(query)
    if len(addresses) > _MOST_ADDRESSES:
        raise BadRequestError(message, [f"q: names more than {_MOST_ADDRESSES} e-mail addresses"])
    known = {address: person for address in sorted(addresses) if (person := people.with_address(address))}
    if scope.reporter_id is not None:
        known = {address: person for address, person in known.items() if person == caller.user_id}
    return bound(query, me=caller.user_id, ids=known)


def _order(sort: str | None, query: Query, scope: Scope) -> tuple[SortKey, bool]:
    """Return what to sort by, and whether descending. No order depends on texts that the caller may not see."""
    if sort is None:
        sort = SortKey.RELEVANCE.value if query.ranked else "-updated"
    if sort == SortKey.RELEVANCE:
        return (SortKey.RELEVANCE if scope.reporter_id is None else SortKey.CREATED), True
    return SortKey(sort.removeprefix("-")), sort.startswith("-")


# --- Cursors ----------------------------------------------------------------------------------------------------------


def _bound_to(caller: Caller, scope: Scope, search: Search) -> str:
    """Return what a cursor is bound to, as text: tenant, caller and what they may see, query and order."""
    asked = [caller.user_id, scope.reporter_id, scope.internal, search.q, search.sort]
    return f"{tenant_prefix(caller.tenant_id)} search {json.dumps(asked)}"


def _cursor(since: datetime, after: Mapping[str, Any], bound_to: str) -> str:
    return cursors.encode(f"{_milliseconds(since)} {json.dumps(after, separators=(',', ':'))}", scope=bound_to)


def _position(cursor: str | None, bound_to: str) -> tuple[datetime, Mapping[str, Any] | None]:
    """Return the time of the first page, which relative dates of all pages count from, and where the page begins."""
    if cursor is None:
        return _from_milliseconds(_milliseconds(clock.now())), None
    position = cursors.decode(cursor, scope=bound_to, shape=_POSITION)
    milliseconds, _, after = position.partition(" ")
    try:
        return _from_milliseconds(int(milliseconds)), json.loads(after)
    except ValueError as error:
        raise cursors.not_given_out() from error


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _from_milliseconds(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
