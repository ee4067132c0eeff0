"""What is known about a tenant's indexes in OpenSearch: one item in the table of search.

It has the sequence that versions of documents come from, and how far a build has come. Which index is searched is
OpenSearch's own: an alias. The item of the embedded engine's index is another one, so that both may be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from ticketing.aws.data import TenantData
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import Item, read_one
from ticketing.dynamodb.tables import batch_delete, tenant_prefix, update_of

_SORT_KEY: Final = "OPENSEARCH#tickets"


@dataclass(frozen=True, slots=True)
class Building:
    """An index that is being built. It is noted before it is made, so that none is ever forgotten."""

    index: str
    format: int
    began: str
    walk: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class State:
    """A tenant's indexes. Without an item: all of it empty."""

    sequence: int = 0
    """How often somebody began to write."""
    format: int | None = None
    """The format of the index that is served; None if there is none."""
    as_of: str | None = None
    """The time up to which changes are in all indexes."""
    building: Building | None = None


class IndexStates:
    """The item of one tenant's indexes."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.search
        self._key = {"PK": f"{tenant_prefix(data.tenant_id)}#SEARCH", "SK": _SORT_KEY}

    def read(self, *, consistent: bool) -> State:
        """Return the state: one read, of half the price if it may be moments old."""
        answer = self._client.get_item(TableName=self._table, Key=to_item(self._key), ConsistentRead=consistent)
        return read_one(answer["Item"], _state) if "Item" in answer else State()

    def count(self) -> State:
        """Count the sequence on, and return the state: whoever writes does so before reading tickets.

        A retry after a lost answer counts twice, which does no harm.
        """
        answer = self._client.update_item(
            TableName=self._table,
            Key=to_item(self._key),
            UpdateExpression="ADD #sequence :one",
            ExpressionAttributeNames={"#sequence": "sequence"},
            ExpressionAttributeValues=to_item({":one": 1}),
            ReturnValues="ALL_NEW",
        )
        return read_one(answer["Attributes"], _state)

    def wrote(self, as_of: str) -> None:
        """Note up to when changes are in the indexes, unless somebody noted a later time."""
        self._update({"asOf": as_of}, "attribute_not_exists(#asOf) OR #asOf < :before", as_of)

    def begun(self, building: Building, as_of: str | None) -> None:
        """Note that a build begins, in place of another one."""
        self._update({"building": asdict(building), "asOf": as_of})

    def walked(self, before: Building, walk: Mapping[str, Any]) -> bool:
        """Note how far a build has come, and return whether it still was where it had been."""
        return self._update({"building": asdict(replace(before, walk=walk))}, "#building = :before", asdict(before))

    def finished(self, before: Building) -> bool:
        """Note that the index that was being built is served, and return whether its build still was as it had been."""
        return self._update({"building": None, "format": before.format}, "#building = :before", asdict(before))

    def delete(self) -> None:
        """Delete the item, of indexes that are no longer wanted."""
        batch_delete(self._client, self._table, [to_item(self._key)])

    def _update(self, changes: Mapping[str, Any], condition: str = "", before: Any = None) -> bool:  # noqa: ANN401 - JSON
        """Change attributes if the condition is true; return whether it was."""
        values = {":before": before} if condition else None
        update = update_of(self._table, self._key, changes, condition=condition, values=values)
        try:
            self._client.update_item(**update)
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _state(item: Item) -> State:
    values = from_item(item)
    building = values.get("building")
    return State(
        sequence=values.get("sequence", 0),
        format=values.get("format"),
        as_of=values.get("asOf"),
        building=Building(**building) if building is not None else None,
    )
