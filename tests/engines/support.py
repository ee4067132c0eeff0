"""What the tests of engines share: how an index is built and asked."""

from collections.abc import Iterator

from tests.unit.search.support import PEOPLE, ticket_id
from ticketing.search.documents import Document
from ticketing.search.indexing import TendedIndex
from ticketing.search.language import Query
from ticketing.search.port import Build, Changes, Find, Found, Scope, SortKey

ALL = Scope(None, internal=True)
RITAS = Scope(PEOPLE[0], internal=False)
EVERYTHING = Query(())
AS_OF = "2026-02-02T08:15:04.120Z"
LATER = "2026-02-02T08:16:00.000Z"
BUILD = Build(began=AS_OF, walk={"page": 0})


def changes(*documents: Document, gone: tuple[str, ...] = (), as_of: str = AS_OF) -> Changes:
    return Changes(documents, gone, as_of, "always UTC")


def built(index: TendedIndex, *documents: Document) -> None:
    """Build an index of these documents and serve it."""
    index.begin(BUILD)
    index.extend(lambda: changes(*documents), BUILD, {"page": 1})
    index.finish(Build(BUILD.began, {"page": 1}))


def page(
    index: TendedIndex, sort: SortKey, before: Found | None = None, query: Query = EVERYTHING, limit: int = 2
) -> Found:
    after = None if before is None else before.after
    return index.find(Find(query, ALL, sort, descending=True, limit=limit, after=after))


def pages(index: TendedIndex, sort: SortKey, query: Query = EVERYTHING, limit: int = 2) -> Iterator[Found]:
    found = page(index, sort, query=query, limit=limit)
    yield found
    while found.after is not None:
        found = page(index, sort, found, query, limit)
        yield found


def numbers(index: TendedIndex, query: Query, scope: Scope = ALL, sort: SortKey = SortKey.RELEVANCE) -> list[int]:
    known = {ticket_id(number): number for number in range(300)}
    return [known[each] for each in index.find(Find(query, scope, sort, descending=True, limit=100)).ids]


def ids(*numbers: int) -> list[str]:
    return [ticket_id(number) for number in numbers]
