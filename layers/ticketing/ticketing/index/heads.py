"""Which index of a tenant is in use: one item in the table of search, replaced only by who has read it.

No other module knows its keys. A state of an index is named by its head, a pack that begins with the map of all of its
files, and by the digest of that map: whoever trusts the item can trust every byte of the index.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from ticketing import clock
from ticketing.aws.data import TenantData
from ticketing.aws.failures import is_transient
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import Item, read_one
from ticketing.dynamodb.tables import batch_delete, tenant_prefix
from ticketing.index.errors import LostRaceError

_PACK: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Ref:
    """The name of a state of an index, which never changes. A cursor may carry it, and bring it back altered.

    Raises
    ------
    ValueError
        This is no id of a pack, or no SHA-256.
    """

    pack: str
    digest: str

    def __post_init__(self) -> None:
        if not (_PACK.fullmatch(self.pack) and _DIGEST.fullmatch(self.digest)):
            message = "a state of an index has the id of a pack and a SHA-256"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Slot:
    """One of a tenant's two indexes: the one that is served, or the one that is being built beside it."""

    format: int
    """The version of what `search` writes into it."""
    ref: Ref | None = None
    """Its state; None as long as nothing was written."""
    as_of: str | None = None
    """The time up to which changes are in it."""
    complete: bool = False
    """Whether all tickets are in it."""
    began: str | None = None
    """When its building began."""
    calendar: str | None = None
    """The version of the calendar that the facts of its tickets were computed with; "" if it was not one for all."""
    walk: Mapping[str, Any] | None = None
    """How far its building has come, as whoever builds it writes it down: JSON of strings, integers and booleans."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which states are in use."""

    n: int = 0
    """How often it was replaced; 0 if there is none."""
    serving: Slot | None = None
    building: Slot | None = None

    @property
    def refs(self) -> tuple[Ref, ...]:
        """The states in use."""
        return tuple(slot.ref for slot in (self.serving, self.building) if slot and slot.ref)


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep has seen."""

    at: datetime
    """When it began."""
    packs: frozenset[str]
    """What the states in use needed then."""
    clean: bool
    """Whether there was no other pack."""


class Heads:
    """The items of one tenant's index."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.search
        partition = f"{tenant_prefix(data.tenant_id)}#SEARCH"
        self._pointer = to_item({"PK": partition, "SK": "INDEX#tickets"})
        self._swept = to_item({"PK": partition, "SK": "SWEPT#tickets"})

    def read(self, *, consistent: bool) -> Pointer:
        """Return which states are in use: one read, of half the price if it may be moments old."""
        answer = self._client.get_item(TableName=self._table, Key=self._pointer, ConsistentRead=consistent)
        return read_one(answer["Item"], _pointer_in) if "Item" in answer else Pointer()

    def replace(self, before: Pointer, serving: Slot | None, building: Slot | None) -> Pointer:
        """Replace what was read before, and return what is in use now: one conditional write.

        If its answer is lost, the item is read, and tells whether it was written.

        Raises
        ------
        LostRaceError
            Somebody else has replaced it meanwhile. Rarely, this write landed, too, and theirs was built upon it.
        """
        after = Pointer(before.n + 1, serving, building)
        slots = {"serving": _slot_item(serving), "building": _slot_item(building)}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=self._pointer | to_item({"n": after.n, **slots}),
                **(
                    {
                        "ConditionExpression": "n = :before",
                        "ExpressionAttributeValues": to_item({":before": before.n}),
                    }
                    if before.n
                    else {"ConditionExpression": "attribute_not_exists(PK)"}
                ),
            )
        except (BotoCoreError, ClientError) as error:
            if not (_has_conflict(error) or is_transient(error)):
                raise
            # botocore repeats a write whose answer was lost, and the second one meets the first.
            found = self.read(consistent=True)
            if found == after:
                return after
            if found.n == before.n and not _has_conflict(error):
                raise
            raise LostRaceError from error
        return after

    def swept(self) -> Swept | None:
        """Return what the sweep before has seen; None before the first."""
        answer = self._client.get_item(TableName=self._table, Key=self._swept, ConsistentRead=True)
        return read_one(answer["Item"], _swept_in) if "Item" in answer else None

    def put_swept(self, swept: Swept) -> None:
        """Write down what a sweep has seen."""
        seen = {"at": clock.timestamp(swept.at), "packs": sorted(swept.packs), "clean": swept.clean}
        self._client.put_item(TableName=self._table, Item=self._swept | to_item(seen))

    def delete(self) -> None:
        """Delete the items, of an index that is no longer wanted."""
        batch_delete(self._client, self._table, [self._pointer, self._swept])


def _has_conflict(error: Exception) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == "ConditionalCheckFailedException"


def _slot_item(slot: Slot | None) -> dict[str, Any] | None:
    if slot is None:
        return None
    ref = {"head": slot.ref.pack, "digest": slot.ref.digest} if slot.ref else {}
    about = {"asOf": slot.as_of, "complete": slot.complete, "calendar": slot.calendar}
    return {"format": slot.format, **ref, **about, "began": slot.began, "walk": slot.walk}


def _slot_of(item: Mapping[str, Any] | None) -> Slot | None:
    if item is None:
        return None
    ref = Ref(item["head"], item["digest"]) if "head" in item else None
    match item:
        case {"format": int(format_), "complete": bool(complete)}:
            building = (item.get("began"), item.get("calendar"), item.get("walk"))
            return Slot(format_, ref, item.get("asOf"), complete, *building)
    message = "an index has a format, and is complete or not"
    raise ValueError(message)


def _pointer_in(item: Item) -> Pointer:
    values = from_item(item)
    return Pointer(int(values["n"]), _slot_of(values.get("serving")), _slot_of(values.get("building")))


def _swept_in(item: Item) -> Swept:
    values = from_item(item)
    return Swept(datetime.fromisoformat(values["at"]), frozenset(values["packs"]), values["clean"])
