"""Where in a text the words of a query are: offsets into the current text, whatever the index has seen."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache

from ticketing.search.inexact import Reach, reach_of
from ticketing.search.language import Kind, Query, Term
from ticketing.words import Word, words_of

type Span = tuple[int, int]
"""The first character, and the one after the last, in code points."""


def highlights(query: Query, texts: Mapping[str, str]) -> dict[str, list[Span]]:
    """Return where the words of a query are in the texts of one ticket, in their order, without overlaps.

    A word is looked for as a search does: what is not exactly it counts only where the exact word is in none of the
    texts. Texts with nothing to highlight are left out.
    """
    words = {name: words_of(text) for name, text in texts.items()}
    spans: dict[str, list[Span]] = {name: [] for name in texts}
    for term in query.clauses:
        if isinstance(term, Term) and not term.negated:
            for name, found in _nearest(term, words).items():
                spans[name] += found
    return {name: _joined(found) for name, found in spans.items() if found}


def _nearest(term: Term, texts: Mapping[str, Sequence[Word]]) -> dict[str, list[Span]]:
    """Return where a term is in texts, reaching no further than it has to."""
    if term.kind is Kind.WORD and len(term.words) == 1:
        nearest = _nearest_of(term.words[0], {word.text for words in texts.values() for word in words})
        return {
            name: [(found.start, found.end) for found in words if found.text in nearest]
            for name, words in texts.items()
        }
    return {name: list(_in_a_row(term, words)) for name, words in texts.items()}


def _nearest_of(word: str, found: Collection[str]) -> Collection[str]:
    """Return the word if it is among those that were found, otherwise those that a search reaches first."""
    if word in found:
        return {word}
    reached: dict[Reach, set[str]] = {reach: set() for reach in Reach}
    for each in found:
        needed = _reach_of(word, each)
        if needed is not None:
            reached[needed].add(each)
    return next((some for some in reached.values() if some), ())


def _in_a_row(term: Term, words: Sequence[Word]) -> Iterator[Span]:
    """Yield where the words of a phrase or a prefix follow each other."""
    *first, last = term.words
    for place in range(len(words) - len(first)):
        row = words[place : place + len(term.words)]
        ends = row[-1].text.startswith(last) if term.kind is Kind.PREFIX else row[-1].text == last
        if ends and [word.text for word in row[:-1]] == first:
            yield row[0].start, row[-1].end


def _joined(spans: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


_reach_of = lru_cache(maxsize=10_000)(reach_of)
"""The texts of a page have many words in common."""
