"""The queue UnpublishedEvents: events that can't be published, and parts of the stream that Lambda has given up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient

    from ticketing.events.publishing import Dead

logger = Logger()


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was received; others don't see it until the queue's visibility timeout is over."""

    receipt: str
    body: dict[str, Any]
    """Either `key`, `sequenceNumber` and `reason` of a dead event, or what Lambda writes: `DDBStreamBatchInfo`."""


class Unpublished:
    """The queue. If a call raises ClientError or BotoCoreError, nothing is lost; a message may be there twice."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def put(self, dead: Dead) -> None:
        """Send a message about an event: where its item is, not what is in it."""
        message = {"key": dead.key, "sequenceNumber": dead.number, "reason": dead.reason}
        self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(message))

    def put_all(self, dead: Sequence[Dead]) -> list[str]:
        """Send a message about each event; return the sequence numbers of those that the queue has not taken.

        After one call that fails (up to 12 s), the rest is not tried: a function that times out reports nothing.
        """
        for place, each in enumerate(dead):
            logger.error("an event can't be published", extra={"key": each.key, "reason": each.reason})
            try:
                self.put(each)
            except (BotoCoreError, ClientError):
                logger.exception("the queue of unpublished events can't be reached")
                return [left.number for left in dead[place:]]
        return []

    def take(self) -> list[Message]:
        """Receive up to ten messages, or none; a message that is not a JSON object has an empty body."""
        answer = self._client.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        return [Message(each["ReceiptHandle"], _object(each["Body"])) for each in answer.get("Messages", [])]

    def remove(self, message: Message) -> None:
        """Delete a message that was received."""
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message.receipt)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
