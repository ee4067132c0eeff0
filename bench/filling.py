"""Tenants with many tickets: the corpus's, written beside the API, each with its search index."""

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import batched
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bench.callers import claim
from bench.corpus import tickets
from bench.stack import Stack
from ticketing import clock
from ticketing.aws.data import TenantData, TenantFiles
from ticketing.deployment import Tables
from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.tables import tenant_prefix
from ticketing.index.folders import Folders
from ticketing.index.store import IndexStore
from ticketing.search.documents import Document, document_of
from ticketing.search.embedded import Embedded
from ticketing.search.facts import Calendar
from ticketing.search.port import Build, Changes
from ticketing.tickets.keys import list_partition, ticket_key
from ticketing.tickets.queries import NOBODY

USERS = ("admin@acme.example", "admin@globex.example")
"""Admins of the two tenants that are filled: a small one, and a large one."""

_CALENDAR = Calendar.always(ZoneInfo("UTC"))
_AT_ONCE = 4
_STEP = 2_000
"""How many tickets are written into the index at once."""

_ROOM = 2**32

type Item = dict[str, Any]


def fill(stack: Stack, user: str, size: int) -> None:
    """Give the user's tenant, which has no ticket yet, so many: rows of the table, and the index of just these rows.

    The index is written by the engine itself, as a build does it, but the tickets are not read back from the table.
    """
    tenant_id = claim(stack.token(user), "custom:tenantId")
    with tempfile.TemporaryDirectory(prefix="bench-filling-") as folder:
        index = index_of(stack, tenant_id, Path(folder))
        build = Build(clock.timestamp(clock.now()), {"step": 0})
        index.begin(build)
        for step, items in enumerate(_steps(tenant_id, size), start=1):
            _put(stack, items)
            documents = [document for item in items if (document := document_of([item], _CALENDAR)) is not None]
            changes, walk = Changes(documents, [], build.began, _CALENDAR.version), {"step": step}
            index.extend(partial(_same, changes), build, walk)
            build = Build(build.began, walk)
        index.finish(build)


def _same(changes: Changes) -> Changes:
    return changes


def index_of(stack: Stack, tenant_id: str, folder: Path) -> Embedded:
    """Return the search index of a tenant, with a folder for its files."""
    names = (stack.outputs[f"{table}TableName"] for table in ("Tickets", "Users", "Notifications", "Search"))
    data = TenantData(stack.client("dynamodb"), Tables(*names), tenant_id)
    s3 = stack.client("s3")

    def no_credentials() -> Any:  # they sign addresses, of which an index has none
        raise NotImplementedError

    files = TenantFiles(lambda: s3, no_credentials, stack.outputs["SearchBucketName"], tenant_id)
    return Embedded(IndexStore(data, files, Folders(folder, _ROOM)))


def _steps(tenant_id: str, size: int) -> Iterator[Sequence[Item]]:
    for documents in batched(tickets(size), _STEP, strict=False):
        yield [_row(tenant_id, document) for document in documents]


def _row(tenant_id: str, document: Document) -> Item:
    """Return the row of a ticket with all of its texts, comments and names of files included, in the description."""
    created, updated = (clock.timestamp(_moment(each)) for each in (document.created_at, document.updated_at))
    prefix = tenant_prefix(tenant_id)
    return to_item(
        ticket_key(tenant_id, document.ticket_id)
        | {
            "id": document.ticket_id,
            "tenantId": tenant_id,
            "number": document.number,
            "title": document.title,
            "description": "\n".join((*document.texts, *document.internal)),
            "status": document.status,
            "priority": document.priority,
            "type": document.type,
            "reporterId": document.reporter_id,
            "assignedToId": document.assignee_id,
            "tags": list(document.tags),
            "version": 1,
            "createdAt": created,
            "updatedAt": updated,
            "tenantKey": list_partition(tenant_id),
            "statusKey": f"{prefix}#STATUS#{document.status}",
            "assigneeKey": f"{prefix}#ASSIGNEE#{document.assignee_id or NOBODY}",
            "reporterKey": f"{prefix}#REPORTER#{document.reporter_id}",
            "listKey": f"{updated}#{document.ticket_id}",
        }
    )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _put(stack: Stack, items: Sequence[Item]) -> None:
    table, dynamodb = stack.outputs["TicketsTableName"], stack.client("dynamodb")

    def put(batch: Sequence[Item]) -> None:
        dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": each}} for each in batch]})

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(put, batched(items, 25, strict=False)))
