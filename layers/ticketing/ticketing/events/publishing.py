"""From the outbox to the bus: publishes events, in order per ticket, and says which have to be retried.

The `detail` is the event as JSON (docs/events), the source is the project's, the detail type the event's type.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from ticketing.audit import repository as audit
from ticketing.audit.models import AuditEvent
from ticketing.tickets.events import Change, TicketEvent
from ticketing.tickets.outbox import event_from

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

SOURCE: Final = "ticket-system.tickets"
AUDIT_SOURCE: Final = "ticket-system.audit"

_AT_ONCE: Final = 10
"""The most entries of one PutEvents."""

_LARGEST: Final = 250_000
"""The most bytes of the entries of one PutEvents, which takes 262,144."""

_CUT_TO: Final = 500
"""Characters that are left of each long text of an event that would not fit otherwise."""

_PAUSES: Final = (0.1, 0.4)
"""Seconds to wait before failed events are retried; after that, the stream retries them."""

_PERMANENT: Final = frozenset({"InvalidArgument", "MalformedDetail", "ValidationException"})
"""Permanent errors: the event itself is the cause. A missing permission is not permanent: somebody will add it."""

_NO_ANSWER: Final = "NoAnswer"


@dataclass(frozen=True, slots=True)
class Dead:
    """An event that can never be published: the key of its item, its sequence number in the stream, and why."""

    key: Mapping[str, Any]
    number: str
    reason: str


@dataclass(slots=True)
class Published:
    """What became of a batch: how many were published, the sequence numbers of those to retry, the dead ones."""

    events: int = 0
    again: list[str] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Pending:
    number: str
    key: Mapping[str, Any]
    ticket: str
    entry: PutEventsRequestEntryTypeDef
    size: int


class Publisher:
    """Publishes events on one bus."""

    def __init__(self, client: EventBridgeClient, bus: str) -> None:
        self._client = client
        self._bus = bus

    def publish(self, records: Iterable[Mapping[str, Any]]) -> Published:
        """Publish the events in records of the tickets table's stream.

        An event that fails holds back the later ones of its ticket, and no other ticket's.
        """
        result = Published()
        waiting = list(self._read(records, result))
        for pause in (*_PAUSES, None):
            waiting = self._round(waiting, result)
            if not waiting or pause is None:
                break
            time.sleep(pause)
        result.again = [each.number for each in waiting]
        return result

    def _read(self, records: Iterable[Mapping[str, Any]], result: Published) -> Iterator[_Pending]:
        for record in records:
            change = record["dynamodb"]
            key, number = change["Keys"], change["SequenceNumber"]
            try:
                entry = _entry_of_item(key, change["NewImage"], self._bus)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the others of the batch go on
                result.dead.append(Dead(key, number, f"not an event: {type(error).__name__}"))
                continue
            if entry is not None:
                yield _Pending(number, key, key["PK"]["S"], entry, size_of(entry))

    def _round(self, waiting: Sequence[_Pending], result: Published) -> list[_Pending]:
        """Try everything once, in order; return what has to be retried.

        A request without an answer takes up to 8 s. It ends the round, so that three rounds end in time.
        """
        left: list[_Pending] = []
        held = set[str]()
        todo = list(waiting)
        while todo:
            batch, todo = _next_batch(todo)
            sent = [each for each in batch if each.ticket not in held]
            failures = self._put(sent) if sent else []
            if failures is None:
                left += [*batch, *todo]
                break
            for each, failure in zip(sent, failures, strict=True):
                if failure is None:
                    result.events += 1
                elif failure in _PERMANENT:
                    result.dead.append(Dead(each.key, each.number, f"refused by the bus: {failure}"))
                else:
                    held.add(each.ticket)
            left += [each for each in batch if each.ticket in held]
        order = {each.number: place for place, each in enumerate(waiting)}
        return sorted(left, key=lambda each: order[each.number])

    def _put(self, batch: Sequence[_Pending]) -> list[str | None] | None:
        """Publish events with one request; return each one's error code, or None where it was published.

        None instead of a list: the request failed as a whole. It may have landed all the same, and is retried.
        """
        try:
            entries = self._client.put_events(Entries=[each.entry for each in batch])["Entries"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in _PERMANENT:
                return None
            if len(batch) == 1:
                return [code]
            # One of them is the cause, so each is sent by itself. One that gets no answer now is retried.
            return [(self._put([each]) or [_NO_ANSWER])[0] for each in batch]
        except BotoCoreError:
            return None
        return [entry.get("ErrorCode") for entry in entries]


def _next_batch(todo: Sequence[_Pending]) -> tuple[list[_Pending], list[_Pending]]:
    """Return as much of the head of the list as one request may hold, each ticket once, and the rest in its order."""
    batch: list[_Pending] = []
    tickets, size = set[str](), 0
    for place, each in enumerate(todo):
        if len(batch) == _AT_ONCE or each.ticket in tickets or size + each.size > max(_LARGEST, each.size):
            return batch, list(todo[place:])
        batch.append(each)
        tickets.add(each.ticket)
        size += each.size
    return batch, []


def _entry_of_item(key: Mapping[str, Any], item: Mapping[str, Any], bus: str) -> PutEventsRequestEntryTypeDef | None:
    """Return the entry of PutEvents for an item; None for an event that was written before there was a bus.

    Raises
    ------
    KeyError, TypeError, ValueError
        The item is neither an event of a ticket nor an audit event.
    """
    if audit.is_audit_event(key):
        return _audit_entry(audit.event_from(item), bus)
    event = event_from(item)
    return None if event.ticket is None else entry_of(event, bus)


def _audit_entry(event: AuditEvent, bus: str) -> PutEventsRequestEntryTypeDef:
    detail = event.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "EventBusName": bus,
        "Source": AUDIT_SOURCE,
        "DetailType": event.type,
        "Time": datetime.fromisoformat(event.occurred_at),
        "Detail": json.dumps(detail, ensure_ascii=False, separators=(",", ":")),
    }


def entry_of(event: TicketEvent, bus: str) -> PutEventsRequestEntryTypeDef:
    """Return the entry of PutEvents for an event, its texts cut if it would not fit."""
    entry = _entry(event, bus)
    return entry if size_of(entry) <= _LARGEST else _entry(cut(event), bus)


def _entry(event: TicketEvent, bus: str) -> PutEventsRequestEntryTypeDef:
    detail = event.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "EventBusName": bus,
        "Source": SOURCE,
        "DetailType": event.type.value,
        "Time": datetime.fromisoformat(event.occurred_at),
        "Detail": json.dumps(detail, ensure_ascii=False, separators=(",", ":")),
    }


def size_of(entry: PutEventsRequestEntryTypeDef) -> int:
    """Return the size of an entry as PutEvents counts it, in bytes."""
    texts = (entry["Source"], entry["DetailType"], entry["Detail"])
    return 14 + sum(len(text.encode()) for text in texts)  # 14 for the time


def cut(event: TicketEvent) -> TicketEvent:
    """Return the event with its long texts cut; `truncated` names their fields."""
    changes = {
        name: Change(before=_shortened(change.before), after=_shortened(change.after))
        for name, change in event.changes.items()
    }
    truncated = [name for name, change in changes.items() if change != event.changes[name]]
    if event.comment != _shortened(event.comment):
        truncated.append("comment")
    values = {"changes": changes, "comment": _shortened(event.comment), "truncated": truncated}
    return event.model_copy(update=values)


def _shortened(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return value[:_CUT_TO] if isinstance(value, str) else value
