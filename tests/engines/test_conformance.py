"""What is asked of a search index, of both engines: whoever changes from one to the other finds the same."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engines.conftest import ENDPOINT, Make
from tests.engines.support import ALL, AS_OF, BUILD, EVERYTHING, LATER, RITAS, built, changes, ids, numbers, page, pages
from tests.harness.size import sized
from tests.unit.conftest import Clock
from tests.unit.search.model import counted, found_by
from tests.unit.search.support import (
    PEOPLE,
    VOCABULARY,
    a_document,
    a_query,
    a_term,
    documents,
    documents_with,
    queries,
    scopes,
    ticket_id,
)
from ticketing.search import opensearch, opensearch_bodies, reading
from ticketing.search.documents import Document
from ticketing.search.indexing import TendedIndex
from ticketing.search.inexact import ENOUGH
from ticketing.search.language import Field, Kind, OneOf, Query
from ticketing.search.opensearch import OpenSearch
from ticketing.search.port import (
    Build,
    BuildChangedError,
    CursorOutdatedError,
    Facet,
    Find,
    IndexMissingError,
    Scope,
    SortKey,
)

EXAMPLES = 8 if ENDPOINT else sized(24, short=3)
"""A real cluster takes up to a second until a change is findable."""

HOLDING = [SortKey.RELEVANCE, SortKey.UPDATED, SortKey.PRIORITY]

# --- the model --------------------------------------------------------------------------------------------------------

finds = st.builds(
    Find,
    queries,
    scopes,
    st.sampled_from(SortKey),
    descending=st.booleans(),
    limit=st.integers(1, 5),
    after=st.none(),
    facets=st.just(tuple(Facet)),
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(documents, max_size=12),
    st.lists(st.lists(documents, max_size=3), max_size=3),
    st.lists(st.integers(0, 12)),
    st.lists(finds, min_size=1, max_size=12),
    st.sampled_from([1, 3, 100]),
)
def test_it_finds_what_a_look_at_every_document_finds(  # noqa: PLR0917
    make: Make, first: list[Document], later: list[list[Document]], gone: list[int], asked: list[Find], enough: int
) -> None:
    index = make()
    with pytest.MonkeyPatch.context() as patch:
        for module in (opensearch, reading):
            patch.setattr(module, "ENOUGH", enough)
        patch.setattr(opensearch_bodies, "LANGUAGES", ())  # forms of words are found by OpenSearch alone
        there = {each.ticket_id: each for each in first}
        built(index, *there.values())
        for written in later:
            these = {each.ticket_id: each for each in written}
            there |= these
            index.write(lambda these=these: changes(*these.values()))  # type: ignore[misc]
        left = [each for key, each in there.items() if key not in ids(*gone)]
        index.write(lambda: changes(gone=tuple(dict.fromkeys(ids(*gone)))))
        for find in asked:
            _compare(index, left, find, enough)
    index.erase(lambda: True)


def _compare(index: TendedIndex, there: Sequence[Document], find: Find, enough: int) -> None:
    expected = found_by(there, find, enough)
    seen: list[str] = []
    while True:
        found = index.find(find)
        seen += found.ids
        assert (found.total, found.exact) == (len(expected), True)
        assert found.facets == {facet: counted(expected, facet) for facet in Facet}
        if found.after is None:
            break
        assert len(found.ids) == find.limit
        find = replace(find, after=found.after)
    if find.sort is SortKey.RELEVANCE and find.scope.reporter_id is None and find.query.ranked:
        seen, expected = sorted(seen), sorted(expected, key=lambda each: each.ticket_id)
    assert seen == [each.ticket_id for each in expected]


# --- relevance --------------------------------------------------------------------------------------------------------


def test_exact_words_come_first_then_typing_errors_and_parts(index: TendedIndex) -> None:
    built(
        index,
        a_document(1, texts=("Netzwerkdrucker",)),
        a_document(2, texts=("drucker",)),
        a_document(3, texts=("drukcer",)),
        a_document(4, title="Druckerei"),
    )
    assert numbers(index, a_query("drucker"))[0] == 2
    assert set(numbers(index, a_query("drucker"))) == {1, 2, 3, 4}


def test_a_common_exact_word_is_above_rare_inexact_ones(index: TendedIndex) -> None:
    """BM25 gives a word that is in nearly all tickets next to nothing."""
    common = [a_document(number, texts=("printer " * (number % 3 + 1) + "word " * 50,)) for number in range(20)]
    built(index, *common, a_document(99, title="printers"))
    assert numbers(index, a_query("printer"))[-1] == 99


def test_a_word_counts_more_in_the_title(index: TendedIndex) -> None:
    built(index, a_document(1, texts=("printer",)), a_document(2, title="printer"), a_document(3))
    assert numbers(index, a_query("printer")) == [2, 1]


def test_fields_do_not_count(index: TendedIndex) -> None:
    """Neither a rare tag nor one of several: they only say what is found."""
    built(
        index,
        a_document(1, tags=("rare", "a", "b"), texts=("printer printer",)),
        a_document(2, tags=("a",), title="printer"),
    )
    tagged = Query((a_term("printer"), OneOf(Field.TAG, ("rare", "a"), negated=False)))
    assert numbers(index, tagged) == numbers(index, a_query("printer"))


def test_for_a_reporter_relevance_is_the_time(index: TendedIndex) -> None:
    built(index, a_document(1, title="printer printer"), a_document(2, texts=("A printer among other things",)))
    assert numbers(index, a_query("printer"), RITAS) == [2, 1]


def test_words_reach_no_further_where_enough_match(make: Make) -> None:
    exact = [a_document(number, title="printer") for number in range(ENOUGH)]
    few, many = make(), make()
    others = (a_document(200, title="printers"), a_document(201, title="laserprinter"))
    built(few, *exact[2:], *others)
    built(many, *exact, *others)
    assert {page(each, SortKey.NUMBER, query=a_query("printer")).total for each in (few, many)} == {ENOUGH}
    assert page(few, SortKey.NUMBER, query=a_query("printer")).ids == ids(201, 200)
    assert page(many, SortKey.NUMBER, query=a_query("printer")).ids == ids(ENOUGH - 1, ENOUGH - 2)


# --- languages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("cafe", "Im Café"),
        ("CAFÉ", "im cafe"),
        ("strasse", "Straße"),
        ("接続", "ネットワーク接続が切れる"),
        ("プリンタ", "新しいプリンターを買う"),
        ("ﾌﾟﾘﾝﾀ", "プリンタ"),
        ("프린터", "프린터가 고장났어요"),
        ("принтер", "Принтер не печатает"),
        ("принетр", "принтер"),
        ("طابعة", "مشكلة في طابعة المكتب"),
        ("พิมพ์", "เครื่องพิมพ์เสีย"),
        ("打印机", "办公室的打印机坏了"),
        ("drucker", "Netzwerkdrucker"),
        ("netzwerk", "Netzwerkdrucker"),
        ("netzwerkdrukcer", "Netzwerkdrucker"),
        ("pritner", "The printer"),
        ("prnter", "The printer"),
        ("printter", "The printer"),
        ("v1.2.3", "Update to v1.2.3"),
        ("foo_bar", "the foo_bar option"),
    ],
)
def test_many_languages_are_found(index: TendedIndex, asked: str, text: str) -> None:
    built(index, a_document(1, texts=(text,)), a_document(2, internal=(text,)), a_document(3))
    assert set(numbers(index, a_query(asked))) == {1, 2}
    assert numbers(index, a_query(asked), RITAS) == [1]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("続接", "接続"),
        ("mail", "fail"),
        ("vpn", "vps"),
        ("cat", "concatenate"),
        ("drucker", "2drucker"),
        ("xrinter", "printer"),
    ],
)
def test_what_is_too_far_is_not_found(index: TendedIndex, asked: str, text: str) -> None:
    built(index, a_document(1, texts=(text,)))
    assert numbers(index, a_query(asked)) == []


def test_a_phrase_is_not_found_across_texts(index: TendedIndex) -> None:
    built(index, a_document(1, title="new", texts=("printer", "cable")))
    assert numbers(index, Query((a_term("printer cable", Kind.PHRASE),))) == []
    assert numbers(index, Query((a_term("new printer", Kind.PHRASE),))) == []


@pytest.mark.parametrize("word", ["a" * 64, "a.*b", "x" * 49 + "(", "\U0001f600" * 20, 'a"b', "a\\b", "a?*b", "~@&<>#"])
def test_whatever_a_word_is_made_of_the_engine_takes_it(index: TendedIndex, word: str) -> None:
    built(index, a_document(1))
    for kind in Kind:
        term = a_term("x", kind)
        odd = Query((replace(term, words=(word, "y") if kind is Kind.PHRASE else (word,)),))
        assert numbers(index, odd) == []


# --- suggestions ------------------------------------------------------------------------------------------------------


def test_words_and_tags_are_suggested_as_people_wrote_them(index: TendedIndex) -> None:
    built(
        index,
        a_document(1, title="VPN is slow", tags=("Büro",)),
        a_document(2, title="VPN, again VPN"),
        a_document(3, title="vpn?", tags=("vpn client",)),
        a_document(4, texts=("vpnx",), internal=("vpny",)),
    )
    assert [(each.text, each.count) for each in index.suggest("vp", ALL, 10)] == [("VPN", 3), ("vpn client", 1)]
    assert [each.text for each in index.suggest("VPN CL", ALL, 10)] == ["vpn client"]
    assert [each.text for each in index.suggest("bur", ALL, 10)] == ["Büro"]
    assert index.suggest("vp", ALL, 1) == index.suggest("vp", ALL, 10)[:1]
    assert list(index.suggest("", ALL, 10)) == list(index.suggest("?!", ALL, 10)) == []


def test_a_reporter_is_suggested_what_is_in_their_own_tickets(index: TendedIndex) -> None:
    built(index, a_document(1, title="printer"), a_document(2, title="printer prison", reporter_id=PEOPLE[1]))
    assert [(each.text, each.count) for each in index.suggest("pri", RITAS, 10)] == [("printer", 1)]


beginnings = st.sampled_from(sorted({word[:2] for word in VOCABULARY}))


@settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(documents, max_size=8, unique_by=lambda each: each.number), scopes, st.sets(beginnings, max_size=10))
def test_both_engines_suggest_the_same(
    make_embedded: Make, make_opensearch: Make, there: list[Document], scope: Scope, asked: set[str]
) -> None:
    both = make_embedded(), make_opensearch()
    for index in both:
        built(index, *there)
    for beginning in asked:
        one, other = (index.suggest(beginning, scope, 5) for index in both)
        assert list(one) == list(other)
    both[1].erase(lambda: True)


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", HOLDING)
def test_pages_hold_on_to_the_state_they_began_with(index: TendedIndex, sort: SortKey) -> None:
    if sort is SortKey.RELEVANCE and isinstance(index, OpenSearch) and not ENDPOINT:
        pytest.skip("needs a real OpenSearch: the imitation's scores are always of the newest state")
    built(index, *(a_document(number, title="printer") for number in range(6)))
    query = a_query("printer")
    first = page(index, sort, query=query)
    index.write(lambda: changes(a_document(0, updated_at=1_770_000_000_000), gone=(ticket_id(1),), as_of=LATER))
    second = page(index, sort, first, query)
    third = page(index, sort, second, query)
    assert sorted([*first.ids, *second.ids, *third.ids]) == sorted(ids(*range(6)))
    assert third.after is None
    assert {each.total for each in (first, second, third)} == {6}
    assert page(index, sort).as_of == LATER


def test_a_state_is_held_for_a_quarter_of_an_hour(index: TendedIndex, time: Clock) -> None:
    built(index, *(a_document(number) for number in range(7)))
    first = page(index, SortKey.UPDATED)
    time.forward(minutes=14)
    second = page(index, SortKey.UPDATED, first)
    time.forward(minutes=2)
    with pytest.raises(CursorOutdatedError):
        page(index, SortKey.UPDATED, second)
    assert page(index, SortKey.CREATED, page(index, SortKey.CREATED)).ids == ids(4, 3)


@pytest.mark.parametrize("sort", SortKey)
@pytest.mark.parametrize("change", [{"reach": 7}, {"reach": "x"}, {"at": [], "last": "x"}])
def test_an_altered_place_is_refused(index: TendedIndex, sort: SortKey, change: dict[str, object]) -> None:
    built(index, *(a_document(number) for number in range(7)))
    first = page(index, sort)
    with pytest.raises(CursorOutdatedError):
        page(index, sort, replace(first, after=dict(first.after or {}) | change))


def test_a_place_in_the_other_engine_is_refused(make_embedded: Make, make_opensearch: Make) -> None:
    """Those are brought back that were given out before the engine was changed."""
    both = make_embedded(), make_opensearch()
    for index in both:
        built(index, *(a_document(number) for number in range(7)))
    for one, other in (both, both[::-1]):
        for sort in SortKey:
            with pytest.raises(CursorOutdatedError):
                page(other, sort, page(one, sort))


@settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_none_is_missing_and_none_twice_while_tickets_change(make: Make, data: st.DataObject) -> None:
    """Sorted by `created` or `number`: those that match all the time come once, those that come or go at most once."""
    sort = data.draw(st.sampled_from([SortKey.CREATED, SortKey.NUMBER]))
    index = make()
    steady = [a_document(number, title="printer") for number in range(0, 20, 2)]
    built(index, *steady)
    seen: list[str] = []
    find = Find(a_query("printer"), ALL, sort, descending=data.draw(st.booleans()), limit=3)
    while True:
        found = index.find(find)
        seen += found.ids
        if found.after is None:
            break
        changed = data.draw(
            st.lists(documents_with(st.integers(0, 20)), max_size=4, unique_by=lambda each: each.number)
        )
        written = [
            replace(each, title=f"{each.title} printer", created_at=steady[each.number // 2].created_at)
            if each.number % 2 == 0 and each.number < 20
            else replace(each, created_at=1_760_000_000_000 + each.number)
            for each in changed
        ]
        gone = data.draw(st.lists(st.sampled_from(range(1, 20, 2)).map(ticket_id), max_size=2, unique=True))
        kept = [each for each in written if each.ticket_id not in gone]
        index.write(lambda kept=kept, gone=gone: changes(*kept, gone=tuple(gone)))  # type: ignore[misc]
        find = replace(find, after=found.after)
    assert len(seen) == len(set(seen))
    assert {each.ticket_id for each in steady} <= set(seen)
    index.erase(lambda: True)


@pytest.mark.long
@pytest.mark.real("the imitation is meant for some 1,000 documents")
def test_pages_go_on_past_ten_thousand_hits(make_opensearch: Make) -> None:
    index = make_opensearch()
    built(index, *(a_document(number) for number in range(12_000)))
    for sort in (SortKey.NUMBER, SortKey.UPDATED):
        found = [each for hits in pages(index, sort, limit=100) for each in hits.ids]
        assert found == ids(*reversed(range(12_000)))


# --- building ---------------------------------------------------------------------------------------------------------


def test_without_an_index_nothing_is_found_nor_written(index: TendedIndex) -> None:
    with pytest.raises(IndexMissingError):
        page(index, SortKey.CREATED)
    with pytest.raises(IndexMissingError):
        index.suggest("a", ALL, 10)
    index.write(lambda: pytest.fail("nothing is to be read"))
    assert index.build() is None
    assert not index.current()


def test_the_first_index_is_served_while_it_is_built(index: TendedIndex) -> None:
    index.begin(BUILD)
    empty = index.find(Find(EVERYTHING, ALL, SortKey.CREATED, descending=True, limit=2, facets=(Facet.STATUS,)))
    assert (empty.ids, empty.total, empty.complete, empty.facets) == ([], 0, False, {Facet.STATUS: {}})
    assert empty.as_of == BUILD.began
    assert list(index.suggest("u", ALL, 10)) == []
    index.extend(changes, BUILD, {"page": 1})
    assert index.build() == Build(AS_OF, {"page": 1})
    index.write(lambda: changes(a_document(1), as_of=LATER))
    assert not index.current()
    index.finish(Build(AS_OF, {"page": 1}))
    found = page(index, SortKey.CREATED)
    assert (found.ids, found.complete, found.as_of) == (ids(1), True, LATER)
    assert index.current()
    assert index.build() is None


def test_changes_reach_the_index_that_is_built_beside(index: TendedIndex) -> None:
    built(index, a_document(1), a_document(2))
    index.begin(BUILD)
    index.extend(lambda: changes(a_document(1)), BUILD, {"page": 1})
    index.write(lambda: changes(a_document(3), gone=(ticket_id(1),)))
    assert page(index, SortKey.NUMBER).ids == ids(3, 2)
    index.finish(Build(AS_OF, {"page": 1}))
    assert page(index, SortKey.NUMBER).ids == ids(3)


def test_a_build_that_is_begun_anew_forgets_the_one_before(index: TendedIndex) -> None:
    index.begin(BUILD)
    index.extend(lambda: changes(a_document(1)), BUILD, {"page": 1})
    index.begin(Build(LATER, {"page": 0}))
    index.extend(lambda: changes(a_document(2)), Build(LATER, {"page": 0}), {"page": 1})
    index.finish(Build(LATER, {"page": 1}))
    assert page(index, SortKey.NUMBER).ids == ids(2)


@pytest.mark.parametrize("build", [Build(AS_OF, {"page": 1}), Build(LATER, BUILD.walk)])
def test_nothing_is_added_to_a_build_that_is_another_one(index: TendedIndex, build: Build) -> None:
    built(index, a_document(1))
    for _ in range(2):  # without a build, and with one
        with pytest.raises(BuildChangedError):
            index.extend(lambda: changes(a_document(2)), build, {})
        with pytest.raises(BuildChangedError):
            index.finish(build)
        index.begin(BUILD)


def test_what_is_erased_is_gone(index: TendedIndex) -> None:
    built(index, a_document(1))
    index.begin(BUILD)
    assert index.erase(lambda: True)
    assert index.build() is None
    with pytest.raises(IndexMissingError):
        page(index, SortKey.NUMBER)


def test_the_time_of_the_oldest_page_is_bounded() -> None:
    assert timedelta(minutes=15) == opensearch.HELD
