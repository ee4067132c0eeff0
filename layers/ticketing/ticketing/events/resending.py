"""Publishes events of the queue UnpublishedEvents after all, when the cause is fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError

from ticketing.tickets.outbox import is_event_key, read_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient

    from ticketing.events.publishing import Publisher
    from ticketing.events.unpublished import Message, Unpublished

logger = Logger()


@dataclass(slots=True)
class Resent:
    """What became of the queue: events published, events that are gone from the table, messages that stay."""

    published: int = 0
    gone: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Resender:
    """Publishes the events in the queue, and deletes their messages."""

    queue: Unpublished
    tickets: DynamoDBClient
    table: str
    streams: DynamoDBStreamsClient
    publisher: Publisher

    def resend(self, *, goes_on: Callable[[], bool]) -> Resent:
        """Take messages until there are none, or `goes_on` says no.

        A message whose event is refused again stays, and can be received when the queue's visibility timeout is over.

        Raises
        ------
        ClientError, BotoCoreError
            The queue can't be reached. Events whose messages were not deleted are published again next time.
        """
        result = Resent()
        while goes_on() and (messages := self.queue.take()):
            for message in messages:
                if goes_on() and self._is_done(message, result):
                    self.queue.remove(message)
                else:
                    result.left += 1
        return result

    def _is_done(self, message: Message, result: Resent) -> bool:
        try:
            if "DDBStreamBatchInfo" in message.body:
                return self._is_part_published(message.body["DDBStreamBatchInfo"], result)
            return self._is_event_published(message.body, result)
        except (BotoCoreError, ClientError, KeyError, TypeError, ValueError):
            logger.exception("a message stays in the queue", extra={"unpublished": message.body})
            return False

    def _is_event_published(self, body: Mapping[str, Any], result: Resent) -> bool:
        """Publish one event as its item is now."""
        item = read_item(self.tickets, self.table, body["key"])
        if item is None:  # its ticket was purged meanwhile
            result.gone += 1
            return True
        change = {"Keys": body["key"], "SequenceNumber": body["sequenceNumber"], "NewImage": item}
        published = self.publisher.publish([{"dynamodb": change}])
        result.published += published.events
        return not published.dead and not published.again

    def _is_part_published(self, part: Mapping[str, Any], result: Resent) -> bool:
        """Publish the events of a part of the stream, as long as it is there (24 hours); dead ones get own messages."""
        published = self.publisher.publish(self._records(part))
        result.published += published.events
        for dead in published.dead:
            self.queue.put(dead)
        return not published.again

    def _records(self, part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Yield the events among the records from the first of the part to its last.

        Raises
        ------
        ClientError
            TrimmedDataAccessException where the stream does not have them any more.
        """
        iterator: str | None = self.streams.get_shard_iterator(
            StreamArn=part["streamArn"],
            ShardId=part["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=part["startSequenceNumber"],
        )["ShardIterator"]
        last = int(part["endSequenceNumber"])
        while iterator:
            answer = self.streams.get_records(ShardIterator=iterator)
            for record in answer["Records"]:
                if int(record["dynamodb"]["SequenceNumber"]) > last:
                    return
                if record["eventName"] == "INSERT" and is_event_key(record["dynamodb"]["Keys"]):
                    yield record
                if int(record["dynamodb"]["SequenceNumber"]) == last:
                    return
            iterator = answer.get("NextShardIterator")
