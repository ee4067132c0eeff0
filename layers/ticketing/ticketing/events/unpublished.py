"""The queue of what could not be published: dead events, and parts of the stream that Lambda has given up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from ticketing.events.publishing import Dead


@dataclass(frozen=True, slots=True)
class Message:
    """A message that has been taken; it is nobody else's for the queue's visibility timeout."""

    receipt: str
    body: dict[str, Any]
    """Either `key`, `sequenceNumber` and `reason` of a dead event, or what Lambda writes: `DDBStreamBatchInfo`."""


class Unpublished:
    """The queue. Every call may raise ClientError or BotoCoreError; nothing is lost then, but may be there twice."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def put(self, dead: Dead) -> None:
        """Put an event aside: where its item is, not what is in it."""
        message = {"key": dead.key, "sequenceNumber": dead.number, "reason": dead.reason}
        self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(message))

    def take(self) -> list[Message]:
        """Return up to ten messages, none if there are none to be had; what is no JSON object has an empty body."""
        answer = self._client.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        return [Message(each["ReceiptHandle"], _object(each["Body"])) for each in answer.get("Messages", [])]

    def remove(self, message: Message) -> None:
        """Remove a message that has been taken."""
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message.receipt)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
