"""The search index of a tenant in an OpenSearch cluster: the same port as the embedded engine's.

An index of its own for each tenant. The alias `tickets-<tenant>` leads to the one that is searched; another one may be
built beside it. Both are written, and the end of a build switches the alias.

Several may write at once, and requests may come late or twice. Each writer counts the sequence on before it reads the
tickets, and the sequence is the version of what it writes: OpenSearch refuses an older one than it has.

A page of a search sorted by relevance, `updated` or `priority` holds on to the point in time that the first page saw;
sorted by `created` or `number` the order is always the same, so that each page comes from the newest state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from ticketing import clock
from ticketing.aws.data import Cluster, TenantData
from ticketing.aws.isolation import search_alias, tenant_of_search_index
from ticketing.errors import ServiceUnavailableError
from ticketing.ids import new_id
from ticketing.search import opensearch_bodies as bodies
from ticketing.search.inexact import ENOUGH, Reach
from ticketing.search.language import Kind, Query, Term
from ticketing.search.opensearch_bodies import FORMAT, Json
from ticketing.search.opensearch_repository import Building, IndexStates
from ticketing.search.opensearch_requests import WRITING, RefusedError, Requests, encoded, wait
from ticketing.search.port import (
    Build,
    BuildChangedError,
    Changes,
    CursorOutdatedError,
    Find,
    Found,
    IndexDamagedError,
    IndexMissingError,
    Scope,
    SortKey,
    Suggestion,
)
from ticketing.search.suggesting import suggestions, typed
from ticketing.words import words_of

HELD: Final = timedelta(minutes=15)
"""How long a search can be continued that holds on to a point in time."""

_HOLDING: Final = frozenset({SortKey.RELEVANCE, SortKey.UPDATED, SortKey.PRIORITY})

_LONGEST_POINT: Final = 1_500
"""Characters of the name of a point in time, so that a cursor with it stays small."""

_LARGEST_BULK: Final = 4_000_000
"""Bytes of documents in a request: a small domain takes 10 MiB."""

_BULK_PAUSES: Final = (0.5, 1.0, 2.0)
"""Seconds before documents are sent again for which there was no room."""

_MOST_TEXTS: Final = 1_000
"""How many texts are looked at for suggestions: one word may be written in several ways."""


class DocumentsRefusedError(Exception):
    """OpenSearch refused documents, and would refuse them again. All others are written."""

    def __init__(self, refused: Mapping[str, str]) -> None:
        super().__init__(", ".join(f"{ticket_id}: {kind}" for ticket_id, kind in sorted(refused.items())))
        self.refused = refused
        """OpenSearch's names of the errors, by the tickets' ids."""


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a page begins. For the first page: all that is known is the point in time, if there is one."""

    point: str | None = None
    """The name of the point in time."""
    until: int = 0
    """Until when the search can be continued, in milliseconds since 1970."""
    reach: Reach | None = None
    """How far words reach on all pages."""
    last: Sequence[float] = ()
    """What the last hit of the page before is sorted by."""


@dataclass(frozen=True, slots=True)
class _Operation:
    """A ticket's document, or its deletion, as lines of a request."""

    ticket_id: str
    lines: bytes


class OpenSearch:
    """The search index of one tenant."""

    def __init__(self, data: TenantData, cluster: Cluster) -> None:
        self._tenant_id = data.tenant_id
        self._states = IndexStates(data)
        self._requests = Requests(cluster)
        self._served = search_alias(data.tenant_id)

    # --- searching ----------------------------------------------------------------------------------------------------

    def find(self, find: Find) -> Found:
        """Return one page of what a query finds; `SearchIndex` says more."""
        alias, as_of, complete = self._searched()
        find = _ordered(find)
        position = self._beginning(find, alias) if find.after is None else _position(find)
        for reach in _reaches(find.query) if position.reach is None else (position.reach,):
            answer = self._page(find, alias, replace(position, reach=reach))
            if answer["hits"]["total"]["value"] >= ENOUGH:
                break
        hits, total = answer["hits"]["hits"], answer["hits"]["total"]
        after = None
        if len(hits) > find.limit:
            after = _after(replace(position, reach=reach, last=hits[find.limit - 1]["sort"]))
        elif find.after is None and position.point is not None:
            self._release(position.point)
        return Found(
            ids=[hit["_id"] for hit in hits[: find.limit]],
            total=total["value"],
            exact=total["relation"] == "eq",
            facets={facet: _counts(answer["aggregations"][facet.value]) for facet in find.facets},
            after=after,
            as_of=as_of,
            complete=complete,
        )

    def suggest(self, prefix: str, scope: Scope, limit: int) -> Sequence[Suggestion]:
        """Return words of titles, and tags, that begin as typed, the most frequent first; raises as `find` does."""
        begun = typed(words_of(prefix))
        if not begun:
            return []
        alias, _, _ = self._searched()
        answer = self._search(f"{alias}/_search", bodies.suggestions_of(begun, scope, self._tenant_id, _MOST_TEXTS))
        return suggestions(_counts(answer["aggregations"]["shown"]).items(), limit)

    def _searched(self) -> tuple[str, str | None, bool]:
        """Return what is searched, the time up to which changes are in it, and whether all tickets are."""
        state = self._states.read(consistent=False)
        if state.format is not None:
            return self._served, state.as_of, True
        if state.building is not None:
            return _alias_of(state.building.index), state.as_of, False
        raise IndexMissingError

    def _beginning(self, find: Find, alias: str) -> _Position:
        """Return where the first page begins: at a new point in time, if its order needs one.

        A cluster holds a limited number of them. Beyond it, the first page is that of the newest state, and can't be
        continued.
        """
        if find.sort not in _HOLDING:
            return _Position()
        path, parameters = f"{alias}/_search/point_in_time", {"keep_alive": f"{HELD // timedelta(minutes=1)}m"}
        try:
            point = self._requests.send("POST", path, parameters=parameters, pauses=())["pit_id"]
        except RefusedError as error:
            raise _wrong_with_index(error) from error
        except ServiceUnavailableError:
            point = None
        return _Position(point=point, until=_now() + HELD // timedelta(milliseconds=1))

    def _page(self, find: Find, alias: str, position: _Position) -> Json:
        """Return the hits of a page, and one more if there are any."""
        reach = position.reach or Reach.EXACT
        body: Json = {
            "query": bodies.query_of(find.query, find.scope, self._tenant_id, reach),
            "sort": bodies.sort_of(find.sort, descending=find.descending),
            "size": find.limit + 1,
            "track_total_hits": True,
        }
        if find.facets:
            body["aggs"] = bodies.counts_of(find.facets)
        if position.last:
            body["search_after"] = list(position.last)
        if position.point is not None:
            body["pit"] = {"id": position.point}
        try:
            answer = self._search(f"{alias}/_search" if position.point is None else "_search", body)
        except IndexDamagedError as error:
            if find.after is None or position.point is None:
                raise
            raise CursorOutdatedError from error
        except RefusedError as error:
            # It can't be read, because somebody altered the cursor.
            if find.after is None or error.status != HTTPStatus.BAD_REQUEST:
                raise
            raise CursorOutdatedError from error
        if position.point is not None and answer["_shards"]["total"] == 0:  # an altered name may be that of nothing
            raise CursorOutdatedError
        return answer

    def _search(self, path: str, body: Json) -> Json:
        try:
            return self._requests.send("POST", path, body, parameters={"allow_partial_search_results": "false"})
        except RefusedError as error:
            raise _wrong_with_index(error) from error

    def _release(self, point: str) -> None:
        """Release a point in time that nobody comes back to. If that fails, it ends by itself."""
        try:
            self._requests.send("DELETE", "_search/point_in_time", {"pit_id": [point]}, pauses=())
        except (RefusedError, ServiceUnavailableError):
            return

    # --- writing ------------------------------------------------------------------------------------------------------

    def write(self, read: Callable[[], Changes]) -> None:
        """Write changes to the index that is served, and to the one that is being built; `SearchIndex` says more.

        Raises
        ------
        DocumentsRefusedError
            Some of them are not written, and a retry would not help.
        IndexDamagedError
            An index is gone.
        """
        state = self._states.count()
        if state.format is None and state.building is None:
            return
        changes = read()
        operations = [*self._operations(changes, state.sequence)]
        if state.format is not None:
            # Findable when it returns: with the next refresh, within a second.
            self._bulk(self._served, operations, refresh="wait_for")
        if state.building is not None:
            self._bulk(_alias_of(state.building.index), operations, refresh="false")
        self._states.wrote(changes.as_of)

    def current(self, calendar: str | None = None) -> bool:  # noqa: ARG002 - none of its documents has facts
        """Return whether there is a complete index of this format: none has to be built."""
        return self._states.read(consistent=True).format == FORMAT

    def build(self) -> Build | None:
        """Return the build that has begun and not ended, or None. One of another format is given up."""
        building = self._states.read(consistent=True).building
        return Build(building.began, building.walk) if building is not None and building.format == FORMAT else None

    def begin(self, build: Build) -> None:
        """Begin an empty index beside the one that is served; one that was being built is given up."""
        state = self._states.read(consistent=True)
        if state.building is not None:
            self._drop(state.building.index)
        building = Building(f"{self._served}.{FORMAT}-{new_id()}", FORMAT, build.began, build.walk)
        self._states.begun(building, state.as_of if state.format is not None else build.began)
        self._requests.send("PUT", f"_index_template/tickets-{FORMAT}", bodies.template(), seconds=WRITING)
        try:
            self._requests.send("PUT", building.index, {"aliases": {_alias_of(building.index): {}}}, seconds=WRITING)
        except RefusedError as error:
            if error.kind != "resource_already_exists_exception":  # made by an attempt whose answer was lost
                raise
        now = self._states.read(consistent=True).building
        if now is None or now.index != building.index:
            self._drop(building.index)  # somebody else began at the same time, and later

    def extend(self, read: Callable[[], Changes], build: Build, walk: Mapping[str, Any]) -> None:
        """Write tickets to the index that is being built, together with how far the walk has come; as `write` does."""
        state = self._states.count()
        building = _checked(state.building, build)
        operations = [*self._operations(read(), state.sequence)]
        self._bulk(_alias_of(building.index), operations, refresh="false")
        if not self._states.walked(building, walk):
            raise BuildChangedError

    def finish(self, build: Build) -> None:
        """Serve the index that was being built, and drop the one before."""
        building = _checked(self._states.read(consistent=True).building, build)
        try:
            self._requests.send("POST", f"{building.index}/_refresh", seconds=WRITING)
            before = [index for index in self._indexes(self._served) if index != building.index]
            switch: list[Json] = [{"add": {"index": building.index, "alias": self._served}}]
            switch += [{"remove_index": {"index": index}} for index in before]
            self._requests.send("POST", "_aliases", {"actions": switch}, seconds=WRITING)
        except RefusedError as error:
            raise _wrong_with_index(error) from error
        if not self._states.finished(building):
            raise BuildChangedError

    @property
    def fetched(self) -> int:
        """How many bytes this process has fetched to read it: none, a cluster reads by itself."""
        return 0

    # --- keeping it in order ------------------------------------------------------------------------------------------

    def worn(self, before: str, limit: int) -> Sequence[str]:  # noqa: ARG002 - the engine does it: `sweep`
        """Return no tickets: none has to be written again for deleted text to leave."""
        return ()

    def sweep(self) -> int:
        """Have what was deleted leave the index's files, which OpenSearch does after its answer; it says no number."""
        parameters = {"only_expunge_deletes": "true", "wait_for_completion": "false"}
        try:
            self._requests.send("POST", f"{self._served}/_forcemerge", parameters=parameters, seconds=WRITING)
        except RefusedError as error:
            raise _wrong_with_index(error) from error
        return 0

    def erase(self, in_time: Callable[[], bool]) -> bool:  # noqa: ARG002 - it is a few requests
        """Delete the tenant's indexes, and what is known about them."""
        building = self._states.read(consistent=True).building
        for index in {*self._indexes(self._served), *([building.index] if building is not None else [])}:
            self._drop(index)
        self._states.delete()
        return True

    # --- requests -----------------------------------------------------------------------------------------------------

    def _operations(self, changes: Changes, version: int) -> Iterator[_Operation]:
        """Yield what is to be written: each ticket once, with this version."""
        known = {"version": version, "version_type": "external_gte"}
        for document in changes.documents:
            action = {"index": {"_id": document.ticket_id, **known}}
            lines = (action, bodies.body_of(document, self._tenant_id))
            yield _Operation(document.ticket_id, b"".join(encoded(line) + b"\n" for line in lines))
        for ticket_id in changes.gone:
            yield _Operation(ticket_id, encoded({"delete": {"_id": ticket_id, **known}}) + b"\n")

    def _bulk(self, alias: str, operations: Sequence[_Operation], *, refresh: str) -> None:
        """Write operations, and again those for which there was no room; older versions than what is there are left."""
        refused: dict[str, str] = {}
        for request in _requests_of(operations):
            left: Sequence[_Operation] = request
            for pause in (*_BULK_PAUSES, None):
                left = self._written(alias, left, refresh, refused)
                if not left:
                    break
                if pause is None:
                    message = "OpenSearch has no room for changes."
                    raise ServiceUnavailableError(message)
                wait(pause)
        if refused:
            raise DocumentsRefusedError(refused)

    def _written(
        self, alias: str, operations: Sequence[_Operation], refresh: str, refused: dict[str, str]
    ) -> Sequence[_Operation]:
        """Write operations in one request; return those to be sent again, and note in `refused` those that are not."""
        # Otherwise an index that is gone would be made anew, with these few tickets.
        parameters = {"require_alias": "true", "refresh": refresh}
        lines = b"".join(operation.lines for operation in operations)
        try:
            answer = self._requests.send("POST", f"{alias}/_bulk", lines, parameters=parameters, seconds=WRITING)
        except RefusedError as error:
            raise _wrong_with_index(error) from error
        left = []
        for operation, item in zip(operations, answer["items"], strict=True):
            (outcome,) = item.values()
            match outcome["status"]:
                case HTTPStatus.CONFLICT:
                    continue  # a later version is there
                case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
                    left.append(operation)
                case HTTPStatus.NOT_FOUND if "error" in outcome:
                    raise IndexDamagedError
                case status if status >= HTTPStatus.BAD_REQUEST and "error" in outcome:
                    refused[operation.ticket_id] = str(outcome["error"]["type"])
        return left

    def _indexes(self, alias: str) -> Iterable[str]:
        """Return the indexes that an alias leads to."""
        try:
            return self._requests.send("GET", f"_alias/{alias}").keys()
        except RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return []
            raise

    def _drop(self, index: str) -> None:
        try:
            self._requests.send("DELETE", index, seconds=WRITING)
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise


def tenants_in(cluster: Cluster) -> set[str]:
    """Return the tenants that have an index in a cluster, there or gone."""
    names = Requests(cluster).send("GET", "_aliases")
    return {tenant_id for name in names if (tenant_id := tenant_of_search_index(name)) is not None}


def _alias_of(index: str) -> str:
    """Return the name by which an index is written while it is built."""
    return f"{index}.building"


def _checked(building: Building | None, build: Build) -> Building:
    """Return what is being built, if it is this build, and has come as far as its caller knows."""
    if building is None or building.format != FORMAT or (building.began, building.walk) != (build.began, build.walk):
        raise BuildChangedError
    return building


def _ordered(find: Find) -> Find:
    """Return the search with the order that relevance stands for.

    A score tells about the texts of all tickets, so a reporter, who sees their own, gets the newest tickets first; so
    does whoever names no words.
    """
    if find.sort is not SortKey.RELEVANCE:
        return find
    scored = find.query.ranked and find.scope.reporter_id is None
    return replace(find, sort=SortKey.RELEVANCE if scored else SortKey.CREATED, descending=True)


def _reaches(query: Query) -> Sequence[Reach]:
    """Return how far a search for this query can reach, the nearest first: beyond EXACT only words do."""
    forgiving = any(isinstance(each, Term) and each.kind is Kind.WORD and not each.negated for each in query.clauses)
    return tuple(Reach) if forgiving else (Reach.EXACT,)


def _position(find: Find) -> _Position:
    """Return where a page begins, from what a caller brought back.

    Raises
    ------
    CursorOutdatedError
        It is too old, was altered, or is the other engine's.
    """
    match find.after:
        case {"reach": Reach.EXACT | Reach.CLOSE | Reach.WITHIN as reach, "last": [*last], **held} if all(
            isinstance(each, int | float) for each in last
        ):
            position = _Position(reach=Reach(reach), last=last)
        case _:
            raise CursorOutdatedError
    if find.sort not in _HOLDING:
        return position
    match held:
        case {"point": str(point), "until": int(until)} if 0 < len(point) <= _LONGEST_POINT and _now() <= until:
            return replace(position, point=point, until=until)
        case _:
            raise CursorOutdatedError


def _after(position: _Position) -> dict[str, Any]:
    """Return a position as JSON."""
    after: dict[str, Any] = {"reach": position.reach, "last": list(position.last)}
    return after | ({"point": position.point, "until": position.until} if position.until else {})


def _now() -> int:
    return int(clock.now().timestamp() * 1000)


def _counts(aggregation: Json) -> dict[str, int]:
    return {str(each["key"]): int(each["doc_count"]) for each in aggregation["buckets"]}


def _requests_of(operations: Iterable[_Operation]) -> Iterator[list[_Operation]]:
    """Yield the operations in parts, each as large as a request may be."""
    part: list[_Operation] = []
    size = 0
    for operation in operations:
        if part and size + len(operation.lines) > _LARGEST_BULK:
            yield part
            part, size = [], 0
        part.append(operation)
        size += len(operation.lines)
    if part:
        yield part


def _wrong_with_index(error: RefusedError) -> Exception:
    """Return what an error of a request to an index means: if it is gone, the index has to be built again."""
    return IndexDamagedError() if error.status == HTTPStatus.NOT_FOUND else error
