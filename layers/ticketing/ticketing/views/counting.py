"""Counting what views find, as a search counts it for the caller."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from ticketing import clock
from ticketing.errors import BadRequestError
from ticketing.search.errors import SearchUnavailableError
from ticketing.search.operations import query_of, scope_of
from ticketing.search.port import Find, Found, IndexDamagedError, IndexMissingError, SortKey
from ticketing.views.operations import Views

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ticketing.access.permissions import Grant
    from ticketing.search.operations import Rebuild
    from ticketing.search.port import SearchIndex

NOT_FOUND: Final = "view_not_found"
"""The reason of a view that is gone, or that the caller does not see. It spoils no other count."""

QUERY_INVALID: Final = "query_invalid"
"""The reason of a view whose query was good when it was saved, and is not any more."""


def count_views(granted: Grant, view_ids: Iterable[str], index: SearchIndex, rebuild: Rebuild) -> dict[str, Any]:
    """Return how many tickets each of these views finds for the caller, as the contract shows it.

    Without an index they find nothing yet, and it has begun to be built.

    Raises
    ------
    SearchUnavailableError
        The index is damaged. It has begun to be built anew.
    """
    views = {view.id: view for view in Views(granted).all()}
    scope, now, rebuild_once = scope_of(granted), clock.now(), cache(rebuild)
    counted: dict[str, Found | str] = {}
    for view_id in dict.fromkeys(view_ids):
        if view_id not in views:
            counted[view_id] = NOT_FOUND
            continue
        try:
            query = query_of(views[view_id].query, granted.caller, scope, now)
        except BadRequestError:
            counted[view_id] = QUERY_INVALID
            continue
        # All that match are counted, whichever comes first: the order is one that costs nothing.
        counted[view_id] = _found(index, Find(query, scope, SortKey.CREATED, descending=True, limit=1), rebuild_once)
    found = [each for each in counted.values() if isinstance(each, Found)]
    return {
        "counts": [{"id": view_id} | _presented(each) for view_id, each in counted.items()],
        # It would tell a reporter when somebody else's ticket changed.
        "asOf": found[0].as_of if found and scope.reporter_id is None else None,
        "complete": all(each.complete for each in found),
    }


def _found(index: SearchIndex, find: Find, rebuild: Rebuild) -> Found:
    try:
        return index.find(find)
    except IndexMissingError:
        rebuild("missing")
        return Found(ids=[], total=0, exact=False, facets={}, after=None, as_of=None, complete=False)
    except IndexDamagedError as error:
        rebuild("damaged")
        raise SearchUnavailableError from error


def _presented(counted: Found | str) -> dict[str, Any]:
    if isinstance(counted, str):
        return {"total": None, "reason": counted}
    return {"total": {"value": counted.total, "exact": counted.exact and counted.complete}, "reason": None}
