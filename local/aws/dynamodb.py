"""DynamoDB as AWS has it: index queries cost what they return, and templates switch on TTL.

The emulator sorts and filters a whole index partition for each page: a page of 25 out of 100,000 tickets would take
seconds. Here each partition of an index is kept in order, and a query that asks for a whole partition (`key = :value`),
or for it from some range key on (`AND range >= :least`, `AND range = :only`), gets only the part of it that its page
needs. The emulator then does all that it did before, with less.
"""

import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from typing import Any

from sortedcontainers import SortedList

from local.emulator.loading import MiniStack
from local.emulator.patching import replace, require

_KNOWN_PART = re.compile(r"\s*#?\w+\s*=\s*:\w+\s*(?:AND\s+#?\w+\s*(>?=)\s*(:\w+)\s*)?")
_BEHIND_ALL_KEYS = "\U0010ffff"
_NO_SORT_KEY = "__no_sort__"  # what the emulator keeps an item under whose table has none

type Item = dict[str, Any]
type Members = dict[str, dict[Any, _Partition]]


@dataclass(frozen=True, slots=True)
class _Page:
    """The part of a partition that a query needs: `limit` items after `start`, in one direction, between two places."""

    start: Item | None
    limit: int
    forward: bool
    least: tuple[Any, ...] | None
    greatest: tuple[Any, ...] | None


_page: ContextVar[_Page | None] = ContextVar("page", default=None)


class _Partition:
    """The items of one index partition, as keys of the table in the index's order."""

    def __init__(self, order: Callable[[Item], tuple[Any, ...]]) -> None:
        self._order = order
        """The place of an item: what the index sorts by, then the two keys that the emulator keeps the item under."""
        self._sorted: SortedList[tuple[Any, ...]] = SortedList()

    def __bool__(self) -> bool:
        return bool(self._sorted)

    def add(self, item: Item) -> None:
        self._sorted.add(self._order(item))

    def remove(self, item: Item) -> None:
        self._sorted.discard(self._order(item))

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        page = _page.get()
        positions = iter(self._sorted) if page is None else islice(self._behind(page), page.limit)
        return (position[-2:] for position in positions)

    def _behind(self, page: _Page) -> Iterator[tuple[Any, ...]]:
        is_first = page.start is None
        least, greatest = page.least, page.greatest
        if page.start is not None:
            start = self._order(page.start)
            least, greatest = (start, greatest) if page.forward else (least, start)
        inclusive = (is_first or not page.forward, is_first or page.forward)
        yield from self._sorted.irange(least, greatest, inclusive=inclusive, reverse=not page.forward)


def patch(emulator: MiniStack) -> None:
    """Keep index partitions in order, check conditions once, and switch on TTL where a template asks for it.

    Raises
    ------
    EmulatorError
        If what this builds on is not there.
    """
    _keep_indexes_in_order(emulator)
    # A condition's grammar is checked for each item otherwise, which takes longer than to evaluate it.
    check = require(emulator.dynamodb, "_condition_syntax_error", "expr", "slot")
    replace(emulator.dynamodb, "_condition_syntax_error", lru_cache(maxsize=1024)(check))
    _switch_on_ttl(emulator)


def _keep_indexes_in_order(emulator: MiniStack) -> None:
    """Replace the emulator's bookkeeping of index partitions."""
    indexes = _Indexes(emulator)
    require(emulator.dynamodb, "_index_members", "table")
    require(emulator.dynamodb, "_index_item", "table", "base_pk", "base_sk", "item", "add")
    replace(emulator.dynamodb, "_index_members", indexes.members)
    replace(emulator.dynamodb, "_index_item", indexes.index_item)
    replace(emulator.dynamodb, "_query", indexes.query)


class _Indexes:
    """The index partitions of all tables; each table carries its own, as before."""

    def __init__(self, emulator: MiniStack) -> None:
        dynamodb = emulator.dynamodb
        self._kept_as: str = dynamodb._INDEX_MEMBERS  # noqa: SLF001
        self._key_value = require(dynamodb, "_extract_key_val", "attr")
        self._schemas = require(dynamodb, "_index_key_schemas", "table")
        self._partition_of = require(dynamodb, "_index_partition", "item", "hashes", "ranges")
        self._order_keys = require(dynamodb, "_index_order_keys", "table", "sk_name")
        self._order_value = require(dynamodb, "_index_order_value", "item", "name", "type_hint")
        self._query = require(dynamodb, "_query", "data")

    def members(self, table: Item) -> Members:
        """Return the partitions of a table's indexes, made from its items the first time."""
        if self._kept_as not in table:
            members: Members = {name: {} for name, _, _ in self._schemas(table)}
            for collection in table["items"].values():
                for item in collection.values():
                    self._change(table, members, item, add=True)
            table[self._kept_as] = members
        kept: Members = table[self._kept_as]
        return kept

    def index_item(self, table: Item, _base_pk: str, _base_sk: str, item: Item, add: bool) -> None:  # noqa: FBT001
        """Add one item to the indexes, or remove it."""
        if self._kept_as in table:
            self._change(table, table[self._kept_as], item, add=add)

    def query(self, data: Item) -> object:
        """Query as before, with only the part of the index partition that the page needs."""
        known = _KNOWN_PART.fullmatch(data.get("KeyConditionExpression") or "")
        limit = data.get("Limit")
        page = None
        if known and data.get("IndexName") and isinstance(limit, int) and limit > 0:
            least = greatest = None
            if bound := data.get("ExpressionAttributeValues", {}).get(known[2]):
                (kind,) = bound
                least = (self._order_value({"bound": bound}, "bound", kind),)
                greatest = (*least, _BEHIND_ALL_KEYS) if known[1] == "=" else None
            page = _Page(data.get("ExclusiveStartKey"), limit, data.get("ScanIndexForward", True), least, greatest)
        token = _page.set(page)
        try:
            return self._query(data)
        finally:
            _page.reset(token)

    def _change(self, table: Item, members: Members, item: Item, *, add: bool) -> None:
        for name, hashes, ranges in self._schemas(table):
            partition = self._partition_of(item, hashes, ranges)
            if partition is None:
                continue
            partitions = members.setdefault(name, {})
            if partition not in partitions:
                partitions[partition] = _Partition(partial(self._place, table, self._order_keys(table, ranges)))
            if add:
                partitions[partition].add(item)
            else:
                partitions[partition].remove(item)
                if not partitions[partition]:
                    del partitions[partition]

    def _place(self, table: Item, keys: list[tuple[str, str]], item: Item) -> tuple[Any, ...]:
        sort = self._key_value(item[table["sk_name"]]) if table["sk_name"] else _NO_SORT_KEY
        ordered = (self._order_value(item, key, kind) for key, kind in keys)
        return (*ordered, self._key_value(item[table["pk_name"]]), sort)


def _switch_on_ttl(emulator: MiniStack) -> None:
    """Let a table's TimeToLiveSpecification take effect, which the emulator's CloudFormation leaves out."""
    dynamodb, handler = emulator.dynamodb, emulator.provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]  # noqa: SLF001
    create = require(emulator.provisioners, "_ddb_create", "logical_id", "props", "stack_name")
    update_ttl = require(dynamodb, "_update_ttl", "data")

    def create_with_ttl(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:  # noqa: ANN401 (its own)
        made = create(logical_id, props, stack_name)
        if specification := props.get("TimeToLiveSpecification"):
            enabled = str(specification["Enabled"]).lower() == "true"
            update_ttl({"TableName": made[0], "TimeToLiveSpecification": {**specification, "Enabled": enabled}})
        return made

    handler["create"] = create_with_ttl
