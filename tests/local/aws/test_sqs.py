"""Fair queues: who has much in flight waits for those who have little, and the group may come from an event."""

import json
from typing import Any

import pytest

from local.aws.sqs import fairly, group_in


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
