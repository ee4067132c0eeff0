"""One state of an embedded index: what is asked of both engines, `tests/engines/test_conformance.py` asks."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.size import sized
from tests.unit.search.support import (
    PEOPLE,
    a_document,
    a_query,
    a_term,
    documents,
    scopes,
    ticket_id,
    words,
)
from ticketing.search import schema
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


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
def test_a_word_may_be_of_any_length(index: Index, kind: Kind) -> None:
    long = "a" * 500
    asked = Query((replace(a_term("x", kind), words=(long, "y") if kind is Kind.PHRASE else (long,)),))
    assert numbers(index(a_document(1)), asked) == []


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


def test_runs_of_a_script_without_spaces_are_suggested(index: Index) -> None:
    opened = index(a_document(1, title="ネットワーク接続が切れる", tags=("接続エラー",)))
    assert [each.text for each in opened.suggest("接", ALL, 10)] == ["接続", "接続エラー"]
    assert [each.text for each in opened.suggest("ﾈｯﾄ", ALL, 10)] == ["ネットワーク"]


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
