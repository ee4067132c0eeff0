"""Where the words of a query are in a text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.search.model import CLOSE, EXACT, WITHIN, has_term, has_word
from tests.unit.search.support import a_query, a_term, queries, texts, words
from ticketing.search import highlights as highlighting
from ticketing.search.highlights import highlights
from ticketing.search.inexact import Reach, reach_of
from ticketing.search.language import Kind, Query, Term
from ticketing.words import words_of


def marked(query: Query, text: str) -> str:
    """Return a text with what is highlighted in brackets."""
    parts, end = [], 0
    for first, last in highlights(query, {"text": text}).get("text", []):
        parts += [text[end:first], "[", text[first:last], "]"]
        end = last
    return "".join([*parts, text[end:]])


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("cafe", "Im [Café], im [CAFÉ]"),
        ("strasse", "Lange [Straße] 1"),
        ("drucker", "Ein [Drucker], kein Netzwerkdrucker"),
        ("drucker", "Ein [Netzwerkdrucker]"),
        ("pritner", "The [printer] and the printers"),
        ("print", "The [printer]"),
        ("接続", "ネットワーク[接続]が切れる"),
        ("foo_bar", "the [foo_bar] option, [foo, bar], bar"),
        ("مرحبا", "قال [مرحبا] ثم"),
        ("full", "[\uff46\uff55\uff4c\uff4c] disk"),
        ("vpn", "vps"),
    ],
)
def test_words(asked: str, text: str) -> None:
    assert marked(a_query(asked), text.replace("[", "").replace("]", "")) == text


def test_phrases_prefixes_and_what_is_excluded() -> None:
    assert marked(Query((a_term("new printer", Kind.PHRASE),)), "a new printer, new. Printer") == (
        "a [new printer], [new. Printer]"
    )
    assert marked(Query((a_term("net", Kind.PREFIX),)), "Networks, internet") == "[Networks], internet"
    assert marked(Query((a_term("net work", Kind.PREFIX),)), "net works, networks") == "[net works], networks"
    assert marked(Query((a_term("net", negated=True),)), "net") == "net"


def test_what_is_exact_in_one_text_keeps_the_others_exact() -> None:
    found = highlights(a_query("printer"), {"title": "printers", "description": "a printer", "resolution": ""})
    assert found == {"description": [(2, 9)]}


def test_where_the_exact_word_is_no_other_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    monkeypatch.setattr(highlighting, "_reach_of", lambda _word, found: compared.append(found))
    text = "printer " + " ".join(["printers"] * 100)
    assert highlights(a_query("printer"), {"description": text}) == {"description": [(0, 7)]}
    assert compared == []
    assert highlights(a_query("printers", "x"), {"description": "printer " * 100}) == {}
    assert compared == ["printer", "printer"], "each word once"


def test_overlapping_words_are_highlighted_once() -> None:
    query = Query((a_term("a b", Kind.PHRASE), a_term("b c", Kind.PHRASE), a_term("b")))
    assert highlights(query, {"text": "x a b c"}) == {"text": [(2, 7)]}


@given(queries, st.lists(texts, min_size=1, max_size=3))
def test_there_are_highlights_where_words_are_found(query: Query, several: list[str]) -> None:
    named = {str(number): text for number, text in enumerate(several)}
    found = highlights(query, named)
    terms = [each for each in query.clauses if isinstance(each, Term) and not each.negated]
    assert bool(found) == any(has_term(term, several, WITHIN) for term in terms)
    for name, spans in found.items():
        starts = {word.start for word in words_of(named[name])}
        ends = {word.end for word in words_of(named[name])}
        assert all(first in starts and last in ends for first, last in spans)
        assert all(one[1] < other[0] for one, other in pairwise(spans))


@given(words | st.text("aprintrein", min_size=1, max_size=12), words | st.text("aprintrein", min_size=1, max_size=12))
def test_highlights_forgive_what_the_index_forgives(one: str, other: str) -> None:
    for word in words_of(one):
        for against in words_of(other):
            reach = reach_of(word.text, against.text)
            for number, model in ((Reach.EXACT, EXACT), (Reach.CLOSE, CLOSE), (Reach.WITHIN, WITHIN)):
                assert has_word(word.text, against.text, model) == (reach is not None and reach <= number)
