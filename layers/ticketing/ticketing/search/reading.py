"""Reading one state of an embedded index: pages of hits, their facets, and suggestions."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tantivy
from tantivy import Order, Query

from ticketing.search import language
from ticketing.search.inexact import ENOUGH, Reach, reaches
from ticketing.search.language import Kind, Term
from ticketing.search.matching import HIGHEST, any_of, begun, beyond, matching, of_priority, phrase
from ticketing.search.port import MOST_VALUES, CursorOutdatedError, Facet, Find, Scope, SortKey, Suggestion
from ticketing.search.schema import MOMENT_BITS, id_of
from ticketing.search.suggesting import suggestions, typed
from ticketing.tickets.kinds import Priority
from ticketing.words import words_of

_EXACTLY: Final = 65_000
"""How many values of each segment are counted, the most that the engine allows: then no count is a guess."""

_COLUMNS: Final = {
    SortKey.CREATED: "created",
    SortKey.UPDATED: "updated",
    SortKey.NUMBER: "number",
}

_SURROGATES: Final = range(0xD800, 0xE000)
"""No characters, nor may a pattern name them."""

_EVERYTHING: Final = language.Query(())


@dataclass(frozen=True, slots=True)
class Hits:
    """One page of what is found in one state of an index; `after` is a small JSON object."""

    ids: list[str]
    total: int
    facets: dict[Facet, dict[str, int]]
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class _After:
    """Where a page begins."""

    reach: Reach
    at: int
    """The value in the column of the last hit before; by relevance, the number of hits before.

    By priority it is the rank of the last hit's, above the bits of its value in the column `updated`.
    """


class Opened:
    """A state of an index, opened for reading: that of its folder at this time."""

    def __init__(self, folder: Path) -> None:
        index = tantivy.Index.open(str(folder))
        index.config_reader("manual")
        self._searcher = index.searcher()

    def find(self, find: Find) -> Hits:
        """Return one page of what a query finds.

        Words reach further as long as few tickets match, whatever the page's limit: so all pages are of one set.
        """
        after = _after(find.after)
        if after and _by_score(find) and after.at > self._searcher.num_docs:
            raise CursorOutdatedError  # the engine would make room for as many
        for reach in [after.reach] if after else reaches(find.query):
            query = self._matching(find, reach)
            ids, total, following = self._page(query, find, after.at if after else None)
            if total >= ENOUGH:
                break
        more = None if following is None else {"reach": reach.value, "at": following}
        return Hits(ids, total, {facet: self._counts(query, facet) for facet in find.facets}, more)

    # --- for reports ----------------------------------------------------------------------------------------------

    def found_by(self, query: language.Query) -> Query:
        """Return the engine's query for all tickets that `find` finds for an agent, whose words reach as far."""
        find = Find(query, Scope(None, internal=True), SortKey.CREATED, descending=True, limit=1)
        for reach in reaches(query):
            found = self._matching(find, reach)
            hits: Any = self._searcher.search(found, 1)  # the engine's types do not have the count
            if hits.count >= ENOUGH:
                break
        return found

    def aggregate(self, query: Query, aggregations: Mapping[str, Any]) -> dict[str, Any]:
        """Return the engine's answer to aggregations over what matches a query; `{}` if there is no ticket at all."""
        return self._searcher.aggregate(query, dict(aggregations)) if self._searcher.num_docs else {}

    def nth(self, query: Query, column: str, place: int, *, descending: bool) -> int:
        """Return the value of a column that is at a place, counted from 0, in the order of what matches a query."""
        order = Order.Desc if descending else Order.Asc
        found = self._searcher.search(query, 1, count=False, offset=place, order_by_field=column, order=order)
        return self._values(column, [address for _, address in found.hits])[0]

    def newest(
        self, query: Query, limit: int, before: int | None, columns: Sequence[str]
    ) -> tuple[list[tuple[str, dict[str, int | None]]], int | None]:
        """Return the tickets that match, newest first: ids, with the first value in each of these columns.

        Also where the next page begins, which is `before` then; None after the last page.
        """
        left = query if before is None else query.and_must_match(beyond("created", before, descending=True))
        found = self._searcher.search(left, limit + 1, count=False, order_by_field="created", order=Order.Desc)
        addresses = [address for _, address in found.hits[:limit]]
        values = {column: self._searcher.fast_field_values(column, addresses) for column in columns}
        rows = [
            (
                ticket_id,
                {column: None if (value := each[place]) is None else int(value) for column, each in values.items()},
            )
            for place, ticket_id in enumerate(self._ids(addresses))
        ]
        return rows, self._values("created", addresses[-1:])[0] if len(found.hits) > limit else None

    # --------------------------------------------------------------------------------------------------------------

    def suggest(self, prefix: str, scope: Scope, limit: int) -> list[Suggestion]:
        """Return words of titles, and tags, that begin as typed, the most frequent first."""
        begun = typed(words_of(prefix))
        if not begun:
            return []
        # The query for the caller's tickets also leaves out those that are deleted.
        theirs = matching(_EVERYTHING, scope, Reach.EXACT)
        return suggestions(self._searcher.terms_with_prefix("shown", begun, theirs), limit)

    def ids_in_segment(self, segment: int, before: int, limit: int) -> list[str]:
        """Return ids of tickets in the n-th segment, where so many tickets are in the segments before."""
        found = self._searcher.search(Query.all_query(), limit, count=False, offset=before)
        return self._ids([address for _, address in found.hits if address.segment_ord == segment])

    def _matching(self, find: Find, reach: Reach) -> Query:
        """Return the engine's query; where a phrase ends with the beginning of too many words, of several phrases."""
        query = matching(find.query, find.scope, reach)
        if any(map(_ends_open, find.query.clauses)):
            try:
                self._searcher.search(query, 1, count=False)
            except ValueError:
                query = matching(find.query, find.scope, reach, self._begun)
        return query

    def _begun(self, field: str, words: Sequence[str]) -> Query:
        """Return the query for a phrase whose last word is the beginning of one, however many words that are."""
        *before, last = words
        return any_of([phrase(field, words), *self._begun_further(field, before, last, 0, sys.maxunicode)])

    def _begun_further(self, field: str, before: Sequence[str], last: str, low: int, high: int) -> Iterator[Query]:
        """Yield the phrases whose last word goes on with one of these letters, as many as the engine takes at once."""
        query = begun(field, before, f"{re.escape(last)}[\\x{{{low:x}}}-\\x{{{high:x}}}].*")
        try:
            self._searcher.search(query, 1, count=False)
        except ValueError:
            if low == high:
                yield from self._begun_further(field, before, last + chr(low), 0, sys.maxunicode)
                yield phrase(field, [*before, last + chr(low)])
                return
            middle = (low + high) // 2
            if middle in _SURROGATES:
                middle = _SURROGATES[0] - 1
            yield from self._begun_further(field, before, last, low, middle)
            middle = _SURROGATES[-1] if middle + 1 == _SURROGATES[0] else middle
            yield from self._begun_further(field, before, last, middle + 1, high)
        else:
            yield query

    def _page(self, query: Query, find: Find, at: int | None) -> tuple[list[str], int, int | None]:
        """Return the ids of a page, the number of hits on all pages, and what the next one begins after."""
        if find.sort is SortKey.PRIORITY:
            return self._page_by_priority(query, find, at)
        column, descending = _order_of(find)
        found: Any  # the engine's types do not have the count
        whole: Any
        if column is None:
            found = self._searcher.search(query, find.limit + 1, offset=at or 0)
        else:
            order = Order.Desc if descending else Order.Asc
            left = query if at is None else query.and_must_match(beyond(column, at, descending=descending))
            found = self._searcher.search(left, find.limit + 1, order_by_field=column, order=order)
        whole = found if column is None or at is None else self._searcher.search(query, 1)
        addresses = [address for _, address in found.hits[: find.limit]]
        following = None
        if len(found.hits) > find.limit:
            following = (at or 0) + find.limit if column is None else self._values(column, addresses[-1:])[0]
        return self._ids(addresses), int(whole.count), following

    def _page_by_priority(self, query: Query, find: Find, at: int | None) -> tuple[list[str], int, int | None]:
        """Return a page as `_page` does, a search for each priority, as many as it takes: by their last change each.

        A column for this order would be the largest of all.
        """
        begin = None if at is None else divmod(at, 1 << MOMENT_BITS)
        found: list[tuple[int, tantivy.DocAddress]] = []
        for rank, priority in sorted(enumerate(Priority), reverse=find.descending):
            if begin and (rank > begin[0] if find.descending else rank < begin[0]):
                continue
            left = query.and_must_match(of_priority(priority))
            if begin and rank == begin[0]:
                left = left.and_must_match(beyond("updated", begin[1], descending=find.descending))
            order = Order.Desc if find.descending else Order.Asc
            wanted = find.limit + 1 - len(found)
            hits = self._searcher.search(left, wanted, count=False, order_by_field="updated", order=order).hits
            found += [(rank, address) for _, address in hits]
            if len(found) > find.limit:
                break
        whole: Any = self._searcher.search(query, 1)
        page = found[: find.limit]
        following = None
        if len(found) > find.limit:
            rank, last = page[-1]
            following = (rank << MOMENT_BITS) + self._values("updated", [last])[0]
        return self._ids([address for _, address in page]), int(whole.count), following

    def _ids(self, addresses: list[tantivy.DocAddress]) -> list[str]:
        parts = zip(self._values("id_high", addresses), self._values("id_low", addresses), strict=True)
        return [id_of(high, low) for high, low in parts]

    def _values(self, column: str, addresses: list[tantivy.DocAddress]) -> list[int]:
        return [int(value) for value in self._searcher.fast_field_values(column, addresses) if value is not None]

    def _counts(self, query: Query, facet: Facet) -> dict[str, int]:
        terms = {"field": facet.value, "size": MOST_VALUES, "segment_size": _EXACTLY}
        answer = self._searcher.aggregate(query, {"values": {"terms": terms}})
        counts = {str(each["key"]): int(each["doc_count"]) for each in answer["values"]["buckets"]}
        return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


def _order_of(find: Find) -> tuple[str | None, bool]:
    """Return the column that hits are sorted by, and whether its highest value comes first; None for their score.

    A score tells about the texts of all tickets, so a reporter, who sees their own, gets the newest tickets first; so
    does whoever names no words.
    """
    if find.sort is not SortKey.RELEVANCE:
        return _COLUMNS[find.sort], find.descending
    return (None if _by_score(find) else _COLUMNS[SortKey.CREATED]), True


def _by_score(find: Find) -> bool:
    return find.sort is SortKey.RELEVANCE and find.query.ranked and find.scope.reporter_id is None


def _ends_open(clause: language.Clause) -> bool:
    """Return whether a clause is a phrase whose last word is the beginning of one."""
    return isinstance(clause, Term) and clause.kind is Kind.PREFIX and len(clause.words) > 1


def _after(after: Mapping[str, Any] | None) -> _After | None:
    """Return where a page begins, from what a caller brought back.

    Raises
    ------
    CursorOutdatedError
        It was altered.
    """
    if after is None:
        return None
    match after:
        case {"reach": int(reach), "at": int(at)} if 0 <= at <= HIGHEST and reach in tuple(Reach):
            return _After(Reach(reach), at)
    raise CursorOutdatedError
