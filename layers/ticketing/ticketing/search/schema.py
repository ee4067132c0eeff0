"""The fields of the embedded index, and writing tickets into it.

Texts are cut into words by `words_of`, as the words of queries are: the engine's own analyzers are not used. Nothing is
stored but columns, of which a ticket's id takes two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

import tantivy
from tantivy import FieldType, Occur, Query

from ticketing.search.columns import add_columns, add_facts
from ticketing.search.port import NOBODY
from ticketing.search.suggesting import suggested_by
from ticketing.words import Word, plain, words_of

if TYPE_CHECKING:
    from ticketing.search.documents import Document

FORMAT: Final = 2
"""The version of all that is in an index: these fields, what `words_of` makes of texts, and `facts_of` of events.

Whoever changes one of them counts it up: then all indexes are built again, beside the ones that are served.
"""

_HEAP: Final = 64_000_000
"""Bytes that the writer may collect before it writes a segment: some 20,000 tickets."""

_NUMBER_BITS: Final = 12
"""Enough: a tenant's tickets do not come by the thousands in a millisecond."""

MOMENT_BITS: Final = 42 + _NUMBER_BITS
"""What a time takes until the year 2109."""

_LOW: Final = (1 << 64) - 1


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("number", fast=True, indexed=True)
    for column in ("id_high", "id_low", "created", "updated", "resolved"):
        builder.add_unsigned_field(column, fast=True)
    for value in ("status", "priority", "type", "tag", "assignee"):
        builder.add_text_field(value, tokenizer_name="raw", fast=True, index_option="basic")
    builder.add_text_field("reporter", tokenizer_name="raw", fast=True, index_option="basic")
    for value in ("has", "shown"):
        builder.add_text_field(value, tokenizer_name="raw", index_option="basic")
    for text in ("title", "text", "internal"):
        builder.add_text_field(text, tokenizer_name="raw", index_option="position")
    add_columns(builder)  # after all others, so that an index of before has the same fields in front
    return builder.build()


SCHEMA: Final = _schema()
"""A ticket's id is two columns, since an index of ids would take a tenth of all; `shown` is what is suggested."""

FILE: Final = "public"
INTERNAL_FILE: Final = "internal"
"""The values of the field `has`: which files a ticket has."""


def moment_key(milliseconds: int, number: int = 0) -> int:
    """Return what tickets are sorted by for a time: those of one millisecond by their number's last bits."""
    return (milliseconds << _NUMBER_BITS) + number % (1 << _NUMBER_BITS)


def milliseconds_of(moment: int) -> int:
    """Return the time that `moment_key` has made this of."""
    return moment >> _NUMBER_BITS


def id_parts(ticket_id: str) -> tuple[int, int]:
    """Return a ticket's id as two numbers of 64 bits."""
    number = UUID(ticket_id).int
    return number >> 64, number & _LOW


def id_of(high: int, low: int) -> str:
    """Return the id that `id_parts` has made two numbers of."""
    return str(UUID(int=(high << 64) | low))


def write(folder: Path, documents: Iterable[Document], gone: Collection[str]) -> None:
    """Write tickets to the index in a folder, or make one there; those that are gone vanish from it.

    All of it is committed, and the engine's merges are done, when it returns.
    """
    index = tantivy.Index(SCHEMA, path=str(folder))
    latest = {each.ticket_id: each for each in documents}
    writer = index.writer(_HEAP, 1)
    try:
        if index.searcher().num_docs:
            for document in latest.values():
                writer.delete_documents_by_query(_known(document.ticket_id, document.number))
            for ticket_id in gone:
                writer.delete_documents_by_query(_known(ticket_id))
        for document in latest.values():
            writer.add_document(_document(document))
        writer.commit()
    finally:
        writer.wait_merging_threads()


def _known(ticket_id: str, number: int | None = None) -> Query:
    """Return the query for a ticket. Its number finds it at once; without, a column of all tickets is read."""
    parts = zip(("id_low", "id_high"), reversed(id_parts(ticket_id)), strict=True)
    queries = [Query.range_query(SCHEMA, column, FieldType.Unsigned, part, part) for column, part in parts]
    if number is not None:
        queries.insert(0, Query.term_query(SCHEMA, "number", number))
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def _document(document: Document) -> tantivy.Document:
    made = tantivy.Document()
    high, low = id_parts(document.ticket_id)
    # A value of another type than its field's would be the end of the writer's thread: each has its own method.
    made.add_unsigned("id_high", high)
    made.add_unsigned("id_low", low)
    made.add_unsigned("number", document.number)
    made.add_unsigned("created", moment_key(document.created_at, document.number))
    made.add_unsigned("updated", moment_key(document.updated_at, document.number))
    if document.resolved_at is not None:
        made.add_unsigned("resolved", document.resolved_at)
    made.add_text("status", document.status)
    made.add_text("priority", document.priority)
    made.add_text("type", document.type)
    made.add_text("assignee", document.assignee_id or NOBODY)
    made.add_text("reporter", document.reporter_id)
    for tag in dict.fromkeys(map(plain, document.tags)):
        made.add_text("tag", tag)
    for has, value in ((document.has_file, FILE), (document.has_internal_file, INTERNAL_FILE)):
        if has:
            made.add_text("has", value)
    if document.facts is not None:
        add_facts(made, document.facts)
    for term in suggested_by(document.title, document.tags):
        made.add_text("shown", term)
    for field, texts in (("title", (document.title,)), ("text", document.texts), ("internal", document.internal)):
        for text in texts:
            # The engine leaves a gap between two texts, so that no phrase is found across.
            made.add_pre_tokenized_text(field, _tokens(words_of(text)))
    return made


def _tokens(words: Sequence[Word]) -> tantivy.PreTokenizedString:
    return tantivy.PreTokenizedString(
        "", [tantivy.Token(word.text, position, 0, 0) for position, word in enumerate(words)]
    )
