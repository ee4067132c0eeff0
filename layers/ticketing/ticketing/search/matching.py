"""What a query means to the embedded engine: each clause as one of its queries.

How far a word reaches is decided for a whole search: exactly; or also close to it, with typing errors and as the
beginning of words; or also within words, as in compounds. Exact words count by BM25, the others equally, far below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tantivy import FieldType, Occur, Query

from ticketing.search import language
from ticketing.search.inexact import Reach, errors_forgiven, may_be_within, may_begin
from ticketing.search.language import Between, Has, Kind, Moment, OneOf, Term
from ticketing.search.port import NOBODY, Scope
from ticketing.search.schema import FILE, INTERNAL_FILE, SCHEMA, moment_key
from ticketing.tickets.kinds import Priority

_TITLE: Final = 3.0
"""How much more a word counts in a title."""

_BELOW: Final = 0.001
"""What a word counts that is not exactly the one that was looked for."""

HIGHEST: Final = (1 << 64) - 1
"""The highest value of a column."""

type Phrases = Callable[[str, Sequence[str]], Query]
"""What makes the query, in a field, for words in a row of which the last one is the beginning of a word."""


def begun(field: str, before: Sequence[str], pattern: str) -> Query:
    """Return the query for words in a row, and after them one that matches a pattern.

    The engine refuses to search (ValueError) where more than 16,384 words of a segment match it.
    """
    return Query.regex_phrase_query(SCHEMA, field, [*map(re.escape, before), pattern])


def _beginning(field: str, words: Sequence[str]) -> Query:
    return begun(field, words[:-1], f"{re.escape(words[-1])}.*")


def matching(query: language.Query, scope: Scope, reach: Reach, phrases: Phrases = _beginning) -> Query:
    """Return the engine's query for the tickets that match."""
    parts = [(Occur.Must, _unscored(Query.all_query()))]
    if scope.reporter_id is not None:
        parts.append((Occur.Must, _unscored(has_value("reporter", scope.reporter_id))))
    for clause in query.clauses:
        occur = Occur.MustNot if clause.negated else Occur.Must
        if isinstance(clause, Term):
            # What is excluded is excluded exactly.
            parts.append((occur, _term(clause, scope, Reach.EXACT if clause.negated else reach, phrases)))
        else:
            parts.append((occur, _unscored(_field(clause, scope))))
    return Query.boolean_query(parts)


def _unscored(query: Query) -> Query:
    return Query.const_score_query(query, 0.0)


def has_value(field: str, value: str) -> Query:
    """Return the query for what has this value, which is not cut into words."""
    return Query.term_query(SCHEMA, field, value, "basic")


def any_of(queries: Sequence[Query]) -> Query:
    """Return the query for what matches at least one."""
    return Query.boolean_query([(Occur.Should, query) for query in queries])


# --- fields -----------------------------------------------------------------------------------------------------------


def _field(clause: OneOf | Between | Has, scope: Scope) -> Query:
    match clause:
        case OneOf(language.Field.NUMBER, values):
            return any_of([in_range("number", int(value), int(value)) for value in values if value is not None])
        case OneOf(field, values):
            return any_of([has_value(field.value, NOBODY if value is None else value) for value in values])
        case Between(field, low, high):
            return _between(field, low, high)
        case Has():
            return any_of([has_value("has", FILE), *([has_value("has", INTERNAL_FILE)] if scope.internal else [])])


def _between(field: Moment | language.Field, low: int | None, high: int | None) -> Query:
    key = moment_key if field in {Moment.CREATED, Moment.UPDATED} else int
    lowest = 0 if low is None else key(max(low, 0))
    highest = HIGHEST if high is None else key(max(high, 0)) - 1
    return in_range(field.value, lowest, highest)


def in_range(column: str, lowest: int, highest: int) -> Query:
    """Return a query for the values of a column from the lowest to the highest, both included."""
    if lowest > min(highest, HIGHEST):
        return Query.empty_query()
    return Query.range_query(SCHEMA, column, FieldType.Unsigned, lowest, min(highest, HIGHEST))


def beyond(column: str, value: int, *, descending: bool) -> Query:
    """Return a query for what comes after a value in the order of a column."""
    return in_range(column, 0, value - 1) if descending else in_range(column, value + 1, HIGHEST)


def of_priority(priority: Priority) -> Query:
    """Return a query for the tickets of a priority."""
    return has_value("priority", priority.value)


def of_number(number: int) -> Query:
    """Return a query for the ticket with this number: faster than a range of one."""
    return Query.term_query(SCHEMA, "number", number)


# --- words ------------------------------------------------------------------------------------------------------------


def _term(term: Term, scope: Scope, reach: Reach, phrases: Phrases) -> Query:
    fields = ("title", "text", *(["internal"] if scope.internal else []))
    return any_of([query for field in fields for query in _in_text(term, field, reach, phrases)])


def _in_text(term: Term, field: str, reach: Reach, phrases: Phrases) -> Iterator[Query]:
    yield Query.boost_query(_exactly(term, field, phrases), _TITLE if field == "title" else 1.0)
    if term.kind is Kind.WORD and len(term.words) == 1:
        for query in _inexactly(term.words[0], field, reach):
            yield Query.const_score_query(query, _BELOW)


def _exactly(term: Term, field: str, phrases: Phrases) -> Query:
    if term.kind is not Kind.PREFIX:
        return phrase(field, term.words)
    if len(term.words) == 1:
        return Query.const_score_query(_pattern(field, f"{re.escape(term.words[0])}.*"), 1.0)
    return phrases(field, term.words)


def phrase(field: str, words: Sequence[str]) -> Query:
    """Return the query for words in a row, or for one word."""
    if len(words) == 1:
        return Query.term_query(SCHEMA, field, words[0], "freq")
    return Query.phrase_query(SCHEMA, field, list(words))


def _inexactly(word: str, field: str, reach: Reach) -> Iterator[Query]:
    if reach is Reach.EXACT:
        return
    match errors_forgiven(word):
        case 1:
            yield _pattern(field, one_error(word))
        case 2:
            yield Query.fuzzy_term_query(SCHEMA, field, word, distance=2, transposition_cost_one=True)
    if reach is Reach.WITHIN and may_be_within(word):
        yield _pattern(field, f"(?:[^0-9].*)?{re.escape(word)}.*")
    elif may_begin(word):
        yield _pattern(field, f"{re.escape(word)}.*")


def one_error(word: str) -> str:
    """Return the pattern of a word with at most one letter missing, added, replaced, or swapped with the next one.

    The engine's own measure of typing errors can't be told that the first letter is right.
    """
    rest = [re.escape(letter) for letter in word[1:]]
    before = ["".join(rest[:place]) for place in range(len(rest) + 1)]
    after = ["".join(rest[place:]) for place in range(len(rest) + 1)]
    places = range(len(rest))
    replaced = (f"{before[place]}.?{after[place + 1]}" for place in places)
    added = (f"{before[place]}.{after[place]}" for place in range(len(rest) + 1))
    swapped = (f"{before[place]}{rest[place + 1]}{rest[place]}{after[place + 2]}" for place in places[:-1])
    return f"{re.escape(word[0])}(?:{'|'.join((*replaced, *added, *swapped))})"


def _pattern(field: str, pattern: str) -> Query:
    return Query.regex_query(SCHEMA, field, pattern)
