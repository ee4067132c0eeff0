"""The embedded index of a tenant: pages, writers that meet, an index that is built beside the one that is served."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.conftest import Clock
from tests.unit.search.support import FolderStore, a_document, a_query, ticket_id
from ticketing.index.errors import LostRaceError
from ticketing.index.heads import Pointer
from ticketing.search import embedded
from ticketing.search.documents import Document
from ticketing.search.embedded import Embedded
from ticketing.search.language import Query
from ticketing.search.port import (
    Build,
    BuildChangedError,
    Changes,
    CursorOutdatedError,
    Facet,
    Find,
    Found,
    IndexDamagedError,
    IndexMissingError,
    Scope,
    SortKey,
)
from ticketing.search.schema import FORMAT

ALL = Scope(None, internal=True)
EVERYTHING = Query(())
AS_OF = "2026-02-02T08:15:04.120Z"
LATER = "2026-02-02T08:16:00.000Z"
BUILD = Build(began=AS_OF, walk={"page": 0})


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ticketing.search.embedded.time.sleep", lambda _: None)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


@pytest.fixture
def index(store: FolderStore, time: Clock) -> Embedded:  # noqa: ARG001 - the time stands still
    return Embedded(store)  # type: ignore[arg-type]


def changes(*documents: Document, gone: tuple[str, ...] = (), as_of: str = AS_OF, calendar: str = "one") -> Changes:
    return Changes(documents, gone, as_of, calendar)


def built(index: Embedded, *documents: Document) -> None:
    """Build an index of these documents and serve it."""
    index.begin(BUILD)
    index.extend(lambda: changes(*documents), BUILD, {"page": 1})
    index.finish(Build(AS_OF, {"page": 1}))


def page(index: Embedded, sort: SortKey, before: Found | None = None, query: Query = EVERYTHING) -> Found:
    after = None if before is None else before.after
    return index.find(Find(query, ALL, sort, descending=True, limit=2, after=after))


def pages(index: Embedded, sort: SortKey, query: Query = EVERYTHING) -> Iterator[Found]:
    found = page(index, sort, query=query)
    yield found
    while found.after is not None:
        found = page(index, sort, found, query)
        yield found


def ids(*numbers: int) -> list[str]:
    return [ticket_id(number) for number in numbers]


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", [SortKey.RELEVANCE, SortKey.UPDATED, SortKey.PRIORITY])
def test_pages_hold_on_to_the_state_they_began_with(index: Embedded, sort: SortKey) -> None:
    built(index, *(a_document(number, title="printer") for number in range(6)))
    query = a_query("printer")
    first = page(index, sort, query=query)
    index.write(lambda: changes(a_document(0, updated_at=1_770_000_000_000), gone=(ticket_id(1),), as_of=LATER))
    second = page(index, sort, first, query)
    third = page(index, sort, second, query)
    assert sorted([*first.ids, *second.ids, *third.ids]) == sorted(ids(*range(6)))
    assert third.after is None
    assert {each.total for each in (first, second, third)} == {6}
    assert {each.as_of for each in (first, second, third)} == {AS_OF}
    assert page(index, sort).as_of == LATER


def test_a_state_that_is_gone_can_not_be_held(index: Embedded, store: FolderStore) -> None:
    built(index, *(a_document(number) for number in range(7)))
    first = page(index, SortKey.UPDATED)
    index.write(lambda: changes(a_document(1)))
    assert store.current.serving is not None
    store.folders = {ref: folder for ref, folder in store.folders.items() if ref == store.current.serving.ref}
    with pytest.raises(CursorOutdatedError):
        page(index, SortKey.UPDATED, first)


@pytest.mark.parametrize(
    "change",
    [
        {"pack": "../other"},
        {"digest": 1},
        {"since": "soon"},
        {"since": 1},
        {"asOf": 1},
        {"complete": "yes"},
        {"reach": 7},
        {"at": "x"},
        {"at": -1},
        {"at": 2**64},
        {"at": 1e999},
    ],
)
def test_an_altered_place_is_refused(index: Embedded, change: dict[str, object]) -> None:
    built(index, *(a_document(number) for number in range(7)))
    first = page(index, SortKey.UPDATED)
    with pytest.raises(CursorOutdatedError):
        page(index, SortKey.UPDATED, replace(first, after=dict(first.after or {}) | change))


@pytest.mark.parametrize("at", [-5, 2**64, 2**63, 10**9, 1e999, "7", None])
def test_an_altered_place_by_relevance_is_refused(index: Embedded, at: object) -> None:
    built(index, *(a_document(number, title="printer") for number in range(7)))
    query = a_query("printer")
    first = page(index, SortKey.RELEVANCE, query=query)
    with pytest.raises(CursorOutdatedError):
        page(index, SortKey.RELEVANCE, replace(first, after=dict(first.after or {}) | {"at": at}), query)


# --- without an index ------------------------------------------------------------------------------------------------


def test_without_an_index_nothing_is_found_nor_written(index: Embedded, store: FolderStore) -> None:
    with pytest.raises(IndexMissingError):
        page(index, SortKey.CREATED)
    with pytest.raises(IndexMissingError):
        index.suggest("a", ALL, 10)
    index.write(lambda: pytest.fail("nothing is to be read"))
    assert store.current == Pointer()
    assert index.build() is None
    assert not index.current()


def test_an_index_that_was_damaged_says_so(index: Embedded, store: FolderStore) -> None:
    built(index, a_document(1))
    store.folders.clear()
    with pytest.raises(IndexDamagedError):
        page(index, SortKey.CREATED)
    with pytest.raises(IndexDamagedError):
        index.suggest("a", ALL, 10)


# --- building --------------------------------------------------------------------------------------------------------


def test_the_first_index_is_served_while_it_is_built(index: Embedded) -> None:
    index.begin(BUILD)
    empty = index.find(Find(EVERYTHING, ALL, SortKey.CREATED, descending=True, limit=2, facets=(Facet.STATUS,)))
    assert (empty.ids, empty.total, empty.complete, empty.facets) == ([], 0, False, {Facet.STATUS: {}})
    assert index.suggest("u", ALL, 10) == []
    index.extend(lambda: changes(a_document(1)), BUILD, {"page": 1})
    assert index.build() == Build(AS_OF, {"page": 1})
    found = page(index, SortKey.CREATED)
    assert (found.ids, found.complete) == (ids(1), False)
    assert not index.current()
    index.finish(Build(AS_OF, {"page": 1}))
    assert page(index, SortKey.CREATED).complete
    assert index.current()
    assert index.build() is None


def test_an_index_of_another_format_is_left_alone(
    index: Embedded, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not written; and read only by a version that says so."""
    built(index, a_document(1))
    old = store.current.serving
    assert old is not None
    monkeypatch.setattr(embedded, "FORMAT", FORMAT + 1)
    monkeypatch.setattr(embedded, "READABLE", {FORMAT, FORMAT + 1})
    assert not index.current()
    index.begin(BUILD)
    index.write(lambda: changes(a_document(2)))
    assert store.current.serving == old
    assert page(index, SortKey.CREATED).ids == ids(1)
    monkeypatch.setattr(embedded, "READABLE", {FORMAT + 1})
    assert page(index, SortKey.CREATED).ids == ids(2)
    index.finish(BUILD)
    assert index.current()


def test_nothing_is_added_to_a_build_that_is_over_or_another(index: Embedded) -> None:
    built(index, a_document(1))
    over = Build(AS_OF, {"page": 1})
    for _ in range(2):
        with pytest.raises(BuildChangedError):
            index.extend(lambda: changes(a_document(2)), over, {"page": 2})
        with pytest.raises(BuildChangedError):
            index.finish(over)
        index.begin(BUILD)  # from its beginning
    assert index.build() == BUILD
    assert page(index, SortKey.NUMBER).ids == ids(1)


# --- writers ---------------------------------------------------------------------------------------------------------


def test_who_loses_a_race_reads_the_tickets_again(index: Embedded, store: FolderStore) -> None:
    built(index, a_document(1))
    rival = Embedded(store)  # type: ignore[arg-type]
    versions = iter(["stale", "fresh"])
    store.before_replacing.append(lambda: rival.write(lambda: changes(a_document(2))))
    index.write(lambda: changes(a_document(1, title=next(versions))))
    assert page(index, SortKey.NUMBER).ids == ids(2, 1)
    assert page(index, SortKey.NUMBER, query=a_query("fresh")).total == 1
    assert page(index, SortKey.NUMBER, query=a_query("stale")).total == 0


def test_who_always_loses_gives_up(index: Embedded, store: FolderStore) -> None:
    built(index, a_document(1))

    def be_first() -> None:
        store.current = replace(store.current, n=store.current.n + 1)

    store.before_replacing += [be_first] * 10
    with pytest.raises(LostRaceError):
        index.write(lambda: changes(a_document(99)))


# --- deleted text ----------------------------------------------------------------------------------------------------


def test_tickets_beside_deleted_ones_are_written_again_until_nothing_is_left(
    index: Embedded, store: FolderStore
) -> None:
    built(index, *(a_document(number, title="secret" if number == 3 else "plain") for number in range(10)))
    index.write(lambda: changes(a_document(11)))
    index.write(lambda: changes(gone=(ticket_id(3),)))
    assert index.worn("2026-01-01T00:00:00.000Z", 100) == []
    written: list[str] = []
    by_id = {ticket_id(number): a_document(number, title="plain") for number in range(12)}
    while worn := index.worn(AS_OF, 4):
        assert len(worn) <= 4
        written += worn
        index.write(lambda worn=worn: changes(*(by_id[each] for each in worn)))  # type: ignore[misc]
    assert sorted(set(written)) == sorted(ids(0, 1, 2, 4, 5, 6, 7, 8, 9))
    assert page(index, SortKey.NUMBER).total == 10
    assert store.current.serving is not None
    assert store.current.serving.ref is not None
    assert not any(segment.deleted for segment in store.map(store.current.serving.ref).segments)


def test_the_time_of_the_oldest_page_is_bounded() -> None:
    assert timedelta(minutes=1) < embedded.HELD < timedelta(hours=1)
