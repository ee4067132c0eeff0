"""Queues: who has much in flight waits for those who have little, a batch waits for more, and groups stay."""

import json
import threading
import time
from typing import Any

import pytest

from local.aws.sqs import Windows, _group_of, fairly, group_in


def messages(*groups: str | None) -> list[dict[str, Any]]:
    return [{"group_id": group, "place": place} for place, group in enumerate(groups)]


@pytest.mark.parametrize(
    ("visible", "in_flight", "most", "places"),
    [
        ("aaaab", "", 1, [0]),
        ("aaaab", "a", 1, [4]),
        ("aaaab", "", 3, [0, 4, 1]),
        ("aabbcc", "aab", 4, [4, 2, 5, 0]),
        ("ab", "", 10, [0, 1]),
        ("", "a", 10, []),
    ],
)
def test_the_quiet_come_first(visible: str, in_flight: str, most: int, places: list[int]) -> None:
    assert [each["place"] for each in fairly(messages(*visible), messages(*in_flight), most)] == places


def test_without_groups_the_order_is_that_of_the_queue() -> None:
    queue = messages(*[None] * 20)
    assert fairly(queue, queue, 10) == queue[:10]


@pytest.mark.parametrize(
    ("path", "group"),
    [(None, None), ("all", "all"), ("$.detail.tenantId", "acme"), ("$.id", "1"), ("$.detail.id.x", None)],
)
def test_the_group_of_an_event(path: str | None, group: str | None) -> None:
    assert group_in(json.dumps({"id": 1, "detail": {"tenantId": "acme", "id": "x"}}), path) == group


# --- batches that wait ------------------------------------------------------------------------------------------------


def mapping(**values: int) -> dict[str, Any]:
    return {"UUID": "m", "BatchSize": 3, "MaximumBatchingWindowInSeconds": 1} | values


def queue(*visible_at: float) -> dict[str, Any]:
    return {"messages": [{"visible_at": each} for each in visible_at]}


@pytest.mark.parametrize(
    ("visible_at", "is_over"),
    [
        ((), True),
        ((99.5,), False),
        ((99.0,), True),
        ((98.0, 99.9), True),
        ((99.5, 99.9), False),
        ((99.8, 99.9, 99.9), True),
        ((99.5, 101.0, 101.0), False),
    ],
)
def test_a_batch_waits_until_it_is_full_or_its_first_message_has_waited(
    visible_at: tuple[float, ...], *, is_over: bool
) -> None:
    assert Windows(lambda: None).is_over(mapping(), queue(*visible_at), now=100.0) is is_over


def test_without_a_window_nothing_waits() -> None:
    assert Windows(lambda: None).is_over(mapping(MaximumBatchingWindowInSeconds=0), queue(99.9), now=100.0)


def test_consumers_are_woken_when_a_window_is_over() -> None:
    woken = threading.Event()
    windows, now = Windows(woken.set), time.time()
    for _ in range(3):
        assert not windows.is_over(mapping(), queue(now - 0.9), now)
    assert woken.wait(5)
    assert time.time() >= now + 0.1


# --- moving dead letters back -----------------------------------------------------------------------------------------


def test_a_message_keeps_its_group_and_is_a_new_one() -> None:
    assert _group_of({"group_id": None}) == {}
    assert _group_of({"group_id": "acme"}) == {"MessageGroupId": "acme"}
    again = _group_of({"group_id": "acme", "dedup_id": "x"})
    assert again["MessageGroupId"] == "acme"
    assert again["MessageDeduplicationId"] != "x"
