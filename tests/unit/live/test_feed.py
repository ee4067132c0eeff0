"""The feed: places in the order of arrival, what came since, and who is still to be told."""

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.conftest import Clock
from tests.unit.live.support import commented, updated
from tests.unit.support import data_of
from ticketing.live import feed as module
from ticketing.live.errors import EventNotFoundError
from ticketing.live.feed import Feed
from ticketing.tickets.events import TicketEvent
from ticketing.tickets.kinds import Visibility


def added(feed: Feed, time: Clock, *, minutes: float = 10) -> TicketEvent:
    event = updated()
    time.forward(minutes=minutes)
    assert feed.add(event) is None
    return event


def test_it_tells_what_arrived_since_an_event(feed: Feed, time: Clock) -> None:
    first, second, third = (added(feed, time) for _ in range(3))
    assert list(feed.since(first.id)) == [first, second, third]
    assert list(feed.since(second.id)) == [second, third]
    assert list(feed.since(third.id)) == [third]


def test_it_tells_again_what_arrived_shortly_before(feed: Feed, time: Clock) -> None:
    first, second, third = added(feed, time), added(feed, time, minutes=4), added(feed, time, minutes=2)
    assert list(feed.since(second.id)) == [first, second, third]
    assert list(feed.since(third.id)) == [second, third]


def test_an_event_of_long_ago_that_arrives_late_is_not_missed(feed: Feed, time: Clock) -> None:
    late = updated()  # happened now
    seen = added(feed, time)
    time.forward(minutes=30)
    feed.add(late)
    assert late in list(feed.since(seen.id))


def test_events_come_back_whole(feed: Feed) -> None:
    event = commented(Visibility.INTERNAL)
    feed.add(event)
    assert list(feed.since(event.id)) == [event]


def test_it_does_not_know_every_event(feed: Feed, time: Clock) -> None:
    event = added(feed, time)
    with pytest.raises(EventNotFoundError):
        feed.since(updated().id)
    time.forward(hours=24)  # what TTL has not removed yet
    with pytest.raises(EventNotFoundError):
        feed.since(event.id)


def test_a_feed_is_a_tenants_own(feed: Feed, dynamodb: DynamoDBClient, time: Clock) -> None:
    event = added(feed, time)
    with pytest.raises(EventNotFoundError):
        Feed(data_of(dynamodb, "globex")).since(event.id)


def test_an_event_that_comes_again_keeps_its_place(feed: Feed, time: Clock) -> None:
    first = added(feed, time)
    second = added(feed, time)
    time.forward(minutes=10)
    assert feed.add(first) is None
    assert list(feed.since(first.id)) == [first, second]


def test_it_remembers_who_is_to_be_told(feed: Feed, time: Clock) -> None:
    event, other = added(feed, time), added(feed, time)
    feed.set_pending(event.id, ["a", "b"])
    assert feed.add(event) == frozenset({"a", "b"})
    assert feed.add(other) is None


def test_it_looks_at_a_limited_number(feed: Feed, time: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_READ", 2)
    first, *others = (added(feed, time) for _ in range(5))
    assert list(feed.since(first.id)) == [first, *others[:2]]
