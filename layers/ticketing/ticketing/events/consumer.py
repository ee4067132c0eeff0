"""The frame around every consumer: from a batch to one event, from an exception to a retry.

    @consumer("dispatchWebhooks", TICKET_EVENTS)
    def handler(event: TicketEvent, work: Work) -> None:
        work.log(deliveries=dispatch(event))

A handler does its work on one event. The frame reads the event from its record, logs one line, counts one metric
(`Consumed`), and answers which records are to be retried (Lambda's partial batch response). A record that fails does
not hold up the others of its batch.

| outcome | when | logged as | then |
|---|---|---|---|
| `done` | the handler returns | INFO | the record is done with |
| `retry` | RetryError, ServiceUnavailableError, or AWS throttles, fails or does not answer | INFO | retried |
| `failed` | any other exception | ERROR with traceback | retried |
| `poison` | the record can't be understood | ERROR without its content | retried, which ends in the dead-letter queue |

Retries come from the queue or stream: after the visibility timeout, until the maximum of receives or attempts is
reached. So a poison message ends in the dead-letter queue, from where it can be moved back when the code knows it.

`gathering` is the same for work that several events share, such as one write for all of them: its handler gets the
events of a message group together, and they succeed or fail together. Where one of a group is not done, no later one
is, so a FIFO queue keeps its order.

    @gathering("noteForSearch", TICKET_EVENTS)
    def handler(events: Sequence[TicketEvent], work: Work) -> None:
        order_changes(events)

`job` is the same for a function that is invoked for one piece of work, by a schedule, a rule, a state machine or a
person: exceptions go on to whoever invoked it.
"""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from types import MappingProxyType
from typing import Any, Final

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import MetricUnit

from ticketing.aws.failures import cause_of, is_transient
from ticketing.errors import ServiceUnavailableError
from ticketing.events.errors import RetryError
from ticketing.metrics import Counts
from ticketing.tickets.events import TicketEvent

logger = Logger()

type Record = Mapping[str, Any]
"""One entry of the batch that Lambda hands over: a message of SQS, or a change of a DynamoDB stream."""

type LambdaHandler[R] = Callable[[dict[str, Any], Any], R]

type BatchResponse = dict[str, list[dict[str, str]]]
"""Lambda's partial batch response: the records to retry."""


class Outcome(StrEnum):
    """How the work on one event, or one job, ended."""

    DONE = "done"
    RETRY = "retry"
    FAILED = "failed"
    POISON = "poison"


@dataclass(frozen=True, slots=True)
class Source[T]:
    """How to read the records of a queue or stream.

    `read` returns what a record holds, or None for a record that is not for this consumer; it raises any exception for
    one that it does not understand. It calls nobody. `fields` are what the log shows of it.
    """

    read: Callable[[Record], T | None]
    fields: Callable[[T], Mapping[str, Any]]


class Work:
    """What a handler is given beside its event: the time that is left, and what to log and to count."""

    def __init__(self, context: Any, counts: Counts, fields: Mapping[str, Any] = MappingProxyType({})) -> None:  # noqa: ANN401
        self._context = context
        self._started = time.perf_counter()
        self._fields = {"functionRequestId": context.aws_request_id, **fields}
        self.counts = counts

    @property
    def milliseconds_left(self) -> int:
        """How much is left of the function's timeout."""
        return int(self._context.get_remaining_time_in_millis())

    def log(self, **fields: Any) -> None:  # noqa: ANN401 - any JSON value
        """Add fields to the log line."""
        self._fields |= fields

    def count(self, metric: str, number: int = 1, **dimensions: str) -> None:
        """Count something, with dimensions beside the service."""
        self.counts.add(metric, number, dimensions)

    def measure(self, metric: str, value: int, unit: MetricUnit) -> None:
        """Add a value to a metric whose values are not added up, such as times."""
        self.counts.measure(metric, value, unit)

    def write(self, name: str, outcome: Outcome, failure: Exception | None = None) -> None:
        """Write the log line."""
        milliseconds = round((time.perf_counter() - self._started) * 1000, 2)
        fields = {**self._fields, "outcome": outcome, "ms": milliseconds}
        if outcome in {Outcome.FAILED, Outcome.POISON}:
            logger.error(name, extra=fields, exc_info=failure)
        else:
            logger.info(name, extra=fields)


type Handle[T] = Callable[[T, Work], None]


def consumer[T](name: str, source: Source[T]) -> Callable[[Handle[T]], LambdaHandler[BatchResponse]]:
    """Make a Lambda handler of batches of a function that does the work on one event."""

    def decorate(handle: Handle[T]) -> LambdaHandler[BatchResponse]:
        @wraps(handle)
        def handler(batch: dict[str, Any], context: Any) -> BatchResponse:  # noqa: ANN401 - Lambda's own type
            counts, retries = Counts(), []
            for record in batch["Records"]:
                work = Work(context, counts, {"record": _id_of(record)})
                outcome = _consume(name, source, handle, record, work)
                if outcome is not None:
                    work.count("Consumed", consumer=name, outcome=outcome)
                if outcome not in {None, Outcome.DONE}:
                    retries.append(_id_of(record))
            counts.write()
            return batch_response(retries)

        return handler

    return decorate


def gathering[T](
    name: str, source: Source[T]
) -> Callable[[Callable[[Sequence[T], Work], None]], LambdaHandler[BatchResponse]]:
    """Make a Lambda handler of batches of a function that does the work on all events of a message group at once.

    A group has one log line, with the fields that its events have in common, and the number of its records.
    """

    def decorate(handle: Callable[[Sequence[T], Work], None]) -> LambdaHandler[BatchResponse]:
        @wraps(handle)
        def handler(batch: dict[str, Any], context: Any) -> BatchResponse:  # noqa: ANN401 - Lambda's own type
            counts, retries, groups = Counts(), list[str](), dict[str, list[Record]]()
            for record in batch["Records"]:
                # One that was moved back out of a dead-letter queue may have lost its group.
                group = record["attributes"].get("MessageGroupId") or _id_of(record)
                groups.setdefault(group, []).append(record)
            for records in groups.values():
                done = _gather(name, source, handle, records, lambda: Work(context, counts))
                retries += map(_id_of, records[done:])
            counts.write()
            return batch_response(retries)

        return handler

    return decorate


def job[R](name: str) -> Callable[[Callable[[dict[str, Any], Work], R]], LambdaHandler[R]]:
    """Make a Lambda handler of a function that is invoked for one piece of work.

    It gets one log line and one metric (`Jobs`), too. What it raises goes on to Lambda, which logs the traceback.
    """

    def decorate(do: Callable[[dict[str, Any], Work], R]) -> LambdaHandler[R]:
        @wraps(do)
        def handler(event: dict[str, Any], context: Any) -> R:  # noqa: ANN401 - Lambda's own type
            work = Work(context, Counts())
            outcome = Outcome.FAILED
            try:
                result = do(event, work)
                outcome = Outcome.DONE
            except Exception as error:
                work.log(cause=cause_of(error))
                raise
            finally:
                work.write(name, outcome)
                work.count("Jobs", job=name, outcome=outcome)
                work.counts.write()
            return result

        return handler

    return decorate


def batch_response(retries: Collection[str]) -> BatchResponse:
    """Return the answer by which Lambda retries these records, and no others."""
    return {"batchItemFailures": [{"itemIdentifier": each} for each in retries]}


def _consume[T](name: str, source: Source[T], handle: Handle[T], record: Record, work: Work) -> Outcome | None:
    """Do the work on one record and log it; return None for a record that is not for this consumer."""
    try:
        event = _read(name, source, record, work)
    except _PoisonError:
        return Outcome.POISON
    return None if event is None else _do(name, handle, event, work)


def _gather[T](
    name: str,
    source: Source[T],
    handle: Handle[Sequence[T]],
    records: Sequence[Record],
    new_work: Callable[[], Work],
) -> int:
    """Do the work on the records of a group, up to one that can't be understood; return how many are done with."""
    events, fields, understood = list[T](), list[Mapping[str, Any]](), 0
    for record in records:
        work = new_work()
        work.log(record=_id_of(record))
        try:
            event = _read(name, source, record, work)
        except _PoisonError:
            work.count("Consumed", consumer=name, outcome=Outcome.POISON)
            break
        understood += 1
        if event is not None:
            events.append(event)
            fields.append(source.fields(event))
    if not events:
        return understood
    work = new_work()
    common = {key: value for key, value in fields[0].items() if all(each[key] == value for each in fields)}
    work.log(record=_id_of(records[0]), records=len(events), **common)
    outcome = _do(name, handle, events, work)
    work.count("Consumed", len(events), consumer=name, outcome=outcome)
    return understood if outcome is Outcome.DONE else 0


class _PoisonError(Exception):
    """A record can't be understood, and it is logged."""


def _read[T](name: str, source: Source[T], record: Record, work: Work) -> T | None:
    """Return what a record holds; None for a record that is not for this consumer.

    Raises
    ------
    _PoisonError
        It can't be understood.
    """
    try:
        event = source.read(record)
        if event is not None:
            work.log(**source.fields(event))
    except Exception as error:  # noqa: BLE001 - what no sender of ours made can fail in any way: "[" * 100_000 does
        work.log(cause=type(error).__name__)  # its text, and its traceback, would quote the content
        work.write(name, Outcome.POISON)
        raise _PoisonError from None
    return event


def _do[T](name: str, handle: Handle[T], event: T, work: Work) -> Outcome:
    """Do the work on an event, or on several, and log it."""
    failure = None
    outcome = Outcome.DONE
    try:
        handle(event, work)
    except Exception as error:  # noqa: BLE001 - whatever it is, the others of the batch go on
        outcome = Outcome.RETRY if _passes(error) else Outcome.FAILED
        failure = error
        work.log(cause=cause_of(error.__cause__ or error))
    work.write(name, outcome, failure if outcome is Outcome.FAILED else None)
    return outcome


def _passes(error: Exception) -> bool:
    """Return whether an exception is an expected one, for which a retry is the remedy."""
    return isinstance(error, (RetryError, ServiceUnavailableError)) or is_transient(error)


def _id_of(record: Record) -> str:
    """Return by what Lambda knows a record: a message's id, or a change's place in the stream."""
    return str(record["messageId"] if "messageId" in record else record["dynamodb"]["SequenceNumber"])


def _read_event(message: Record) -> TicketEvent:
    return TicketEvent.model_validate(json.loads(message["body"])["detail"])


def _event_fields(event: TicketEvent) -> Mapping[str, Any]:
    return {"tenantId": event.tenant_id, "eventId": event.id, "eventType": event.type}


TICKET_EVENTS: Final = Source(_read_event, _event_fields)
"""The queue of a rule on the bus: each message holds the event of EventBridge, whose `detail` is a TicketEvent."""
