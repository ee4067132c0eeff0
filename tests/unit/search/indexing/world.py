"""A tenant's tickets in the table, the orders that were sent, and what its index finds, compared with each other."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.unit.conftest import Clock
from tests.unit.support import AGENT_ID, MOMENT, TABLE, USERS_TABLE, a_ticket, as_item, put_item
from ticketing import clock
from ticketing.aws.data import of_tenant, packs_of_tenant
from ticketing.dynamodb.attributes import to_item
from ticketing.index.folders import Folders
from ticketing.index.store import IndexStore
from ticketing.search.embedded import Embedded
from ticketing.search.facts import Calendar
from ticketing.search.index_queue import ORDERS, Order
from ticketing.search.indexing import Done, Indexing
from ticketing.search.language import Kind, Query, Term
from ticketing.search.port import Find, IndexMissingError, Scope, SortKey
from ticketing.search.repository import SearchedTickets
from ticketing.words import words_of

ALL = Scope(None, internal=True)
PUBLIC = Scope(None, internal=False)
_ROOM = 2**30


def ticket_id(number: int) -> str:
    return str(UUID(int=(number << 64) | number, version=4))


@dataclass
class Sent:
    """An order, as SQS has it."""

    name: str
    body: str
    group: str
    repeated: str
    """What SQS knows a message by that is sent twice."""

    @property
    def order(self) -> Order:
        order = ORDERS.read({"body": self.body})
        assert order is not None
        return order

    @property
    def record(self) -> dict[str, Any]:
        return {"messageId": self.name, "body": self.body, "attributes": {"MessageGroupId": self.group}}


@dataclass
class Queue:
    """SQS, as far as orders go: what was sent and is not done. It drops what it had lately, as SQS does."""

    orders: deque[Sent] = field(default_factory=deque)
    had: set[str] = field(default_factory=set)
    sent: int = 0

    def send_message(self, **message: str) -> None:
        if message["MessageDeduplicationId"] in self.had:
            return
        self.had.add(message["MessageDeduplicationId"])
        self.sent += 1
        name, body = f"m{self.sent}", message["MessageBody"]
        self.orders.append(Sent(name, body, message["MessageGroupId"], message["MessageDeduplicationId"]))

    def forget(self) -> None:
        """Let five minutes pass."""
        self.had.clear()


@dataclass
class World:
    """One tenant, `acme`, with one index, and any number of processes that work on it."""

    root: Path
    time: Clock
    queue: Queue = field(default_factory=Queue)
    titles: dict[int, str] = field(default_factory=dict)
    """What the tickets that are there are called, by their numbers."""
    notes: dict[int, str] = field(default_factory=dict)
    """An internal comment on each that has one."""
    zone: str = "UTC"
    """The tenant's time zone."""
    changes: int = 0
    processes: int = 0

    # --- tickets --------------------------------------------------------------------------------------------------

    def tenant(self, state: str = "ACTIVE") -> None:
        """Write the tenant's item."""
        values = {"id": "acme", "name": "acme", "state": state, "settings": {}, "admins": 1, "version": 1}
        values |= {"foundedById": "x", "createdAt": "x", "updatedAt": "x"}
        put_item(USERS_TABLE, to_item({"PK": "TENANT#acme#TENANT", "SK": "TENANT"} | values))

    def change(self, number: int, *, note: bool = False) -> None:
        """Create a ticket, or give it another title; or write another internal comment, which changes nothing else."""
        self.changes += 1
        if note and number in self.titles:
            self.notes[number] = f"note{self.changes}"
            self._put_note(number)
            return
        self.titles[number] = f"change{self.changes}"
        self._put(number)

    def trash(self, number: int) -> None:
        """Put a ticket into the trash."""
        if self.titles.pop(number, None) is not None:
            self.notes.pop(number, None)
            self._put(number, deleted=True)

    def _put(self, number: int, *, deleted: bool = False) -> None:
        now = clock.timestamp(clock.now() + timedelta(milliseconds=self.changes))
        ticket = a_ticket(
            id=ticket_id(number),
            number=number + 1,
            title=self.titles.get(number, "deleted"),
            updated_at=now,
            version=self.changes,
            deleted_at=now if deleted else None,
        )
        keys = {"tenantKey": "TENANT#acme#TICKETS"}
        if not deleted:
            keys["listKey"] = f"{now}#{ticket.id}"
        put_item(TABLE, as_item(ticket, **keys))

    def _put_note(self, number: int) -> None:
        comment = {
            "id": ticket_id(10_000 + number),
            "ticketId": ticket_id(number),
            "tenantId": "acme",
            "body": self.notes[number],
            "authorId": AGENT_ID,
            "visibility": "internal",
            "mentions": [],
            "createdAt": clock.timestamp(MOMENT),
            "updatedAt": clock.timestamp(MOMENT),
        }
        key = {"PK": f"TENANT#acme#TICKET#{ticket_id(number)}", "SK": f"COMMENT#{comment['id']}"}
        put_item(TABLE, to_item(key | comment))

    def tell(self, *numbers: int) -> None:
        """Order that these tickets are read again."""
        now = clock.timestamp(clock.now())
        for order in Order.of_changes("acme", {ticket_id(number): now for number in numbers}):
            order.send()

    # --- passes ---------------------------------------------------------------------------------------------------

    def index(self) -> Embedded:
        """Return the index, as a process of its own finds it."""
        self.processes += 1
        folders = Folders(self.root / str(self.processes), _ROOM)
        return Embedded(IndexStore(of_tenant("acme"), packs_of_tenant("acme"), folders))

    def calendar(self) -> Calendar:
        return Calendar.always(ZoneInfo(self.zone))

    def follow(self, orders: Sequence[Order], exists: Callable[[], bool] = lambda: True) -> Done:
        """Make one pass, as a process of its own."""
        indexing = Indexing("acme", self.index(), SearchedTickets(of_tenant("acme")), exists, self.calendar)
        return indexing.follow(orders)

    def work(self) -> list[Done]:
        """Follow all orders one by one until there is none."""
        done = []
        while self.queue.orders:
            done.append(self.follow([self.queue.orders[0].order]))
            self.queue.orders.popleft()
            assert len(done) < 1000
        return done

    # --- what is found --------------------------------------------------------------------------------------------

    def found(self, *words: str, scope: Scope = ALL) -> set[int]:
        """Return the numbers of the tickets with all of these words; without a word, of all."""
        index = self.index()
        query = Query(tuple(_phrase(word) for word in words))
        numbers = list(self._pages(index, query, scope))
        assert len(numbers) == len(set(numbers)), "a ticket is there twice"
        return set(numbers)

    def _pages(self, index: Embedded, query: Query, scope: Scope) -> Iterator[int]:
        after = None
        while True:
            found = index.find(Find(query, scope, SortKey.NUMBER, descending=True, limit=100, after=after))
            yield from (UUID(each).int & (2**32 - 1) for each in found.ids)
            if (after := found.after) is None:
                return

    def is_right(self) -> bool:
        """Return whether the index is complete and finds exactly what the table has, for everybody."""
        assert self.index().current(self.calendar().version)
        assert self.found() == self.found(scope=PUBLIC) == set(self.titles)
        for number, title in self.titles.items():
            assert self.found(title) == {number}, "an older state"
        for number, note in self.notes.items():
            assert self.found(note) == {number}
            assert self.found(note, scope=PUBLIC) == set()
        return True

    def is_missing(self) -> bool:
        try:
            self.found()
        except IndexMissingError:
            return True
        return False


def _phrase(text: str) -> Term:
    return Term(tuple(word.text for word in words_of(text)), Kind.PHRASE, negated=False)


def body_of(sent: Sent) -> dict[str, Any]:
    """Return what a message says."""
    body: dict[str, Any] = json.loads(sent.body)
    return body
