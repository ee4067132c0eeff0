"""What searching means, once more and slowly: a list of documents, looked at one by one.

It shares the words of texts with the index, and nothing else.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from ticketing.search.documents import Document
from ticketing.search.language import Between, Field, Has, Kind, Moment, OneOf, Query, Term
from ticketing.search.port import Facet, Find, Scope, SortKey
from ticketing.words import plain, words_of

EXACT, CLOSE, WITHIN = range(3)

RANKS = ["LOW", "MEDIUM", "HIGH", "CRITICAL"]


@cache
def edits(one: str, other: str) -> int:
    """Letters missing, added, replaced or swapped, each letter touched once."""
    if not one or not other:
        return len(one) + len(other)
    ways = [edits(one[1:], other) + 1, edits(one, other[1:]) + 1, edits(one[1:], other[1:]) + (one[0] != other[0])]
    if len(one) > 1 and len(other) > 1 and one[0] == other[1] and one[1] == other[0]:
        ways.append(edits(one[2:], other[2:]) + 1)
    return min(ways)


@cache
def close(word: str, found: str) -> bool:
    korean = all("가" <= letter <= "힣" for letter in word)
    if len(word) > 50:
        return False
    if len(word) >= (2 if korean else 4) and found[: len(word)] == word:
        return True
    if len(word) < 4:
        return False
    if len(word) < 8:
        return word[0] == found[0] and edits(word, found) <= 1
    return abs(len(word) - len(found)) <= 2 and edits(word, found) <= 2


def has_word(word: str, found: str, reach: int) -> bool:
    if word == found or (reach >= CLOSE and close(word, found)):
        return True
    return reach >= WITHIN and 4 <= len(word) <= 50 and word in found and not "0" <= found[0] <= "9"


def has_term(term: Term, texts: Iterable[str], reach: int) -> bool:
    for text in texts:
        words = [word.text for word in words_of(text)]
        if term.kind is Kind.WORD and len(term.words) == 1:
            if any(has_word(term.words[0], found, EXACT if term.negated else reach) for found in words):
                return True
            continue
        for place in range(len(words)):
            row = words[place : place + len(term.words)]
            if term.kind is Kind.PREFIX and len(row) == len(term.words):
                row[-1] = row[-1][: len(term.words[-1])]
            if tuple(row) == term.words:
                return True
    return False


def matches(document: Document, query: Query, scope: Scope, reach: int) -> bool:
    if scope.reporter_id not in {None, document.reporter_id}:
        return False
    return all(_holds(document, clause, scope, reach) != clause.negated for clause in query.clauses)


def _holds(document: Document, clause: Term | OneOf | Between | Has, scope: Scope, reach: int) -> bool:
    if isinstance(clause, Term):
        internal = document.internal if scope.internal else ()
        return has_term(clause, [document.title, *document.texts, *internal], reach)
    if isinstance(clause, Has):
        return document.has_file or (scope.internal and document.has_internal_file)
    if isinstance(clause, Between):
        values: dict[Moment | Field, int | None] = {
            Moment.CREATED: document.created_at,
            Moment.UPDATED: document.updated_at,
            Moment.RESOLVED: document.resolved_at,
            Field.NUMBER: document.number,
        }
        value = values[clause.field]
        return (
            value is not None
            and (clause.low is None or clause.low <= value)
            and (clause.high is None or value < clause.high)
        )
    held: dict[Field, list[str | None]] = {
        Field.STATUS: [document.status],
        Field.PRIORITY: [document.priority],
        Field.TYPE: [document.type],
        Field.TAG: [plain(tag) for tag in document.tags],
        Field.ASSIGNEE: [document.assignee_id],
        Field.REPORTER: [document.reporter_id],
        Field.NUMBER: [str(document.number)],
    }
    return any(value in held[clause.field] for value in clause.values)


def found_by(documents: Iterable[Document], find: Find, enough: int) -> list[Document]:
    """All hits, in their order; by relevance, in any."""
    hits: list[Document] = []
    for reach in (EXACT, CLOSE, WITHIN):
        hits = [each for each in documents if matches(each, find.query, find.scope, reach)]
        if len(hits) >= enough:
            break
    by_date = find.sort is SortKey.RELEVANCE
    return sorted(hits, key=KEYS[find.sort], reverse=find.descending or by_date)


KEYS: dict[SortKey, Callable[[Document], Sequence[int]]] = {
    SortKey.RELEVANCE: lambda each: (each.created_at, each.number),
    SortKey.CREATED: lambda each: (each.created_at, each.number),
    SortKey.UPDATED: lambda each: (each.updated_at, each.number),
    SortKey.PRIORITY: lambda each: (RANKS.index(each.priority), each.updated_at, each.number),
    SortKey.NUMBER: lambda each: (each.number,),
}


def counted(documents: Iterable[Document], facet: Facet) -> dict[str, int]:
    values: dict[Facet, Callable[[Document], Iterable[str]]] = {
        Facet.STATUS: lambda each: [each.status],
        Facet.PRIORITY: lambda each: [each.priority],
        Facet.TYPE: lambda each: [each.type],
        Facet.TAG: lambda each: {plain(tag) for tag in each.tags},
        Facet.ASSIGNEE: lambda each: [each.assignee_id or "none"],
    }
    return dict(Counter(value for each in documents for value in values[facet](each)))
