"""The budgets of emails: one person's many wait, each once, and nobody else's with them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.conftest import Clock
from tests.unit.mail.support import Ses, commented, deliver, happened, moved, put_comment, put_recipient
from tests.unit.support import ADMIN_ID, AGENT, NOTIFICATIONS_TABLE, STRANGER, data_of
from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.aws import clients
from ticketing.ids import derived_id
from ticketing.mail.budget import Budgets
from ticketing.tickets.events import SYSTEM_ID, Actor, TicketEvent

pytestmark = pytest.mark.usefixtures("recipients", "small")

PERSON, TENANT = 1, 3
"""Emails a minute: 5 and 15 at once."""
MENTIONED = [Caller(derived_id(f"person {number}"), "acme", Role.AGENT) for number in range(4)]
ASSIGNED = happened("assigned", changes={"assignedToId": (None, ADMIN_ID)})
ANOTHER = Actor(id=derived_id("another"), role=Role.AGENT)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, dynamodb: DynamoDBClient) -> None:
    monkeypatch.setenv("PERSON_MAILS_PER_MINUTE", str(PERSON))
    monkeypatch.setenv("TENANT_MAILS_PER_MINUTE", str(TENANT))
    for place, person in enumerate(MENTIONED):
        put_recipient(dynamodb, person, email=f"person{place}@acme.example")
    put_recipient(dynamodb, STRANGER)
    put_comment(dynamodb)


@dataclass
class Queue:
    """The queue of mailEvents: what was sent to it, and when it is to come."""

    time: Clock
    asked: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[tuple[Any, str]] = field(default_factory=list)

    def send(self, **asked: Any) -> None:
        self.asked.append(asked)
        self.waiting.append((clock.now() + timedelta(seconds=asked["DelaySeconds"]), asked["MessageBody"]))

    def work(self, minutes: float) -> None:
        """Let messages come when their delay is over, for so long."""
        end = clock.now() + timedelta(minutes=minutes)
        while self.waiting and (first := min(self.waiting))[0] <= end:
            self.waiting.remove(first)
            self.time.set(max(clock.now(), first[0]))
            assert deliver(first[1]) == []
        self.time.set(end)


@pytest.fixture
def queue(time: Clock, monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = Queue(time)
    monkeypatch.setattr(clients.sqs(), "send_message", queue.send)
    return queue


def flood(number: int, **values: Any) -> list[TicketEvent]:
    """Return the events of so many comments, each of which causes five emails: four mentions and a watcher."""
    mentions = [person.user_id for person in MENTIONED]
    return [commented(f"{values} {place}", mentions=mentions, **values) for place in range(number)]


def test_one_persons_many_wait_and_nobody_elses(ses: Ses, queue: Queue) -> None:
    """Of 60 emails, those of two comments go out at once: the second begins before the budget is used up."""
    for event in flood(12):
        assert deliver(event) == []
    assert ses.asked == 10
    colleague = happened("colleague", changes={"assignedToId": (None, ADMIN_ID)}, actor=ANOTHER)
    stranger = happened(
        "stranger", changes={"assignedToId": (None, STRANGER.user_id)}, ticket={"tenant_id": STRANGER.tenant_id}
    )
    assert deliver(colleague, stranger) == []
    assert ses.asked == 12, "neither waits for them"

    assert all(0 < asked["DelaySeconds"] <= 900 and asked["MessageGroupId"] == "acme" for asked in queue.asked)
    for _ in range(5):
        before = ses.asked
        queue.work(minutes=10)
        assert abs(ses.asked - before - 10 * PERSON) <= 5, "as many as the budget has, give or take a comment"
    assert ses.asked == 62
    assert len({(mail.to, mail.subject, mail.text) for mail in ses.mails}) == 7
    assert queue.waiting == []


def test_many_people_together_have_the_tenants_budget(ses: Ses, queue: Queue) -> None:
    for number in range(6):
        for event in flood(1, actor=Actor(id=derived_id(f"actor {number}"), role=Role.AGENT)):
            assert deliver(event) == []
    assert ses.asked == 20, "four of them, as the fourth came before the budget was used up"
    queue.work(minutes=1)
    assert ses.asked == 20
    queue.work(minutes=9)
    assert ses.asked == 30


def test_a_message_that_comes_twice_is_one_mail_each(ses: Ses, queue: Queue) -> None:
    for event in flood(4):
        deliver(event)
        deliver(event)
    bodies = [body for _, body in queue.waiting]
    queue.work(minutes=120)
    for body in bodies:
        deliver(body)
    assert len({(mail.to, mail.tags["user"]) for mail in ses.mails}) == 5
    assert ses.asked == 4 * 5


def test_many_emails_of_one_event_are_sent_in_parts(dynamodb: DynamoDBClient, ses: Ses, queue: Queue) -> None:
    """Others' emails come between them; a part that comes twice, or is concerned with somebody who left, is no harm."""
    crowd = [Caller(derived_id(f"one of many {number}"), "acme", Role.AGENT) for number in range(12)]
    for person in crowd:
        put_recipient(dynamodb, person)
    event = commented("crowd", mentions=[person.user_id for person in crowd])  # and a watcher
    assert deliver(event) == []
    assert (ses.asked, len(queue.waiting)) == (0, 3)
    parts = [body for _, body in queue.waiting]
    assert deliver(parts[0]) == []
    assert ses.asked == 5
    put_recipient(dynamodb, crowd[-1], active=False)
    assert deliver(*parts) == []
    assert (ses.asked, len(queue.waiting)) == (12, 3)
    assert len({mail.tags["user"] for mail in ses.mails}) == 12
    assert deliver(event) == []
    queue.work(minutes=60)
    assert ses.asked == 12


def test_what_the_system_does_is_nobodys_budget(ses: Ses, queue: Queue) -> None:
    for number in range(10):
        event = moved("OPEN", "RESOLVED", f"{number}", actor=Actor(id=SYSTEM_ID, role=Role.SYSTEM))
        assert deliver(event) == []
    assert (ses.asked, queue.asked) == (10, [])


def test_what_nobody_would_want_any_more_is_left_out_and_counted(
    dynamodb: DynamoDBClient, ses: Ses, queue: Queue, written: Callable[[], str]
) -> None:
    budgets = Budgets(data_of(dynamodb, "acme"))
    assert budgets.take(PERSON * 60 * 25, PERSON, clock.now(), person=AGENT.user_id)
    assert deliver(ASSIGNED) == []
    assert (ses.asked, queue.asked) == (0, [])
    assert '"reason":"over_budget","MailsSkipped":[1.0]' in written()
    queue.time.forward(hours=2)
    assert deliver(ASSIGNED) == []
    assert len(queue.asked) == 1, "nothing was taken from the budget for what was left out"


def test_it_waits_as_long_as_it_takes_and_reads_nothing_meanwhile(ses: Ses, queue: Queue) -> None:
    deliver(*flood(10))
    assert ses.asked == 10
    last = json.loads(queue.waiting[-1][1])
    assert last["mail"]["paid"] == "person"
    queue.time.forward(minutes=15)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clients.dynamodb(), "query", None)
        patched.setattr(clients.dynamodb(), "update_item", None)
        deliver(json.dumps(last))
    assert json.loads(queue.asked[-1]["MessageBody"]) == last


@pytest.mark.parametrize(("service", "failing"), [*(("dynamodb", place) for place in range(1, 9)), ("sqs", 1)])
def test_whatever_call_fails_each_is_mailed_once(
    ses: Ses, queue: Queue, monkeypatch: pytest.MonkeyPatch, service: str, failing: int
) -> None:
    calls = 0

    def fail(**_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise EndpointConnectionError(endpoint_url="https://aws.example")

    for event in flood(2):
        deliver(event)
    event = flood(3)[-1]

    def send(**asked: Any) -> None:
        fail()
        queue.send(**asked)

    if service == "dynamodb":
        clients.dynamodb().meta.events.register("before-call.dynamodb", fail)
    else:
        monkeypatch.setattr(clients.sqs(), "send_message", send)
    if deliver(event) == ["0"]:
        assert deliver(event) == []
    for _ in range(20):
        while queue.waiting:
            due, body = min(queue.waiting)
            queue.waiting.remove((due, body))
            queue.time.set(max(clock.now(), due))
            if deliver(body) == ["0"]:
                queue.waiting.append((clock.now() + timedelta(minutes=6), body))
    assert ses.asked == 15


def test_an_answer_that_is_lost_costs_the_budget_and_no_mail(
    dynamodb: DynamoDBClient, ses: Ses, monkeypatch: pytest.MonkeyPatch
) -> None:
    update, lost = dynamodb.update_item, iter([True])

    def update_item(**asked: Any) -> Any:
        answer = update(**asked)
        if next(lost, False):
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        return answer

    monkeypatch.setattr(dynamodb, "update_item", update_item)
    assert deliver(ASSIGNED) == ["0"]
    assert deliver(ASSIGNED) == []
    assert ses.asked == 1


@pytest.mark.usefixtures("ses")
def test_budgets_expire(dynamodb: DynamoDBClient) -> None:
    deliver(ASSIGNED)
    items = dynamodb.scan(TableName=NOTIFICATIONS_TABLE)["Items"]
    budgets = {item["SK"]["S"]: item for item in items if item["SK"]["S"].startswith("BUDGET")}
    assert budgets.keys() == {"BUDGET", f"BUDGET#{AGENT.user_id}"}
    for item in budgets.values():
        assert item["PK"] == {"S": "TENANT#acme#MAIL"}
        assert int(item["expiresAt"]["N"]) == int((clock.now() + timedelta(days=2)).timestamp())
