"""The frame of consumers: what is retried, what is logged and counted, and that one record holds up no other."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.unit.events.support import event
from tests.unit.support import Context
from ticketing.errors import ConflictError, ServiceUnavailableError
from ticketing.events.consumer import TICKET_EVENTS, Record, Source, Work, consumer, gathering, job
from ticketing.events.errors import BeingDoneError, RetryError
from ticketing.tickets.events import TicketEvent

type Log = Callable[[], list[dict[str, Any]]]

EVENT = event()
SECRET = "my-secret"


def message(name: str, of: TicketEvent | str = EVENT) -> dict[str, str]:
    """Return a message as SQS brings it: an event as EventBridge puts it there, or any text."""
    text = of if isinstance(of, str) else json.dumps({"detail": of.model_dump(mode="json", by_alias=True)})
    return {"messageId": name, "body": text}


def throttled() -> ClientError:
    return failure("ThrottlingException")


def failure(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": SECRET}}, "PutItem")


def cancelled(reason: str) -> ClientError:
    error = failure("TransactionCanceledException")
    error.response["CancellationReasons"] = [{"Code": "None"}, {"Code": reason}]
    return error


def consume(*records: Mapping[str, Any], outcomes: Mapping[str, Exception] | None = None) -> list[str]:
    """Let a consumer whose work on some records fails work on a batch; return which have to come again."""
    names = iter(each["messageId"] for each in records if SECRET not in each["body"])

    @consumer("toy", TICKET_EVENTS)
    def handler(_event: TicketEvent, work: Work) -> None:
        name = next(names)
        work.log(seen=name)
        if error := (outcomes or {}).get(name):
            raise error

    answer = handler({"Records": list(records)}, Context())
    assert answer.keys() == {"batchItemFailures"}
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def counted(capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, ...], dict[str, float]]:
    """Return the metrics that were written, by the values of their dimensions beside the service."""
    found = {}
    for entry in (json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line):
        (directive,) = entry["_aws"]["CloudWatchMetrics"]
        (dimensions,) = directive["Dimensions"]
        values = tuple(entry[name] for name in sorted(dimensions) if name != "service")
        assert values not in found, "one entry for each set of dimensions"
        found[values] = {each["Name"]: sum(entry[each["Name"]]) for each in directive["Metrics"]}
    return found


RETRIED = [
    pytest.param(RetryError(), "RetryError", id="not done yet"),
    pytest.param(BeingDoneError(), "BeingDoneError", id="another is at it"),
    pytest.param(ServiceUnavailableError(SECRET), "ServiceUnavailableError", id="busy"),
    pytest.param(failure("ThrottlingException"), "ThrottlingException", id="throttled"),
    pytest.param(cancelled("TransactionConflict"), "TransactionCanceledException", id="two at once"),
    pytest.param(ReadTimeoutError(endpoint_url="x"), "ReadTimeoutError", id="no answer"),
]
FAILED = [
    pytest.param(KeyError("x"), "KeyError", id="a bug"),
    pytest.param(failure("AccessDeniedException"), "AccessDeniedException", id="not allowed"),
    pytest.param(cancelled("ConditionalCheckFailed"), "TransactionCanceledException", id="a condition"),
    pytest.param(ConflictError("x"), "ConflictError", id="an error of the contract"),
]


def test_one_line_per_event_tells_what_was_done(log: Log) -> None:
    assert consume(message("a")) == []
    (line,) = log()
    assert isinstance(line.pop("ms"), float)
    assert {name: line[name] for name in line if name not in {"location", "timestamp", "xray_trace_id"}} == {
        "level": "INFO",
        "service": "service_undefined",  # the template names it
        "message": "toy",
        "functionRequestId": "c7b1a7de-lambda",
        "record": "a",
        "tenantId": EVENT.tenant_id,
        "eventId": EVENT.id,
        "eventType": EVENT.type,
        "seen": "a",
        "outcome": "done",
    }


@pytest.mark.parametrize(("error", "cause"), RETRIED)
def test_what_passes_is_retried_without_a_traceback(log: Log, error: Exception, cause: str) -> None:
    assert consume(message("a"), outcomes={"a": error}) == ["a"]
    (line,) = log()
    assert (line["level"], line["outcome"], line["cause"]) == ("INFO", "retry", cause)
    assert "exception" not in line
    assert SECRET not in json.dumps(line)


@pytest.mark.parametrize(("error", "cause"), FAILED)
def test_all_else_is_retried_with_a_traceback(log: Log, error: Exception, cause: str) -> None:
    assert consume(message("a"), outcomes={"a": error}) == ["a"]
    (line,) = log()
    assert (line["level"], line["outcome"], line["cause"]) == ("ERROR", "failed", cause)
    assert line["eventId"] == EVENT.id
    assert "Traceback" in line["exception"]


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f'{{"detail": {{"id": "{SECRET}"}}}}',
        f'["{SECRET}"]',
        f'"{SECRET}"',
        pytest.param(f'["{SECRET}", ' + "[" * 100_000, id="deep"),
    ],
)
def test_poison_is_reported_and_logged_once_without_its_content(log: Log, text: str) -> None:
    assert consume(message("a", text)) == ["a"]
    (line,) = log()
    assert (line["level"], line["outcome"], line["record"]) == ("ERROR", "poison", "a")
    assert SECRET not in json.dumps(line)


def test_one_record_holds_up_no_other(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    batch = [message("a"), message("b"), message("c", SECRET), message("d"), message("e"), message("f")]
    outcomes = {"b": KeyError("x"), "e": RetryError()}
    assert consume(*batch, outcomes=outcomes) == ["b", "c", "e"]
    assert [line["outcome"] for line in log()] == ["done", "failed", "poison", "done", "retry", "done"]
    assert counted(capsys) == {
        ("toy", "done"): {"Consumed": 3},
        ("toy", "failed"): {"Consumed": 1},
        ("toy", "poison"): {"Consumed": 1},
        ("toy", "retry"): {"Consumed": 1},
    }


def test_a_record_of_a_stream_is_known_by_its_place(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    def read(record: Record) -> str | None:
        return None if record["eventName"] == "INSERT" else record["eventName"]

    @consumer("toy", Source(read, lambda name: {"change": name}))
    def handler(_name: str, _work: Work) -> None:
        raise RetryError

    names = ("INSERT", "REMOVE", "INSERT")
    records = [{"eventName": name, "dynamodb": {"SequenceNumber": str(n)}} for n, name in enumerate(names)]
    assert handler({"Records": records}, Context()) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert [(line["record"], line["change"]) for line in log()] == [("1", "REMOVE")]
    assert counted(capsys) == {("toy", "retry"): {"Consumed": 1}}, "what is not for it is not counted"


def test_the_work_is_counted_too_whatever_its_outcome(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    @consumer("toy", TICKET_EVENTS)
    def handler(_event: TicketEvent, work: Work) -> None:
        work.count("Things", 2)
        work.count("Kinds", reason="x")
        work.count("Nothing", 0)
        assert work.milliseconds_left == 60_000
        raise KeyError

    handler({"Records": [message("a"), message("b")]}, Context())
    assert len(log()) == 2
    assert counted(capsys) == {
        (): {"Things": 4, "Nothing": 0},
        ("x",): {"Kinds": 2},
        ("toy", "failed"): {"Consumed": 2},
    }


def test_a_job_has_a_line_and_a_metric_and_an_answer(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    @job("toy")
    def handler(event: dict[str, Any], work: Work) -> dict[str, int]:
        work.log(step=event["step"])
        return {"done": 7}

    assert handler({"step": "users"}, Context()) == {"done": 7}
    (line,) = log()
    assert (line["message"], line["level"], line["outcome"], line["step"]) == ("toy", "INFO", "done", "users")
    assert counted(capsys) == {("toy", "done"): {"Jobs": 1}}


def test_a_job_that_fails_says_so_and_fails(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    @job("toy")
    def handler(_event: dict[str, Any], work: Work) -> None:
        work.log(step="users")
        raise throttled()

    with pytest.raises(ClientError):
        handler({}, Context())
    (line,) = log()
    assert (line["level"], line["outcome"], line["step"]) == ("ERROR", "failed", "users")
    assert line["cause"] == "ThrottlingException"
    assert counted(capsys) == {("toy", "failed"): {"Jobs": 1}}


# --- work that several events share -----------------------------------------------------------------------------------


def in_group(name: str, group: str | None, text: str = "1") -> dict[str, Any]:
    """Return a message of a group, of the group's own fair or FIFO queue; None: of one that lost it."""
    return {"messageId": name, "body": text, "attributes": {} if group is None else {"MessageGroupId": group}}


def gather(*records: Mapping[str, Any], fails: Sequence[str] = ()) -> tuple[list[list[str]], list[str]]:
    """Let a consumer work on groups, some in vain, by their first records; return what it got, and what retries."""
    got: list[list[str]] = []

    def read(record: Record) -> str | None:
        return str(record["messageId"]) if json.loads(record["body"]) else None

    @gathering("toy", Source(read, lambda name: {"tenantId": "acme", "eventId": name}))
    def handler(names: Sequence[str], work: Work) -> None:
        got.append(list(names))
        work.log(seen=len(names))
        work.measure("Size", len(names), MetricUnit.Count)
        if names[0] in fails:
            raise RetryError

    answer = handler({"Records": list(records)}, Context())
    return got, [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_events_of_a_group_are_worked_on_together(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    batch = [in_group("a", "x"), in_group("b", "y"), in_group("c", "x"), in_group("d", None), in_group("e", None)]
    assert gather(*batch) == ([["a", "c"], ["b"], ["d"], ["e"]], [])
    lines = log()
    assert [(line["record"], line["records"], line["seen"]) for line in lines] == [
        ("a", 2, 2),
        ("b", 1, 1),
        ("d", 1, 1),
        ("e", 1, 1),
    ]
    assert {line["tenantId"] for line in lines} == {"acme"}
    assert ["eventId" in line for line in lines] == [False, True, True, True], "what they do not share is not logged"
    assert counted(capsys) == {(): {"Size": 5}, ("toy", "done"): {"Consumed": 5}}


def test_a_group_fails_as_a_whole_and_alone(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    batch = [in_group("a", "x"), in_group("b", "y"), in_group("c", "x")]
    assert gather(*batch, fails=["a"]) == ([["a", "c"], ["b"]], ["a", "c"])
    assert [line["outcome"] for line in log()] == ["retry", "done"]
    assert counted(capsys)["toy", "retry"] == {"Consumed": 2}


def test_poison_holds_up_what_is_behind_it_in_its_group(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    batch = [in_group("a", "x"), in_group("b", "x", SECRET), in_group("c", "x"), in_group("d", "y", SECRET)]
    assert gather(*batch) == ([["a"]], ["b", "c", "d"])
    assert [(line["record"], line["outcome"]) for line in log()] == [("b", "poison"), ("a", "done"), ("d", "poison")]
    assert SECRET not in json.dumps(log())
    assert counted(capsys)["toy", "poison"] == {"Consumed": 2}
    assert gather(*batch, fails=["a"]) == ([["a"]], ["a", "b", "c", "d"])


def test_what_is_not_for_a_gathering_consumer_is_done_with(log: Log) -> None:
    assert gather(in_group("a", "x", "0"), in_group("b", "x"), in_group("c", "y", "0")) == ([["b"]], [])
    assert len(log()) == 1
