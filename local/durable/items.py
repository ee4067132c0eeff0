"""DynamoDB's items survive the process: each change is in the journal before its caller gets an answer.

The items are in the journal only; the snapshot of DynamoDB holds the tables without them, so that the two can never
disagree about an item.
"""

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from local.durable.journal import Change, Item, Journal, JournalError
from local.emulator.loading import MiniStack
from local.emulator.patching import replace, require
from local.settings import Settings

type Table = dict[str, Any]

# A shorter journal is not rewritten.
_FEW_LINES = 1000
_changes: ContextVar[list[Change] | None] = ContextVar("changes", default=None)


class Items:
    """Keeps the items of one emulator in its journal."""

    def __init__(self, emulator: MiniStack, settings: Settings, save_tables: Callable[[], None]) -> None:
        self._dynamodb = dynamodb = emulator.dynamodb
        self._durable = settings.durable
        self._journal = Journal(settings.journal)
        self._save_tables = save_tables
        self._tables_on_disk: set[str] = set()
        self._set = require(dynamodb, "_set_item", "table", "pk_val", "sk_val", "item")
        self._remove = require(dynamodb, "_remove_item", "table", "pk_val", "sk_val")
        self._items_replaced = require(dynamodb, "_items_replaced", "table")
        self._handle = require(dynamodb, "handle_request", "method", "path", "headers", "body", "query_params")
        self._get_state = require(dynamodb, "get_state")

    def install(self) -> None:
        """Watch every change of an item; call before the emulator starts."""
        replace(self._dynamodb, "_set_item", self._set_and_record)
        replace(self._dynamodb, "_remove_item", self._remove_and_record)
        replace(self._dynamodb, "_items_replaced", self._record_all)
        replace(self._dynamodb, "handle_request", self._handle_and_record)
        replace(self._dynamodb, "get_state", self._state_without_items)

    def restore(self) -> None:
        """Put the journal's items into the tables; call once the emulator has read its snapshots.

        Nothing is emitted on the tables' streams.

        Raises
        ------
        JournalError
            If the journal is damaged, or what it belongs to is not there.
        """
        tables = {table["TableId"]: table for table in self._tables()}
        self._tables_on_disk = set(tables)
        for changes in self._journal.read():
            if not tables:
                message = (
                    "There are items in the journal but no table to put them into: a file of the state folder was lost "
                    "or damaged (logs/emulator.log says which). Bring it back, or start afresh with `make reset`."
                )
                raise JournalError(message)
            for table_id, partition, sort, item in changes:
                if (table := tables.get(table_id)) is None:
                    continue  # deleted since
                if item is None:
                    self._remove(table, partition, sort)
                else:
                    self._set(table, partition, sort, item)
        self._compact()

    def close(self) -> None:
        """Write what is not written yet; call after the last request, when the tables are saved."""
        if self._durable:
            self._compact()
        else:
            self._journal.rewrite(self._items())

    def _set_and_record(self, table: Table, pk_val: str, sk_val: str, item: Item) -> object:
        old = self._set(table, pk_val, sk_val, item)
        self._record([(table["TableId"], pk_val, sk_val, item)])
        return old

    def _remove_and_record(self, table: Table, pk_val: str, sk_val: str) -> object:
        old = self._remove(table, pk_val, sk_val)
        if old is not None:
            self._record([(table["TableId"], pk_val, sk_val, None)])
        return old

    def _record_all(self, table: Table) -> None:
        """After a failed PartiQL transaction or a restored backup: rare, so all items of the table are written."""
        self._items_replaced(table)
        self._record(list(_items_of(table)))

    async def _handle_and_record(self, *request: object) -> tuple[int, dict[str, str], bytes]:
        changes: list[Change] = []
        token = _changes.set(changes)
        try:
            response: tuple[int, dict[str, str], bytes] = await self._handle(*request)
        finally:
            _changes.reset(token)
            # Before anything else runs, so that the lines are in the order of the changes.
            if changes:
                self._write(changes)
        if changes and self._durable:
            await self._journal.sync()
        return response

    def _record(self, changes: list[Change]) -> None:
        request = _changes.get()
        if request is None:
            self._write(changes)  # the thread that removes expired items: nobody waits for it
        else:
            request.extend(changes)

    def _write(self, changes: list[Change]) -> None:
        if not self._durable:
            return
        if any(change[0] not in self._tables_on_disk for change in changes):
            # A deployment made the table and is not over yet: its items would be lost with it.
            self._save_tables()
            self._tables_on_disk = {table["TableId"] for table in self._tables()}
        self._journal.append(changes)

    def _state_without_items(self) -> dict[str, Any]:
        # The thread that removes expired items holds the same lock.
        with self._dynamodb._lock:  # noqa: SLF001
            items = [(table, table["items"]) for table in self._tables()]
            try:
                for table, _ in items:
                    table["items"] = {}
                state: dict[str, Any] = self._get_state()
            finally:
                for table, content in items:
                    table["items"] = content
        for _, table in state["tables"].all_items():
            # Counted up again by `restore`.
            table.update(ItemCount=0, TableSizeBytes=0)
        return state

    def _compact(self) -> None:
        live = sum(1 for _ in self._items())
        if self._journal.lines > 2 * live + _FEW_LINES:
            self._journal.rewrite(self._items())

    def _items(self) -> Iterator[Change]:
        for table in self._tables():
            yield from _items_of(table)

    def _tables(self) -> list[Table]:
        return [table for _, table in self._dynamodb._tables.all_items()]  # noqa: SLF001


def _items_of(table: Table) -> Iterator[Change]:
    for partition, sorts in table["items"].items():
        for sort, item in sorts.items():
            yield table["TableId"], partition, sort, item
