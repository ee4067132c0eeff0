"""What the tests of the pipeline share: records of the stream, and a bus that does as it is told."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from botocore.exceptions import ClientError, ReadTimeoutError
from mypy_boto3_events import EventBridgeClient

from tests.unit.support import a_ticket, an_event
from ticketing.dynamodb.attributes import to_item
from ticketing.ids import derived_id
from ticketing.tickets.events import Change, TicketEvent
from ticketing.tickets.kinds import EventType
from ticketing.tickets.outbox import item_of

type Record = dict[str, Any]
type Script = Callable[[Sequence[Record]], Any]
"""What a PutEvents ends with: an error code for each of its entries (None for success), or an exception."""

LOST = ReadTimeoutError(endpoint_url="https://events")


def event(ticket: str = "a", version: int = 1, **changes: Change) -> TicketEvent:
    """Return an event of the ticket with this name."""
    made = an_event(a_ticket(id=derived_id(ticket), version=version), EventType.TICKET_UPDATED, **changes)
    return made.model_copy(update={"id": derived_id(ticket, str(version))})


def record(of: TicketEvent, number: int = 1) -> Record:
    """Return the record of the stream that brings an event."""
    item = to_item(item_of(of))
    keys = {name: item[name] for name in ("PK", "SK")}
    return {"eventName": "INSERT", "dynamodb": {"Keys": keys, "SequenceNumber": str(number), "NewImage": item}}


def poison(number: int = 1, ticket: str = "a") -> Record:
    """Return a record of an item that is no event, where one should be."""
    spoilt = record(event(ticket, 9_999), number)
    del spoilt["dynamodb"]["NewImage"]["actorId"]
    return spoilt


def refused(code: str) -> ClientError:
    """Return the failure of a request as a whole."""
    return ClientError({"Error": {"Code": code, "Message": ""}}, "PutEvents")


@dataclass
class Bus:
    """A bus whose requests end as the script says, one after the other, and well when it is over."""

    script: list[Any] = field(default_factory=list)
    requests: list[list[Record]] = field(default_factory=list)
    arrived: list[Record] = field(default_factory=list)
    """The events, each time that they have arrived."""

    def put_events(self, Entries: Sequence[Record]) -> Record:  # noqa: N803 (boto's name)
        self.requests.append(list(Entries))
        end = self.script.pop(0) if self.script else None
        if isinstance(end, Exception):
            raise end
        if isinstance(end, tuple):  # it landed, and the answer is lost
            self._take(Entries, [None] * len(Entries))
            raise end[0]
        codes = [*(end or []), *[None] * len(Entries)][: len(Entries)]
        self._take(Entries, codes)
        entries = [{"EventId": "1"} if code is None else {"ErrorCode": code} for code in codes]
        return {"FailedEntryCount": len(Entries) - codes.count(None), "Entries": entries}

    def _take(self, entries: Sequence[Record], codes: Sequence[str | None]) -> None:
        taken = (entry for entry, code in zip(entries, codes, strict=True) if code is None)
        self.arrived += [json.loads(entry["Detail"]) for entry in taken]

    @property
    def client(self) -> EventBridgeClient:
        return cast("EventBridgeClient", self)

    @property
    def versions(self) -> list[tuple[str, int]]:
        """The tickets and versions of what has arrived, in order."""
        return [(each["ticketId"], each["version"]) for each in self.arrived]
