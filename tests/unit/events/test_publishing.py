"""From the stream to the bus: everything at least once, in order per ticket, whatever fails."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.events.support import LOST, Bus, Record, event, poison, record, refused
from tests.unit.support import MOMENT
from ticketing.events.publishing import (
    SOURCE,
    Published,
    Publisher,
    entry_of,
    size_of,
)
from ticketing.ids import derived_id
from ticketing.tickets.events import Change, TicketEvent

LONGEST = "\u0001" * 10_000
"""The longest text in JSON that a field takes: six bytes for each of its characters."""


def publish(bus: Bus, *records: Record) -> Published:
    return Publisher(bus.client, "the-bus").publish(records)


def of_tickets(*names: str) -> list[Record]:
    """Return one event of each ticket, numbered from 1."""
    return [record(event(name), number) for number, name in enumerate(names, start=1)]


def of_one_ticket(count: int) -> list[Record]:
    return [record(event("a", version), version) for version in range(1, count + 1)]


def test_an_entry_names_the_bus_the_source_the_type_and_the_time() -> None:
    bus, sent = Bus(), event(title=Change(before="Füße", after="🎫"))
    assert publish(bus, record(sent)) == Published(events=1)
    ((entry,),) = bus.requests
    detail = entry.pop("Detail")
    assert entry == {"EventBusName": "the-bus", "Source": SOURCE, "DetailType": "TicketUpdated", "Time": MOMENT}
    assert TicketEvent.model_validate_json(detail) == sent
    assert "Füße" in detail  # not escaped: it counts by its bytes
    assert "null" not in detail


def test_an_event_of_before_there_was_a_bus_is_passed_over() -> None:
    bus = Bus()
    assert publish(bus, record(event().model_copy(update={"schema_version": 1, "ticket": None}))) == Published()
    assert bus.requests == []


# --- what one request holds -------------------------------------------------------------------------------------------


def test_a_request_holds_ten_events_at_most() -> None:
    bus = Bus()
    publish(bus, *of_tickets(*"abcdefghijklmnopqrstuvw"))
    assert [len(entries) for entries in bus.requests] == [10, 10, 3]


def test_a_request_holds_one_event_of_a_ticket_at_most() -> None:
    """An entry may fail while a later one of the same request lands."""
    bus = Bus()
    publish(bus, *of_one_ticket(3), record(event("b"), 4))
    assert [len(entries) for entries in bus.requests] == [1, 1, 2]


def test_a_request_stays_below_256_kib() -> None:
    bus = Bus()
    text = "x" * 60_000
    records = [record(event(name, title=Change(before=text)), number) for number, name in enumerate("abcdefg")]
    assert publish(bus, *records).events == 7
    assert [len(entries) for entries in bus.requests] == [4, 3]
    assert all(sum(map(size_of, entries)) < 256 * 1024 for entries in bus.requests)  # type: ignore[arg-type]


def test_an_event_that_would_not_fit_is_cut_and_says_so() -> None:
    bus = Bus()
    long = Change(before=LONGEST, after=LONGEST)
    large = event(title=Change(after="short"), description=long, resolution=long, tags=Change(after=["a"]))
    assert publish(bus, record(large.model_copy(update={"comment": LONGEST}))).events == 1
    (arrived,) = bus.arrived
    assert arrived["truncated"] == ["description", "resolution", "comment"]
    assert arrived["changes"]["description"] == {"from": LONGEST[:500], "to": LONGEST[:500]}
    assert arrived["changes"]["title"] == {"to": "short"}
    assert arrived["changes"]["tags"] == {"to": ["a"]}
    assert arrived["comment"] == LONGEST[:500]
    assert size_of(bus.requests[0][0]) < 64 * 1024  # type: ignore[arg-type]


def test_an_event_that_fits_is_left_whole() -> None:
    whole = event(description=Change(before="🎫" * 10_000, after="🎫" * 10_000))
    assert "truncated" not in json.loads(entry_of(whole, "bus")["Detail"])


def test_the_size_counts_the_bytes_that_the_bus_counts() -> None:
    assert size_of({"Source": "ä", "DetailType": "b", "Detail": "🎫", "Time": datetime.now(UTC)}) == 14 + 2 + 1 + 4


# --- what fails ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", ["InternalFailure", "ThrottlingException", "SomethingNew", "NotAuthorizedForSourceException"]
)
def test_an_entry_that_fails_is_tried_again(code: str) -> None:
    bus = Bus([[None, code, None]])
    assert publish(bus, *of_tickets(*"abc")) == Published(events=3)
    assert [len(entries) for entries in bus.requests] == [3, 1]


def test_what_keeps_failing_comes_again_and_holds_up_its_own_ticket_only() -> None:
    bus = Bus([["InternalFailure"], None, ["InternalFailure"], ["InternalFailure"]])
    result = publish(bus, *of_one_ticket(2), record(event("b"), 3), record(event("a", 3), 4))
    assert result.again == ["1", "2", "4"]
    assert bus.versions == [(derived_id("b"), 1)]


@pytest.mark.parametrize("failure", [LOST, refused("ThrottlingException"), refused("InternalException")])
def test_a_bus_that_gives_no_answer_is_asked_three_times_and_no_more(failure: Exception) -> None:
    """Each time may take 8 s; for each of ten requests it would be more than the function has."""
    bus = Bus([failure] * 9)
    names = "abcdefghijklmnopqrstuvwxyz"
    result = publish(bus, *of_tickets(*names))
    assert result == Published(again=[str(number) for number in range(1, 27)])
    assert len(bus.requests) == 3


def test_what_landed_without_an_answer_is_published_again() -> None:
    bus = Bus([(LOST,)])
    assert publish(bus, *of_tickets("a", "b")).events == 2
    assert len(bus.arrived) == 4


@pytest.mark.parametrize("code", ["MalformedDetail", "InvalidArgument"])
def test_an_entry_that_is_refused_for_good_is_dead_and_its_ticket_goes_on(code: str) -> None:
    bus = Bus([[code]])
    result = publish(bus, *of_one_ticket(2), record(event("b"), 3))
    assert (result.events, result.again) == (2, [])
    (dead,) = result.dead
    assert (dead.number, dead.reason) == ("1", f"refused by the bus: {code}")
    assert dead.key == of_one_ticket(1)[0]["dynamodb"]["Keys"]


def test_a_request_that_is_refused_for_good_is_taken_apart() -> None:
    """One of its entries is the reason, and only that one is dead."""
    no = refused("ValidationException")
    bus = Bus([no, None, no, None])
    result = publish(bus, *of_tickets("a", "b", "c"))
    assert ([each.number for each in result.dead], result.events, result.again) == (["2"], 2, [])


def test_a_request_taken_apart_may_still_get_no_answer() -> None:
    no = refused("ValidationException")
    bus = Bus([no, None, LOST, no])
    result = publish(bus, *of_tickets("a", "b", "c"))
    assert ([each.number for each in result.dead], result.events, result.again) == (["3"], 2, [])


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_poison_record_takes_nothing_with_it(place: int) -> None:
    bus, records = Bus(), of_tickets("a", "b", "c")
    records.insert(place, poison(17))
    result = publish(bus, *records)
    assert (result.events, result.again) == (3, [])
    assert [(each.number, each.reason) for each in result.dead] == [("17", "not an event: KeyError")]


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("eventType", {"S": "TicketEaten"}),
        ("schemaVersion", {"N": "3"}),
        ("schemaVersion", {"S": "two"}),
        ("version", {"N": "1.5"}),
        ("occurredAt", {"S": "yesterday"}),
        ("actorRole", {"NULL": True}),
        ("ticket", {"M": {}}),
        ("changes", {"L": []}),
    ],
)
def test_what_is_no_event_that_is_known_here_is_dead(attribute: str, value: Any) -> None:
    spoilt = record(event())
    spoilt["dynamodb"]["NewImage"][attribute] = value
    assert len(publish(Bus(), spoilt).dead) == 1


def test_no_reason_tells_what_is_in_the_event() -> None:
    spoilt = record(event(title=Change(after="a secret")))
    spoilt["dynamodb"]["NewImage"]["version"] = {"S": "another secret"}
    (dead,) = publish(Bus(), spoilt).dead
    assert "secret" not in f"{dead}"


# --- whatever fails --------------------------------------------------------------------------------------------------

ENDS = st.one_of(
    st.none(),
    st.lists(st.sampled_from([None, "InternalFailure", "ThrottlingException"]), max_size=10),
    st.sampled_from([LOST, (LOST,), refused("InternalException"), refused("ThrottlingException")]),
)


@given(
    tickets=st.lists(st.sampled_from("abcd"), min_size=1, max_size=40),
    script=st.lists(ENDS, max_size=60),
    size=st.integers(1, 12),
)
def test_in_the_end_everything_has_arrived_and_first_arrivals_are_in_order(
    tickets: list[str], script: list[Any], size: int
) -> None:
    """The stream is played as Lambda does it: batches, each again from the first record that was reported."""
    versions = dict.fromkeys(tickets, 0)
    stream = []
    for number, ticket in enumerate(tickets):
        versions[ticket] += 1
        stream.append(record(event(ticket, versions[ticket]), number))
    bus, place = Bus(list(script)), 0
    while place < len(stream):
        result = publish(bus, *stream[place : place + size])
        assert not result.dead
        place = min(map(int, result.again), default=min(place + size, len(stream)))
    first = list(dict.fromkeys(bus.versions))
    for ticket, last in versions.items():
        assert [version for name, version in first if name == derived_id(ticket)] == list(range(1, last + 1))
