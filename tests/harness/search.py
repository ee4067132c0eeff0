"""Search indexes as the running stack keeps them, read as a function would, and compared with the table."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.harness.postbox import until
from tests.harness.stack import Stack
from ticketing.aws.data import TenantData, TenantFiles
from ticketing.deployment import Tables
from ticketing.dynamodb.attributes import from_item
from ticketing.index.folders import Folders
from ticketing.index.store import IndexStore
from ticketing.search.documents import document_of
from ticketing.search.embedded import Embedded
from ticketing.search.facts import Calendar
from ticketing.search.language import Kind, Query, Term
from ticketing.search.port import NOBODY, Facet, Find, Found, IndexMissingError, Scope, SortKey
from ticketing.words import words_of

_ALL = Scope(None, internal=True)
_ROOM = 2**30
_CALENDAR = Calendar.always(ZoneInfo("UTC"))


@dataclass
class Index:
    """The index of one tenant."""

    stack: Stack
    tenant_id: str
    _folder: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)

    def __post_init__(self) -> None:
        outputs = self.stack.outputs
        names = (outputs[f"{table}TableName"] for table in ("Tickets", "Users", "Notifications", "Search"))
        data = TenantData(self.stack.client("dynamodb"), Tables(*names), self.tenant_id)

        def none() -> Any:
            raise NotImplementedError

        files = TenantFiles(lambda: self.stack.client("s3"), none, outputs["SearchBucketName"], self.tenant_id)
        self.engine = Embedded(IndexStore(data, files, Folders(Path(self._folder.name), _ROOM)))

    def found(self, *words: str, internal: bool = True) -> set[str]:
        """Return the ids of the tickets with all of these words, or of all; nothing without an index."""
        clauses = (Term(tuple(each.text for each in words_of(word)), Kind.PHRASE, negated=False) for word in words)
        scope = Scope(None, internal=internal)
        return {ticket_id for page in self._pages(Query(tuple(clauses)), scope) for ticket_id in page.ids}

    def awaited(self, *words: str, ids: set[str]) -> None:
        """Return when exactly these tickets are found."""
        until(lambda: self.found(*words), lambda found: found == ids)

    def is_complete(self) -> bool:
        """Return whether there is an index of all tickets."""
        return self.engine.current()

    def state(self) -> tuple[Any, ...]:
        """Return what the index has: the tickets by their last change, newest first, and how many there are of what."""
        pages = list(self._pages(Query(()), _ALL, SortKey.UPDATED))
        ids = [ticket_id for page in pages for ticket_id in page.ids]
        counts = {facet: dict(pages[0].facets[facet]) for facet in Facet} if pages else {facet: {} for facet in Facet}
        return ids, counts

    def expected(self) -> tuple[Any, ...]:
        """Return the same of the table."""
        documents = [
            document for items in self._collections() if (document := document_of(items, _CALENDAR)) is not None
        ]
        documents.sort(key=lambda each: (each.updated_at, each.number), reverse=True)
        counts = {
            Facet.STATUS: Counter(each.status for each in documents),
            Facet.PRIORITY: Counter(each.priority for each in documents),
            Facet.TYPE: Counter(each.type for each in documents),
            Facet.TAG: Counter(tag for each in documents for tag in set(each.tags)),
            Facet.ASSIGNEE: Counter(each.assignee_id or NOBODY for each in documents),
        }
        return [each.ticket_id for each in documents], {facet: dict(counts[facet]) for facet in Facet}

    def left(self) -> list[str]:
        """Return the keys of what there is of the tenant in the bucket, and in the table of search."""
        objects = self.stack.client("s3").list_objects_v2(
            Bucket=self.stack.outputs["SearchBucketName"], Prefix=f"{self.tenant_id}/"
        )
        pages = (
            self.stack.client("dynamodb")
            .get_paginator("scan")
            .paginate(TableName=self.stack.outputs["SearchTableName"])
        )
        items = [from_item(item) for page in pages for item in page["Items"]]
        return [each["Key"] for each in objects.get("Contents", ())] + [
            item["PK"] for item in items if item["PK"].startswith(f"TENANT#{self.tenant_id}#")
        ]

    def _pages(self, query: Query, scope: Scope, sort: SortKey = SortKey.NUMBER) -> list[Found]:
        pages: list[Found] = []
        after = None
        while not pages or after is not None:
            facets = () if pages else tuple(Facet)
            find = Find(query, scope, sort, descending=True, limit=100, after=after, facets=facets)
            try:
                pages.append(self.engine.find(find))
            except IndexMissingError:
                return []
            after = pages[-1].after
        return pages

    def _collections(self) -> list[list[dict[str, Any]]]:
        pages = (
            self.stack.client("dynamodb")
            .get_paginator("scan")
            .paginate(TableName=self.stack.outputs["TicketsTableName"])
        )
        found: dict[str, list[dict[str, Any]]] = {}
        prefix = f"TENANT#{self.tenant_id}#TICKET#"
        for item in (item for page in pages for item in page["Items"] if item["PK"]["S"].startswith(prefix)):
            found.setdefault(item["PK"]["S"], []).append(item)
        return [sorted(items, key=lambda item: item["SK"]["S"]) for items in found.values()]


def invoked(stack: Stack, output: str, event: dict[str, Any]) -> Any:
    """Call a function by the output that names it, and return its answer."""
    answer = stack.client("lambda").invoke(FunctionName=stack.outputs[output], Payload=json.dumps(event).encode())
    content = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, content
    return content
