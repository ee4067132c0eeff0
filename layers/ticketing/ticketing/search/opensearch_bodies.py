"""What is sent to OpenSearch: the template of indexes, tickets as documents, and queries.

Texts are cut into words by `words_of`, as for the embedded engine, and sent as these words with spaces between: so both
engines find the same, and a cluster needs no plugin. What OpenSearch adds is its own analyzers of languages, which find
other forms of a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ticketing.search import language
from ticketing.search.inexact import Reach, errors_forgiven, may_be_within, may_begin
from ticketing.search.language import Between, Has, Kind, OneOf, Query, Term
from ticketing.search.port import MOST_VALUES, NOBODY, Facet, Scope, SortKey
from ticketing.search.suggesting import suggested_by
from ticketing.tickets.kinds import Priority
from ticketing.words import plain, words_of

if TYPE_CHECKING:
    from ticketing.search.documents import Document

type Json = dict[str, Any]

FORMAT: Final = 1
"""The version of all that is written into an index: the template, and what `words_of` makes of a text.

Whoever changes one of them counts it up: then all indexes are built again, beside the ones that are served.
"""

LANGUAGES: Final = ("english", "french", "german", "spanish")
"""The languages whose forms of words are found. All of OpenSearch's analyzers of languages that need no plugin could be
here; each costs about two fifths of what the words themselves take."""

_MOST_ENDINGS: Final = 1000
"""How many words the last word of a phrase may stand for, if it is the beginning of one."""

_TITLE: Final = 3.0
"""How much more a word counts in a title."""

_BELOW: Final = 0.001
"""What a word counts that is not exactly the one that was looked for."""

_MOST: Final = (1 << 63) - 1
"""The largest number that a column takes."""

_RANKS: Final = {priority.value: rank for rank, priority in enumerate(Priority)}

_SORTED_BY: Final[Mapping[SortKey, Sequence[str]]] = {
    SortKey.RELEVANCE: ["_score", "number"],
    SortKey.CREATED: ["created", "number"],
    SortKey.UPDATED: ["updated", "number"],
    SortKey.PRIORITY: ["rank", "updated", "number"],
    SortKey.NUMBER: ["number"],
}
"""The fields that hits are sorted by. The number is the last: no two tickets have the same."""


# --- indexes ----------------------------------------------------------------------------------------------------------


def template() -> Json:
    """Return the index template of this format: whatever makes an index, it has these fields and no others."""
    words: Json = {"type": "text", "analyzer": "words"}
    text = words | {
        "fields": {
            language: {"type": "text", "analyzer": language, "index_options": "docs", "norms": False}
            for language in LANGUAGES
        }
    }
    value, column = {"type": "keyword"}, {"type": "long"}
    fields = {
        **dict.fromkeys(("tenant", "status", "priority", "type", "tag", "assignee", "reporter", "has", "shown"), value),
        **dict.fromkeys(("number", "created", "updated", "resolved", "rank"), column),
        **dict.fromkeys(("title", "text", "internal"), text),
    }
    settings = {
        # A shard carries some 30 GB; a million tickets have half of one.
        "number_of_shards": 1,
        # Without this, an index that nobody searches is not refreshed.
        "refresh_interval": "1s",
        # For how long a deletion is remembered, so that a writer who is late does not undo it.
        "gc_deletes": "1h",
        # What is deleted leaves all segments when it is told to (`tend`).
        "merge.policy.expunge_deletes_allowed": 0,
        "analysis": {"analyzer": {"words": {"type": "custom", "tokenizer": "whitespace"}}},
    }
    # Nothing is read but ids and columns, so the documents themselves are not kept.
    mappings = {"dynamic": "strict", "_source": {"enabled": False}, "properties": fields}
    return {
        "index_patterns": [f"tickets-*.{FORMAT}-*"],
        "priority": 500,
        "version": FORMAT,
        "template": {"settings": {"index": settings}, "mappings": mappings},
    }


def body_of(document: Document, tenant_id: str) -> Json:
    """Return a ticket as it is indexed."""
    files = ((document.has_file, "public"), (document.has_internal_file, "internal"))
    body = {
        "tenant": tenant_id,
        "number": document.number,
        "status": document.status,
        "priority": document.priority,
        "rank": _RANKS[document.priority],
        "type": document.type,
        "tag": list(dict.fromkeys(map(plain, document.tags))),
        "assignee": document.assignee_id or NOBODY,
        "reporter": document.reporter_id,
        "created": document.created_at,
        "updated": document.updated_at,
        "has": [value for has, value in files if has],
        "shown": suggested_by(document.title, document.tags),
        "title": _words(document.title),
        # OpenSearch leaves a gap between two texts, so that no phrase is found across.
        "text": [*map(_words, document.texts)],
        "internal": [*map(_words, document.internal)],
    }
    return body if document.resolved_at is None else body | {"resolved": document.resolved_at}


def _words(text: str) -> str:
    return " ".join(word.text for word in words_of(text))


# --- searches ---------------------------------------------------------------------------------------------------------


def query_of(query: Query, scope: Scope, tenant_id: str, reach: Reach) -> Json:
    """Return the query for the tickets that match.

    The tenant is one of its conditions, although an index is one tenant's: a caller may bring back an altered cursor,
    which names the point in time that is searched.
    """
    filters: list[Json] = [{"term": {"tenant": tenant_id}}, *_visible(scope)]
    words: list[Json] = []
    excluded: list[Json] = []
    for clause in query.clauses:
        if isinstance(clause, Term) and not clause.negated:
            words.append(_term(clause, scope, reach))
            continue
        # What is excluded is excluded exactly.
        found = _term(clause, scope, Reach.EXACT) if isinstance(clause, Term) else _field(clause, scope)
        (excluded if clause.negated else filters).append(found)
    return {"bool": {"filter": filters, "must": words, "must_not": excluded}}


def suggestions_of(compared: str, scope: Scope, tenant_id: str, limit: int) -> Json:
    """Return the search for the most frequent of what begins like this."""
    filters = [{"term": {"tenant": tenant_id}}, *_visible(scope), {"prefix": {"shown": {"value": compared}}}]
    counts = {
        "field": "shown",
        "include": f"{_escaped(compared)}.*",
        "size": limit,
        "order": [{"_count": "desc"}, {"_key": "asc"}],
    }
    return {"size": 0, "query": {"bool": {"filter": filters}}, "aggs": {"shown": {"terms": counts}}}


def sort_of(sort: SortKey, *, descending: bool) -> list[Json]:
    """Return the order of hits."""
    return [{field: {"order": "desc" if descending else "asc"}} for field in _SORTED_BY[sort]]


def counts_of(facets: Iterable[Facet]) -> Json:
    """Return the aggregations that count hits."""
    order = [{"_count": "desc"}, {"_key": "asc"}]
    return {facet.value: {"terms": {"field": facet.value, "size": MOST_VALUES, "order": order}} for facet in facets}


def _visible(scope: Scope) -> list[Json]:
    return [] if scope.reporter_id is None else [{"term": {"reporter": scope.reporter_id}}]


def _any(queries: Iterable[Json]) -> Json:
    """Return the query for what matches at least one; nothing does if there is none. Scores are added up."""
    found = list(queries)
    return {"bool": {"should": found, "minimum_should_match": 1}} if found else {"match_none": {}}


def _field(clause: OneOf | Between | Has, scope: Scope) -> Json:
    match clause:
        case OneOf(language.Field.NUMBER, values):
            numbers = [int(value) for value in values if value is not None]
            return {"terms": {"number": [number for number in numbers if number <= _MOST]}}
        case OneOf(field, values):
            return {"terms": {field.value: [NOBODY if value is None else value for value in values]}}
        case Between(field, low, high):
            bounds = {"gte": low, "lt": high}
            within = {name: min(bound, _MOST) for name, bound in bounds.items() if bound is not None}
            return {"range": {field.value: within}}
        case Has():
            return {"terms": {"has": ["public", *(["internal"] if scope.internal else [])]}}


# --- words ------------------------------------------------------------------------------------------------------------


def _term(term: Term, scope: Scope, reach: Reach) -> Json:
    fields = ("title", "text", *(["internal"] if scope.internal else []))
    return _any(query for field in fields for query in _in_text(term, field, reach))


def _in_text(term: Term, field: str, reach: Reach) -> Iterator[Json]:
    yield _exactly(term, field, _TITLE if field == "title" else 1.0)
    if term.kind is Kind.WORD and len(term.words) == 1 and reach > Reach.EXACT:
        close = [*_inexactly(term.words[0], field, reach), *_forms(term.words[0], field)]
        yield {"constant_score": {"filter": _any(close), "boost": _BELOW}}


def _exactly(term: Term, field: str, boost: float) -> Json:
    *before, last = term.words
    if term.kind is not Kind.PREFIX:
        if not before:
            return {"term": {field: {"value": last, "boost": boost}}}
        return {"match_phrase": {field: {"query": " ".join(term.words), "boost": boost}}}
    if not before:
        return {"prefix": {field: {"value": last, "boost": boost}}}
    phrase = {"query": " ".join(term.words), "max_expansions": _MOST_ENDINGS, "boost": boost}
    return {"match_phrase_prefix": {field: phrase}}


def _inexactly(word: str, field: str, reach: Reach) -> Iterator[Json]:
    if errors := errors_forgiven(word):
        # Without `rewrite`, only the most similar words of the index would count.
        fuzzy = {"value": word, "fuzziness": errors, "rewrite": "constant_score"}
        yield {"fuzzy": {field: fuzzy | {"prefix_length": 1 if errors == 1 else 0}}}
    if reach >= Reach.WITHIN and may_be_within(word):
        # Not within numbers and codes, which begin with a digit.
        yield {"regexp": {field: {"value": f"([^0-9].*)?{_escaped(word)}.*"}}}
    elif may_begin(word):
        yield {"prefix": {field: {"value": word}}}


def _forms(word: str, field: str) -> Iterator[Json]:
    """Yield the queries for other forms of the word, if it is one of a language."""
    return ({"match": {f"{field}.{each}": {"query": word}}} for each in LANGUAGES)


def _escaped(text: str) -> str:
    """Return the regular expression, of Lucene, that matches this text alone."""
    return re.sub(r"([^\w\s])", r"\\\1", text)
