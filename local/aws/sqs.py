"""SQS as AWS has it: redrive, queues that are found after a start on other ports, fair queues, windows of batches."""

import json
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from local.emulator.loading import MiniStack
from local.emulator.patching import require, rewrite


def patch(emulator: MiniStack) -> None:
    """Add the redrive of dead-letter queues, fair queues and batches that wait, and find queues by name.

    Raises
    ------
    EmulatorError
        If what this builds on is not there.
    """
    _redrive_dead_letters(emulator)
    _consume(emulator)
    _be_fair(emulator)


def _redrive_dead_letters(emulator: MiniStack) -> None:
    """Add StartMessageMoveTask: it moves the messages of a dead-letter queue back to their source queue, all at once.

    A task is over when it is answered, so there are none to list or to cancel. Where several queues share one for their
    dead letters, a destination has to be named; SQS would remember where each message comes from.
    """
    sqs = emulator.sqs
    queue_by_arn = require(sqs, "_queue_by_arn", "arn")
    send = require(sqs, "_act_send_message", "data", "qurl")
    delete = require(sqs, "_act_delete_message", "data", "qurl")
    receive = require(sqs, "_receive_messages_for_esm", "queue_url", "max_number")

    def sources_of(arn: str) -> list[str]:
        policies = {
            queue["attributes"]["QueueArn"]: json.loads(queue["attributes"].get("RedrivePolicy") or "{}")
            for queue in sqs._queues.values()  # noqa: SLF001
        }
        return [source for source, policy in policies.items() if policy.get("deadLetterTargetArn") == arn]

    def start(data: dict[str, Any], _url: str) -> dict[str, str]:
        arn = data["SourceArn"]
        targets = [data["DestinationArn"]] if "DestinationArn" in data else sources_of(arn)
        queues = [queue_by_arn(each) for each in (arn, *targets)]
        if len(queues) != 2 or None in queues:  # noqa: PLR2004 (a source, a destination)
            code, message = "ResourceNotFoundException", "No dead-letter queue, or no one destination."
            raise sqs._Err(code, message)  # noqa: SLF001
        source, target = (queue["url"] for queue in queues if queue)
        while messages := receive(source, 10):
            for each in messages:
                send({"QueueUrl": target, "MessageBody": each["body"], **_group_of(each)}, target)
                delete({"QueueUrl": source, "ReceiptHandle": each["receipt_handle"]}, source)
        return {"TaskHandle": arn}

    sqs._HANDLERS["StartMessageMoveTask"] = start  # noqa: SLF001


def _group_of(message: Mapping[str, Any]) -> dict[str, str]:
    """Return the group of a message, for sending it again; as a new one, since the same is dropped for five minutes."""
    if not message.get("group_id"):
        return {}
    again = {"MessageDeduplicationId": secrets.token_hex()} if message.get("dedup_id") else {}
    return {"MessageGroupId": message["group_id"], **again}


def _consume(emulator: MiniStack) -> None:
    """Let consumers find their queue after a start on other ports, and have batches as large and as late as they ask.

    A queue's address has the ports that it was made on. A batch has more than ten messages on AWS, if it may wait.
    """
    rewrite(
        emulator.lambda_service,
        "_poll_sqs",
        {
            "            queue_url = _sqs._queue_url(queue_name)\n": (
                "            queue_url = _sqs._queue_name_to_url.get(queue_name)\n"
            ),
            "            batch = _sqs._receive_messages_for_esm(queue_url, batch_size)\n": (
                "            if not _windows.is_over(esm, queue, now):\n"
                "                continue\n"
                "            batch = _sqs._receive_messages_for_esm(queue_url, batch_size)\n"
            ),
        },
        _windows=Windows(emulator.lambda_service._esm_wake.set),  # noqa: SLF001
    )
    rewrite(
        emulator.sqs,
        "_receive_messages_for_esm",
        {
            "        max_n = min(int(max_number or 1), 10)\n": (
                '        max_n = min(int(max_number or 1), 10 if q["is_fifo"] else 10_000)\n'
            )
        },
    )


class Windows:
    """The time for which event source mappings gather messages (`MaximumBatchingWindowInSeconds`)."""

    def __init__(self, wake: Callable[[], object]) -> None:
        """Call `wake` when a window is over."""
        self._wake = wake
        self._ends: dict[str, float] = {}

    def is_over(self, mapping: Mapping[str, Any], queue: Mapping[str, Any], now: float) -> bool:
        """Return whether a mapping's next batch is to be received: it is full, or its first message has waited."""
        window = float(mapping.get("MaximumBatchingWindowInSeconds") or 0)
        waiting = [message["visible_at"] for message in queue["messages"] if message["visible_at"] <= now]
        if not window or not waiting or len(waiting) >= mapping.get("BatchSize", 10):
            return True
        end = min(waiting) + window
        if end <= now:
            return True
        if self._ends.get(mapping["UUID"], 0) < end:
            self._ends[mapping["UUID"]] = end
            timer = threading.Timer(end - time.time(), self._wake)
            timer.daemon = True
            timer.start()
        return False


def _be_fair(emulator: MiniStack) -> None:
    """Make standard queues fair where messages have groups, those that EventBridge sends as well."""
    rewrite(
        emulator.sqs,
        "_collect_msgs",
        {
            "    result = visible[:max_n]\n": (
                "    in_flight = [m for m in q['messages'] if m['visible_at'] > now and m['receive_count']]\n"
                "    result = _fairly(visible, in_flight, max_n)\n"
            )
        },
        _fairly=fairly,
    )
    rewrite(
        emulator.eventbridge,
        "_dispatch_to_sqs",
        {
            '    queue["messages"].append(msg)\n': (
                '    msg.setdefault("group_id", _group_in(payload, sqs_parameters.get("MessageGroupId")))\n'
                '    queue["messages"].append(msg)\n'
            )
        },
        _group_in=group_in,
    )


def fairly(visible: Iterable[dict[str, Any]], in_flight: Iterable[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Return the messages that are received next: those first whose group has the fewest in flight, then the oldest."""
    shares = Counter(message.get("group_id") for message in in_flight)
    groups: dict[str | None, deque[dict[str, Any]]] = {}
    for message in visible:
        groups.setdefault(message.get("group_id"), deque()).append(message)
    taken: list[dict[str, Any]] = []
    while groups and len(taken) < most:
        group = min(groups, key=lambda each: shares[each])
        taken.append(groups[group].popleft())
        shares[group] += 1
        if not groups[group]:
            del groups[group]
    return taken


def group_in(payload: str, group: str | None) -> str | None:
    """Return the message group of an event: what a path like `$.detail.tenantId` names in it, or the text itself."""
    if group is None or not group.startswith("$."):
        return group
    value: Any = json.loads(payload)
    for name in group.removeprefix("$.").split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return None if value is None else str(value)
