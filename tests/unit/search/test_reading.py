"""One state of an embedded index, compared with a slow and simple model of what searching means."""

import tempfile
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.size import sized
from tests.unit.search.model import counted, found_by
from tests.unit.search.support import (
    PEOPLE,
    a_document,
    a_query,
    a_term,
    documents,
    queries,
    scopes,
    ticket_id,
    words,
)
from ticketing.search import reading, schema
from ticketing.search.documents import Document
from ticketing.search.language import Field, Kind, OneOf, Query
from ticketing.search.port import Facet, Find, Scope, SortKey
from ticketing.search.reading import Hits, Opened
from ticketing.search.schema import write
from ticketing.words import plain, words_of

ALL = Scope(None, internal=True)
RITAS = Scope(PEOPLE[0], internal=False)

type Index = Callable[..., Opened]


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """Return how to make an index of documents."""

    def made(*these: Document) -> Opened:
        write(tmp_path, these, ())
        return Opened(tmp_path)

    return made


def a_find(query: Query, scope: Scope = ALL, sort: SortKey = SortKey.RELEVANCE, limit: int = 100) -> Find:
    return Find(query, scope, sort, descending=True, limit=limit)


def numbers_of(hits: Hits) -> list[int]:
    known = {ticket_id(number): number for number in range(1000)}
    return [known[each] for each in hits.ids]


def numbers(index: Opened, query: Query, scope: Scope = ALL, sort: SortKey = SortKey.RELEVANCE) -> list[int]:
    return numbers_of(index.find(a_find(query, scope, sort)))


# --- the model -------------------------------------------------------------------------------------------------------

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


@settings(max_examples=sized(50, short=12), deadline=None)
@given(
    st.lists(documents, max_size=12),
    st.lists(st.lists(documents, max_size=3), max_size=3),
    st.lists(st.integers(0, 12)),
    st.lists(finds, min_size=1, max_size=12),
    st.sampled_from([1, 3, 25]),
)
def test_it_finds_what_a_look_at_every_document_finds(
    first: list[Document], later: list[list[Document]], gone: list[int], asked: list[Find], enough: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(reading, "ENOUGH", enough)
        there = {each.ticket_id: each for each in first}
        write(Path(folder), first, ())
        for written in later:
            there |= {each.ticket_id: each for each in written}
            write(Path(folder), written, ())
        write(Path(folder), (), [ticket_id(number) for number in gone])
        left = [each for key, each in there.items() if key not in {ticket_id(number) for number in gone}]
        opened = Opened(Path(folder))
        for find in asked:
            _compare(opened, left, find, enough)


def _compare(opened: Opened, there: Sequence[Document], find: Find, enough: int) -> None:
    expected = found_by(there, find, enough)
    ids: list[str] = []
    while True:
        hits = opened.find(find)
        ids += hits.ids
        assert hits.total == len(expected)
        assert hits.facets == {facet: counted(expected, facet) for facet in Facet}
        if hits.after is None:
            break
        assert len(hits.ids) == find.limit
        find = Find(find.query, find.scope, find.sort, find.descending, find.limit, hits.after, find.facets)
    if find.sort is SortKey.RELEVANCE and find.scope.reporter_id is None and find.query.ranked:
        ids, expected = sorted(ids), sorted(expected, key=lambda each: each.ticket_id)
    assert ids == [each.ticket_id for each in expected]


# --- relevance -------------------------------------------------------------------------------------------------------


def test_exact_words_come_first_then_typing_errors_and_parts(index: Index) -> None:
    opened = index(
        a_document(1, texts=("Netzwerkdrucker",)),
        a_document(2, texts=("drucker",)),
        a_document(3, texts=("drukcer",)),
        a_document(4, title="Druckerei"),
    )
    assert numbers(opened, a_query("drucker"))[0] == 2
    assert set(numbers(opened, a_query("drucker"))) == {1, 2, 3, 4}


def test_a_common_exact_word_is_above_rare_inexact_ones(index: Index) -> None:
    """BM25 gives a word that is in nearly all tickets next to nothing."""
    common = [a_document(number, texts=("printer " * (number % 3 + 1) + "word " * 50,)) for number in range(20)]
    opened = index(*common, a_document(99, title="printers"))
    assert numbers(opened, a_query("printer"))[-1] == 99


def test_a_word_counts_more_in_the_title(index: Index) -> None:
    opened = index(a_document(1, texts=("printer",)), a_document(2, title="printer"), a_document(3))
    assert numbers(opened, a_query("printer")) == [2, 1]


def test_fields_do_not_count(index: Index) -> None:
    """Neither a rare tag nor one of several: they only say what is found."""
    opened = index(
        a_document(1, tags=("rare", "a", "b"), texts=("printer printer",)), a_document(2, tags=("a",), title="printer")
    )
    tagged = Query((a_term("printer"), OneOf(Field.TAG, ("rare", "a"), negated=False)))
    assert numbers(opened, tagged) == numbers(opened, a_query("printer"))


def test_for_a_reporter_relevance_is_the_time(index: Index) -> None:
    opened = index(a_document(1, title="printer printer"), a_document(2, texts=("A printer among other things",)))
    assert numbers(opened, a_query("printer"), RITAS) == [2, 1]


def test_words_reach_no_further_where_enough_match(index: Index) -> None:
    exact = [a_document(number, title="printer") for number in range(25)]
    opened = index(*exact[2:], a_document(200, title="printers"), a_document(201, title="laserprinter"))
    assert opened.find(a_find(a_query("printer"), limit=10)).total == 25
    assert index(exact[0]).find(a_find(a_query("printer"))).total == 25
    assert index(exact[1]).find(a_find(a_query("printer"))).total == 25


# --- languages -------------------------------------------------------------------------------------------------------


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
def test_many_languages_are_found(index: Index, asked: str, text: str) -> None:
    opened = index(a_document(1, texts=(text,)), a_document(2, internal=(text,)), a_document(3))
    assert set(numbers(opened, a_query(asked))) == {1, 2}
    assert numbers(opened, a_query(asked), RITAS) == [1]


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
def test_what_is_too_far_is_not_found(index: Index, asked: str, text: str) -> None:
    assert numbers(index(a_document(1, texts=(text,))), a_query(asked)) == []


def test_a_phrase_is_not_found_across_texts(index: Index) -> None:
    opened = index(a_document(1, title="new", texts=("printer", "cable")))
    assert numbers(opened, Query((a_term("printer cable", Kind.PHRASE),))) == []
    assert numbers(opened, Query((a_term("new printer", Kind.PHRASE),))) == []


@pytest.mark.parametrize("word", ["a" * 500, "a.*b", "x" * 49 + "(", "\U0001f600" * 20])
def test_whatever_a_word_is_made_of_the_engine_takes_it(index: Index, word: str) -> None:
    for kind in Kind:
        term = a_term("x", kind)
        odd = Query((type(term)((word, "y") if kind is Kind.PHRASE else (word,), kind, negated=False),))
        assert numbers(index(a_document(1)), odd) == []


def test_a_phrase_may_end_with_the_beginning_of_any_number_of_words(index: Index) -> None:
    # More than the engine takes at once, and nearly all with the same letter after the beginning.
    letters = "abcdefghijklmnopqrstuvwxyz"
    many = " ".join(f"the ab{''.join(each)}" for each in product(letters, letters, letters))
    opened = index(
        a_document(1, texts=(many,)),
        a_document(2, texts=("the a",)),
        a_document(3, texts=("the ab",)),
        a_document(4, texts=("the a\u4e00",)),
        a_document(5, texts=("the a\U0001f600 \U0001f600",)),
        a_document(6, texts=("a the",)),
        a_document(7, texts=("the b",)),
        a_document(8, internal=("the abc",)),
    )
    for scope, found in (ALL, [8, 5, 4, 3, 2, 1]), (RITAS, [5, 4, 3, 2, 1]):
        assert numbers(opened, Query((a_term("the a", Kind.PREFIX),)), scope, SortKey.NUMBER) == found
    assert numbers(opened, Query((a_term("the a", Kind.PREFIX, negated=True),)), ALL, SortKey.NUMBER) == [7, 6]


# --- suggestions -----------------------------------------------------------------------------------------------------


def test_words_and_tags_are_suggested_as_people_wrote_them(index: Index) -> None:
    opened = index(
        a_document(1, title="VPN is slow", tags=("Büro",)),
        a_document(2, title="VPN, again VPN"),
        a_document(3, title="vpn?", tags=("vpn client",)),
        a_document(4, texts=("vpnx",), internal=("vpny",)),
    )
    assert [(each.text, each.count) for each in opened.suggest("vp", ALL, 10)] == [("VPN", 3), ("vpn client", 1)]
    assert [each.text for each in opened.suggest("VPN CL", ALL, 10)] == ["vpn client"]
    assert [each.text for each in opened.suggest("bur", ALL, 10)] == ["Büro"]
    assert opened.suggest("vp", ALL, 1) == opened.suggest("vp", ALL, 10)[:1]
    assert opened.suggest("", ALL, 10) == opened.suggest("?!", ALL, 10) == []


def test_runs_of_a_script_without_spaces_are_suggested(index: Index) -> None:
    opened = index(a_document(1, title="ネットワーク接続が切れる", tags=("接続エラー",)))
    assert [each.text for each in opened.suggest("接", ALL, 10)] == ["接続", "接続エラー"]
    assert [each.text for each in opened.suggest("ﾈｯﾄ", ALL, 10)] == ["ネットワーク"]


def test_a_reporter_is_suggested_what_is_in_their_own_tickets(index: Index) -> None:
    opened = index(a_document(1, title="printer"), a_document(2, title="printer prison", reporter_id=PEOPLE[1]))
    assert [(each.text, each.count) for each in opened.suggest("pri", RITAS, 10)] == [("printer", 1)]


def test_what_is_deleted_is_not_suggested(index: Index, tmp_path: Path) -> None:
    index(a_document(1, title="printer"), a_document(2, title="private"))
    write(tmp_path, (), [ticket_id(2)])
    assert [each.text for each in Opened(tmp_path).suggest("pri", ALL, 10)] == ["printer"]


@settings(max_examples=sized(20, short=6), deadline=None)
@given(st.lists(documents, max_size=8, unique_by=lambda each: each.number), words, scopes)
def test_a_suggestion_is_in_as_many_tickets_as_it_says(these: list[Document], word: str, scope: Scope) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), these, ())
        for suggestion in Opened(Path(folder)).suggest(word[:2], scope, 100):
            if not suggestion.text.isascii() or len(words_of(suggestion.text)) > 1:
                continue
            wanted = plain(suggestion.text)
            theirs = [each for each in these if scope.reporter_id in {None, each.reporter_id}]
            found = [
                each
                for each in theirs
                if wanted in [word.text for word in words_of(each.title)] or wanted in map(plain, each.tags)
            ]
            assert suggestion.count == len(found)


def test_an_index_of_the_format_before_is_searched_until_the_new_one_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no columns of facts, and the same fields in front of them."""
    with monkeypatch.context() as before:
        before.setattr(schema, "add_columns", lambda _: None)
        before.setattr(schema, "SCHEMA", schema._schema())
        write(tmp_path, [a_document(1, title="printer", status="OPEN"), a_document(2, title="printer")], ())
    index = Opened(tmp_path)
    assert numbers(index, a_query("printer"), sort=SortKey.CREATED) == [2, 1]
    assert numbers(index, Query((OneOf(Field.STATUS, ("OPEN",), negated=False),)), RITAS, SortKey.PRIORITY) == [1]
    assert index.find(Find(a_query(), ALL, SortKey.NUMBER, descending=True, limit=1, facets=(Facet.STATUS,))).facets
