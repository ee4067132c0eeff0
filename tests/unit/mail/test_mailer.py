"""mailEvents: one mail per event and person at most, whatever fails and however often an event comes."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.stub import Stubber
from mypy_boto3_dynamodb import DynamoDBClient

from functions.mail import mail_events
from tests.unit.conftest import Clock
from tests.unit.mail.support import (
    Ses,
    commented,
    deliver,
    happened,
    moved,
    put_choice,
    put_comment,
    put_recipient,
    queued,
)
from tests.unit.support import ADMIN, ADMIN_ID, AGENT, NOTIFICATIONS_TABLE, OTHER_ID, OTHER_REPORTER, REPORTER, Context
from ticketing.aws import clients
from ticketing.tickets.kinds import EventType, Visibility

pytestmark = pytest.mark.usefixtures("recipients")

URL = "https://email.us-east-1.amazonaws.com"
RESOLVED = moved("OPEN", "RESOLVED")
"""What mails one person, the reporter."""
ASSIGNED = happened("assigned", changes={"assignedToId": (None, ADMIN_ID)})


@pytest.fixture
def metrics(capsys: pytest.CaptureFixture[str]) -> Callable[[], dict[str, float]]:
    """Return a look at the metrics of mails since the last one, as CloudWatch sums them up, without those of zero."""

    def read() -> dict[str, float]:
        sums: dict[str, float] = {}
        for line in capsys.readouterr().out.splitlines():
            entry = json.loads(line)
            for directive in entry.get("_aws", {}).get("CloudWatchMetrics", ()):
                for name in (metric["Name"] for metric in directive["Metrics"]):
                    label = f"{name}, {entry['reason']}" if "reason" in entry else name
                    value = entry[name]
                    sums[label] = sums.get(label, 0) + (sum(value) if isinstance(value, list) else value)
        return {name: value for name, value in sums.items() if value and name.startswith("Mails")}

    return read


def test_watchers_and_those_mentioned_are_mailed_once_each(dynamodb: DynamoDBClient, ses: Ses) -> None:
    put_comment(dynamodb)
    put_recipient(dynamodb, OTHER_REPORTER, role="agent")
    put_choice(dynamodb, OTHER_REPORTER, watching=True)
    put_choice(dynamodb, ADMIN, watching=True)
    put_choice(dynamodb, AGENT, watching=True)  # whose comment it is
    assert deliver(commented(mentions=[OTHER_ID])) == []
    assert ses.addressees == ["1111 commented", "2222 mentioned", "4444 commented"]


def test_who_chose_not_to_watch_is_left_alone(dynamodb: DynamoDBClient, ses: Ses) -> None:
    put_choice(dynamodb, REPORTER, watching=False)
    assert deliver(RESOLVED, ASSIGNED) == []
    assert ses.addressees == ["4444 assigned"]


def test_an_internal_comment_reaches_agents_and_admins_alone(dynamodb: DynamoDBClient, ses: Ses) -> None:
    put_comment(dynamodb, visibility=Visibility.INTERNAL)
    put_choice(dynamodb, ADMIN, watching=True)
    put_choice(dynamodb, OTHER_REPORTER, watching=True)
    assert deliver(commented(visibility=Visibility.INTERNAL, mentions=[OTHER_ID, REPORTER.user_id])) == []
    assert ses.addressees == ["4444 commented"]


def test_a_comment_that_is_gone_is_not_mailed(ses: Ses, metrics: Callable[[], dict[str, float]]) -> None:
    assert deliver(commented()) == []
    assert ses.asked == 0
    assert metrics() == {"MailsSkipped, comment_gone": 1}


def test_what_is_mailed_of_an_edited_comment_is_how_it_is_now(dynamodb: DynamoDBClient, ses: Ses) -> None:
    put_comment(dynamodb, body="As edited.")
    deliver(commented())
    assert "As edited." in ses.mails[0].text


def test_people_of_other_tenants_are_not_there(dynamodb: DynamoDBClient, ses: Ses) -> None:
    put_comment(dynamodb)
    stranger = "55555555-5555-4555-8555-555555555555"
    assert deliver(commented(mentions=[stranger]), happened("x", changes={"assignedToId": (None, stranger)})) == []
    assert ses.addressees == ["1111 commented"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"active": False}, "nobody"),
        ({"email": None}, "nobody"),
        ({"kind": "API_KEY"}, "nobody"),
        ({"notifications": {"mail": False}}, "mail_off"),
        ({"notifications": {"resolved": False}}, "unwanted"),
    ],
)
def test_who_gets_no_mail_is_counted(
    dynamodb: DynamoDBClient, ses: Ses, metrics: Callable[[], dict[str, float]], values: dict[str, Any], reason: str
) -> None:
    put_recipient(dynamodb, REPORTER, **values)
    assert deliver(RESOLVED) == []
    assert ses.asked == 0
    assert metrics() == {f"MailsSkipped, {reason}": 1}


def test_what_happened_long_ago_is_not_mailed(time: Clock, ses: Ses, metrics: Callable[[], dict[str, float]]) -> None:
    time.forward(hours=24, seconds=1)
    assert deliver(RESOLVED) == []
    assert ses.asked == 0
    assert metrics() == {"MailsSkipped, too_old": 1}


def test_events_that_concern_nobody_cost_nothing(dynamodb: DynamoDBClient, ses: Ses) -> None:
    with Stubber(dynamodb):  # any request would fail
        assert (
            deliver(happened("x", EventType.TICKET_CREATED), moved("NEW", "OPEN"), moved("OPEN", "CLOSED", "y")) == []
        )
    assert ses.asked == 0


def test_delivered_twice_and_shuffled_is_one_mail(dynamodb: DynamoDBClient, ses: Ses) -> None:
    put_comment(dynamodb)
    put_choice(dynamodb, ADMIN, watching=True)
    events = [moved("OPEN", "RESOLVED", f"resolved {number}") for number in range(10)]
    events += [commented(f"commented {number}") for number in range(10)]
    twice = [*events, *events]
    random.Random(4).shuffle(twice)  # noqa: S311 - the same order each time
    for place in range(0, len(twice), 7):
        assert deliver(*twice[place : place + 7]) == []
    expected = sorted([f"{who} {what}" for who in ("1111", "4444") for what in ("resolved", "commented")] * 10)
    assert ses.addressees == expected
    assert ses.asked == len(expected)


NOT_SENT = [
    pytest.param((400, "TooManyRequestsException"), id="throttled"),
    pytest.param((400, "LimitExceededException"), id="over the quota"),
    pytest.param((400, "SendingPausedException"), id="paused"),
    pytest.param((404, "NotFoundException"), id="no such template"),
    pytest.param((403, "AccessDeniedException"), id="forbidden"),
    pytest.param((500, "InternalServiceErrorException"), id="ill"),
    pytest.param((503, "ServiceUnavailable"), id="unavailable"),
    pytest.param(ConnectTimeoutError(endpoint_url=URL), id="connection timed out"),
    pytest.param(EndpointConnectionError(endpoint_url=URL), id="no connection"),
]
UNKNOWN = [
    pytest.param(ReadTimeoutError(endpoint_url=URL), id="no answer"),
    pytest.param(ConnectionClosedError(endpoint_url=URL), id="connection lost"),
]


@pytest.mark.parametrize("end", NOT_SENT)
def test_what_was_not_sent_is_tried_again(
    ses: Ses, metrics: Callable[[], dict[str, float]], end: tuple[int, str] | Exception
) -> None:
    ses.script = [end, end]
    assert deliver(RESOLVED) == []
    assert (ses.asked, ses.addressees) == (3, ["1111 resolved"])
    assert metrics() == {"MailsSent": 1}


@pytest.mark.parametrize("end", NOT_SENT)
def test_what_could_not_be_sent_comes_again(ses: Ses, end: tuple[int, str] | Exception) -> None:
    ses.script = [end] * 3
    assert deliver(RESOLVED, ASSIGNED) == ["0"]
    assert ses.addressees == ["4444 assigned"]
    assert deliver(RESOLVED, ASSIGNED) == []
    assert deliver(RESOLVED) == []
    assert ses.addressees == ["1111 resolved", "4444 assigned"]


@pytest.mark.parametrize("end", UNKNOWN)
def test_an_unknown_outcome_counts_as_sent(ses: Ses, metrics: Callable[[], dict[str, float]], end: Exception) -> None:
    ses.script = [end]
    assert deliver(RESOLVED) == []
    assert metrics() == {"MailsUnknown": 1}
    assert deliver(RESOLVED) == []
    assert ses.asked == 1


@pytest.mark.parametrize("code", ["MessageRejected", "BadRequestException"])
def test_a_refusal_for_good_holds_up_nobody_else(
    dynamodb: DynamoDBClient, ses: Ses, metrics: Callable[[], dict[str, float]], code: str
) -> None:
    put_choice(dynamodb, ADMIN, watching=True)
    ses.script = [(400, code)]
    assert deliver(RESOLVED) == []
    assert (ses.asked, len(ses.taken)) == (2, 1)
    assert metrics() == {"MailsSent": 1, "MailsFailed": 1}
    assert deliver(RESOLVED) == []
    assert ses.asked == 2


def test_who_was_mailed_before_the_failure_is_not_mailed_again(dynamodb: DynamoDBClient, ses: Ses) -> None:
    put_choice(dynamodb, ADMIN, watching=True)
    ses.script = [None, *[(400, "TooManyRequestsException")] * 3]
    assert deliver(RESOLVED) == ["0"]
    assert deliver(RESOLVED) == []
    assert ses.addressees == ["1111 resolved", "4444 resolved"]


def test_a_failing_table_lets_the_event_come_again(
    dynamodb: DynamoDBClient, ses: Ses, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = iter([False, False, True])  # the budgets, and the link
    update = dynamodb.update_item

    def update_item(**request: Any) -> Any:
        if next(failing, False):
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        return update(**request)

    monkeypatch.setattr(dynamodb, "update_item", update_item)
    assert deliver(RESOLVED) == ["0"]  # between the claim and the mail
    assert ses.asked == 0
    assert deliver(RESOLVED) == []
    assert ses.addressees == ["1111 resolved"]


def test_without_time_for_another_mail_the_rest_comes_again(dynamodb: DynamoDBClient, ses: Ses) -> None:
    assert deliver(RESOLVED, ASSIGNED, left=15_000) == ["0", "1"]
    assert ses.asked == 0
    assert not [each for each in dynamodb.scan(TableName=NOTIFICATIONS_TABLE)["Items"] if "#ONCE" in each["PK"]["S"]]
    assert deliver(RESOLVED, ASSIGNED) == []


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"detail": {"id": "x"}}', '{"detail": null}', "null"])
def test_what_is_no_event_comes_again_alone(ses: Ses, body: str) -> None:
    assert deliver(RESOLVED, body, ASSIGNED) == ["1"]
    assert ses.addressees == ["1111 resolved", "4444 assigned"]


def test_connections_of_before_a_freeze_are_not_used(ses: Ses, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(clients.ses(), "close", lambda: done.append("closed"))
    mail_events.handler(queued(RESOLVED), Context())
    assert (done, len(ses.taken)) == (["closed"], 1)


def test_what_ses_is_sent(ses: Ses) -> None:
    """Botocore has held it against SES's own model before."""
    deliver(RESOLVED)
    (request,) = ses.taken
    assert request["FromEmailAddress"] == "desk@example.com"
    assert request["ConfigurationSetName"] == "tickets"
    assert request["Content"]["Template"]["TemplateName"] == "tickets-resolved"


def test_no_token_is_logged(dynamodb: DynamoDBClient, ses: Ses, written: Callable[[], str]) -> None:
    put_choice(dynamodb, ADMIN, watching=True)
    ses.script = [(400, "MessageRejected"), ReadTimeoutError(endpoint_url=URL)]
    deliver(RESOLVED)
    deliver(happened("another", changes={"assignedToId": (None, ADMIN_ID)}))
    secrets = [
        item["secret"]["S"] for item in dynamodb.scan(TableName=NOTIFICATIONS_TABLE)["Items"] if "secret" in item
    ]
    assert len(secrets) == 2
    text = written()
    assert "nobody knows whether an email was sent" in text
    assert not [secret for secret in secrets if secret in text]
