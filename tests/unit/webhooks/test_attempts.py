"""Attempts at deliveries: when they are made, what follows from what came of them, and what two at once do."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from standardwebhooks import Webhook as Verifier

from functions.webhooks import deliver_webhook
from tests.unit.conftest import Clock
from tests.unit.support import (
    MOMENT,
    MOMENT_TEXT,
    NOTIFICATIONS_TABLE,
    Context,
    a_ticket,
    an_event,
    data_of,
)
from tests.unit.webhooks.conftest import URL, World, a_webhook
from ticketing import clock
from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.attributes import to_item
from ticketing.webhooks import attempts
from ticketing.webhooks.attempts import PATIENCE, PAUSED_AFTER
from ticketing.webhooks.delivery_repository import DeliveryRepository, delivery_key
from ticketing.webhooks.dispatching import new_delivery
from ticketing.webhooks.models import (
    Attempt,
    Delivery,
    DeliveryState,
    Secret,
    Webhook,
)
from ticketing.webhooks.repository import WebhookRepository, webhook_key
from ticketing.webhooks.signatures import new_secret

ID = "00000000-0000-7000-8000-000000000001"
FAILURE = EndpointConnectionError(endpoint_url="https://aws.example")


@dataclass
class Receiver:
    """What the one who is sent something answers: one status after the other, the last one on and on."""

    statuses: list[int | None] = field(default_factory=lambda: [200])
    sent: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Attempt:
        self.sent.append((url, body, headers))
        self.meanwhile()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        error = None if status else "no answer within 10 s"
        return Attempt(
            at=clock.timestamp(clock.now()), ms=7, status=status, error=error, response="..." if status else None
        )


class Scene:
    """A webhook, a delivery to it, and its message in the queue."""

    def __init__(self, world: World, time: Clock) -> None:
        self.world = world
        self.time = time
        self.sent: list[dict[str, Any]] = []
        self.secret = new_secret()
        self.webhooks = WebhookRepository(data_of(world.client, "acme"))
        self.deliveries = DeliveryRepository(data_of(world.client, "acme"), ID)
        webhook = a_webhook(ID)
        self.webhooks.create(webhook, Secret(key=self.secret))
        made = new_delivery(webhook, an_event(a_ticket()))
        self.deliveries.create(made)
        self._id = made.id

    @property
    def webhook(self) -> Webhook:
        found = self.webhooks.get(ID)
        assert found is not None
        return found

    def change(self, **values: Any) -> None:
        before = self.webhook
        self.webhooks.edit(before, before.model_copy(update={"version": before.version + 1, **values}))

    @property
    def delivery(self) -> Delivery:
        found = self.deliveries.get(self._id)
        assert found is not None
        return found

    def come(self, number: int = 1, **values: Any) -> bool:
        """Let the message come, and return whether it, or another one, has to come."""
        body = {"tenant_id": "acme", "webhook_id": ID, "delivery_id": self._id, "round": number, **values}
        before = len(self.sent)
        answer = deliver_webhook.handler({"Records": [{"messageId": "m", "body": json.dumps(body)}]}, Context())
        return bool(answer["batchItemFailures"]) or len(self.sent) > before

    def wait(self) -> None:
        """Let the time pass until the last message that was sent is due."""
        self.time.forward(seconds=json.loads(self.sent[-1]["MessageBody"])["due"] - int(clock.now().timestamp()))


@pytest.fixture(autouse=True)
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    receiver = Receiver()
    monkeypatch.setattr(attempts, "post", receiver.post)
    return receiver


@pytest.fixture
def scene(world: World, time: Clock, monkeypatch: pytest.MonkeyPatch) -> Scene:
    scene = Scene(world, time)
    monkeypatch.setattr(clients.sqs(), "send_message", lambda **asked: scene.sent.append(asked))
    return scene


@pytest.fixture
def waits(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """In how many seconds each message that was sent is due."""
    seconds: list[int] = []

    def send(**asked: Any) -> None:
        scene.sent.append(asked)
        seconds.append(json.loads(asked["MessageBody"])["due"] - int(clock.now().timestamp()))

    monkeypatch.setattr(clients.sqs(), "send_message", send)
    return seconds


# --- One attempt


def test_what_is_taken_is_delivered(scene: Scene, receiver: Receiver, waits: list[int]) -> None:
    assert not scene.come()
    delivery = scene.delivery
    assert (delivery.state, delivery.tries, delivery.next_attempt_at, delivery.lease_until) == (
        "DELIVERED",
        1,
        None,
        None,
    )
    assert [(each.at, each.ms, each.status) for each in delivery.attempts] == [(MOMENT_TEXT, 7, 200)]
    ((url, body, headers),) = receiver.sent
    assert (url, body.decode(), headers["webhook-id"]) == (URL, delivery.body, delivery.id)
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-timestamp"] == str(int(MOMENT.timestamp()))
    assert waits == []
    assert scene.webhook.version == 1


def test_it_is_signed_by_every_secret_that_is_good(scene: Scene, receiver: Receiver, time: Clock) -> None:
    time.set(datetime.now(MOMENT.tzinfo))  # a receiver takes nothing that is old
    old, void = new_secret(), new_secret()
    until = [clock.timestamp(clock.now() + timedelta(hours=hours)) for hours in (1, -1)]
    secrets = [Secret(key=scene.secret), Secret(key=old, until=until[0]), Secret(key=void, until=until[1])]
    before = scene.webhook
    scene.webhooks.edit(before, before.model_copy(update={"version": 2}), secrets)
    assert not scene.come()
    ((_, body, headers),) = receiver.sent
    assert len(headers["webhook-signature"].split()) == 2
    for secret in (scene.secret, old):
        assert Verifier(secret).verify(body, headers)


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_all_else_is_tried_again(scene: Scene, receiver: Receiver, waits: list[int], status: int | None) -> None:
    receiver.statuses = [status]
    assert scene.come()
    assert scene.delivery.state is DeliveryState.PENDING
    assert scene.delivery.next_attempt_at is not None
    assert [4 <= seconds <= 6 for seconds in waits] == [True]
    assert scene.webhook.failing_since == MOMENT_TEXT


def test_it_is_tried_by_the_schedule_and_then_given_up(
    scene: Scene, receiver: Receiver, waits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = [5, 60, 300, 1800, 7200, 18000, 28800, 32400]
    monkeypatch.setenv("WEBHOOK_RETRY_SECONDS", ",".join(map(str, schedule)))
    assert DEPLOYMENT.webhook_retry_seconds == schedule
    receiver.statuses = [500]
    for number, seconds in enumerate(schedule):
        assert scene.come()
        assert scene.delivery.state is DeliveryState.PENDING
        assert len(receiver.sent) == number + 1
        assert seconds * 0.9 <= waits[-1] <= seconds * 1.1 + 1
        scene.time.forward(seconds=waits[-1])
    assert not scene.come()
    assert scene.delivery.state is DeliveryState.FAILED
    assert scene.delivery.next_attempt_at is None
    assert len(receiver.sent) == len(scene.delivery.attempts) == 9
    assert len(waits) == 8
    assert sum(schedule) >= timedelta(days=1).total_seconds()


def test_the_last_attempts_are_remembered(scene: Scene, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_RETRY_SECONDS", ",".join(["1"] * 15))
    monkeypatch.setattr(attempts, "PAUSED_AFTER", 100)
    receiver.statuses = [*range(500, 512), 500]
    for _ in range(12):
        scene.come()
        scene.time.forward(seconds=2)
    assert [each.status for each in scene.delivery.attempts] == list(range(502, 512))
    assert scene.delivery.tries == 12


# --- Messages that come early, late, twice


def test_one_that_comes_twice_is_delivered_once(scene: Scene, receiver: Receiver) -> None:
    assert not scene.come()
    assert not scene.come()
    assert len(receiver.sent) == 1


def test_one_that_comes_early_waits(scene: Scene, receiver: Receiver, waits: list[int]) -> None:
    """As when it could not be kept back the first time, or was in the queue twice."""
    receiver.statuses = [500, 200]
    assert scene.come()
    scene.time.forward(seconds=1)
    assert scene.come()
    assert len(receiver.sent) == 1
    assert waits[1] in {waits[0] - 1, waits[0]}
    scene.time.forward(seconds=waits[1])
    assert not scene.come()


def test_if_the_next_message_can_not_be_sent_this_one_comes_again(
    scene: Scene, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise FAILURE

    receiver.statuses = [500, 200]
    with monkeypatch.context() as patched:
        patched.setattr(clients.sqs(), "send_message", refuse)
        assert scene.come()
    assert scene.delivery.tries == 1
    scene.time.forward(seconds=180)
    assert not scene.come()
    assert scene.delivery.state is DeliveryState.DELIVERED


def test_a_message_that_waits_is_delayed_and_not_in_flight(scene: Scene, receiver: Receiver) -> None:
    """However long it waits: nothing is reported as failed, nothing is hidden, and nothing is read until it is due."""
    due = int(clock.now().timestamp()) + 2000
    for left in (2000, 1100, 200):
        with Stubber(scene.world.client):  # any request would fail
            assert scene.come(due=due)
        asked = scene.sent[-1]
        assert (asked["DelaySeconds"], asked["MessageGroupId"]) == (min(left, 900), "acme")
        assert json.loads(asked["MessageBody"])["due"] == due
        scene.time.forward(seconds=asked["DelaySeconds"])
    assert not scene.come(due=due)
    assert len(receiver.sent) == 1


def test_two_at_once_make_one_attempt(scene: Scene, receiver: Receiver, waits: list[int]) -> None:
    def the_other_comes() -> None:
        receiver.meanwhile = lambda: None
        assert scene.come()

    receiver.meanwhile = the_other_comes
    scene.come()
    assert len(receiver.sent) == 1
    assert waits == [30]
    assert scene.delivery.state is DeliveryState.DELIVERED


def test_two_who_have_read_the_same_make_one_attempt(
    scene: Scene, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = DeliveryRepository.begin

    def after_another(self: DeliveryRepository, *asked: Any) -> Delivery:
        monkeypatch.setattr(DeliveryRepository, "begin", begin)
        assert not scene.come()
        return begin(self, *asked)

    monkeypatch.setattr(DeliveryRepository, "begin", after_another)
    assert scene.come()  # to find out what the other has made of it
    assert not scene.come()
    assert len(receiver.sent) == 1


def test_who_was_cut_off_is_followed_when_the_lease_is_over(scene: Scene, receiver: Receiver, waits: list[int]) -> None:
    def crash() -> None:
        receiver.meanwhile = lambda: None
        raise SystemExit

    receiver.meanwhile = crash
    with pytest.raises(SystemExit):
        scene.come()
    assert scene.come()
    assert waits == [30]
    scene.time.forward(seconds=30.001)
    assert not scene.come()
    ids = [headers["webhook-id"] for _, _, headers in receiver.sent]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_who_comes_back_after_the_lease_does_not_write_over_the_other(scene: Scene, receiver: Receiver) -> None:
    def sleep() -> None:
        receiver.meanwhile = lambda: None
        scene.time.forward(seconds=31)
        receiver.statuses = [200]
        assert not scene.come()
        receiver.statuses = [500]

    receiver.meanwhile = sleep
    assert scene.come()
    assert scene.delivery.state is DeliveryState.DELIVERED
    assert len(scene.delivery.attempts) == 1


def failing_at(scene: Scene, number: int) -> set[int]:
    """Let one of the next requests to DynamoDB fail; return the numbers of those that will, which may be cleared."""
    failures, calls = {number}, count(1)

    def fail(**_: Any) -> None:
        if next(calls) in failures:
            raise FAILURE

    scene.world.client.meta.events.register("before-call.dynamodb", fail)
    return failures


@pytest.mark.parametrize("failing", range(1, 6))
def test_whatever_call_fails_the_delivery_is_made_in_the_end(scene: Scene, receiver: Receiver, failing: int) -> None:
    failures = failing_at(scene, failing)
    assert scene.come()
    failures.clear()
    scene.time.forward(seconds=31)
    assert not scene.come()
    assert scene.delivery.state is DeliveryState.DELIVERED
    assert len(receiver.sent) == (2 if failing == 5 else 1)


# --- What leads nowhere


def test_a_round_that_is_over_is_not_followed(scene: Scene, receiver: Receiver) -> None:
    scene.deliveries.restart(scene.delivery, clock.now())
    assert not scene.come(1)
    assert receiver.sent == []
    assert not scene.come(2)
    assert len(receiver.sent) == 1


def test_nothing_is_sent_to_a_webhook_that_is_switched_off(scene: Scene, receiver: Receiver) -> None:
    scene.change(active=False)
    assert not scene.come()
    assert receiver.sent == []
    assert scene.delivery.state is DeliveryState.FAILED


def test_nothing_is_sent_to_a_webhook_that_is_gone(scene: Scene, receiver: Receiver) -> None:
    scene.webhooks.delete(scene.webhook, clock.now())
    assert not scene.come()
    assert receiver.sent == []


@pytest.mark.parametrize("gone", [False, True])
def test_nothing_is_sent_for_a_tenant_that_goes(scene: Scene, receiver: Receiver, *, gone: bool) -> None:
    if gone:
        key = {"PK": {"S": "TENANT#acme#TENANT"}, "SK": {"S": "TENANT"}}
        scene.world.client.delete_item(TableName="users", Key=key)
    else:
        scene.world.tenant("acme", "DELETING")
    before = scene.world.items()
    assert not scene.come()
    assert receiver.sent == []
    assert scene.world.items() == before


# --- What it says about the webhook


def test_a_success_ends_the_failing(scene: Scene, receiver: Receiver, waits: list[int]) -> None:
    receiver.statuses = [500, 500, 200]
    scene.come()
    scene.time.forward(seconds=waits[-1])
    scene.come()
    failing = scene.webhook
    assert (failing.failing_since, failing.version) == (MOMENT_TEXT, 2), "the first one counts"
    scene.time.forward(seconds=waits[-1])
    scene.come()
    assert scene.webhook.failing_since is None
    assert scene.webhook.version == 3


@pytest.mark.parametrize(("short_of", "active"), [(1, True), (0, False)])
def test_three_days_of_failing_switch_it_off(scene: Scene, receiver: Receiver, short_of: int, *, active: bool) -> None:
    since = clock.timestamp(MOMENT - PATIENCE + timedelta(seconds=short_of))
    scene.change(failing_since=since)
    receiver.statuses = [500]
    scene.come()
    webhook = scene.webhook
    assert (webhook.active, webhook.failing_since) == (active, since)
    assert webhook.disabled_reason == (None if active else "Every attempt for 3 days has failed.")


def test_410_switches_it_off_at_once(scene: Scene, receiver: Receiver) -> None:
    receiver.statuses = [410]
    assert not scene.come()
    assert scene.delivery.state is DeliveryState.FAILED
    webhook = scene.webhook
    assert (webhook.active, webhook.failing_since) == (False, MOMENT_TEXT)
    assert webhook.disabled_reason == "The receiver answered 410: it is gone."


def test_who_changes_the_webhook_meanwhile_is_not_written_over(scene: Scene, receiver: Receiver) -> None:
    receiver.statuses = [410]
    receiver.meanwhile = lambda: scene.change(url=URL + "/2")
    assert not scene.come()
    assert (scene.webhook.active, scene.webhook.url) == (True, URL + "/2")


def test_secrets_and_answers_are_not_logged(
    scene: Scene, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.statuses = [500]
    scene.come()
    written = capsys.readouterr()
    assert "whsec_" not in written.out + written.err
    assert "signature" not in written.out + written.err


@pytest.mark.parametrize(
    ("statuses", "counts"),
    [
        ([200], {"WebhookDelivered": 1}),
        ([500], {"WebhookAttemptsFailed": 1}),
        ([410], {"WebhookAttemptsFailed": 1, "WebhookDeliveriesFailed": 1, "WebhooksSwitchedOff": 1}),
    ],
)
def test_what_is_counted(
    scene: Scene,
    receiver: Receiver,
    capsys: pytest.CaptureFixture[str],
    statuses: list[int | None],
    counts: dict[str, int],
) -> None:
    receiver.statuses = statuses
    scene.come()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "WebhookDelivered" in line]
    names = ("WebhookDelivered", "WebhookAttemptsFailed", "WebhookDeliveriesFailed", "WebhooksSwitchedOff")
    assert {name: sum(line[name][0] for line in lines) for name in names} == dict.fromkeys(names, 0) | counts


# --- A webhook that fails and fails


def another(scene: Scene, **values: Any) -> Callable[[], bool]:
    """Write another delivery to the webhook, and return what lets its message come."""
    made = new_delivery(scene.webhook, an_event(a_ticket())).model_copy(update=values)
    scene.deliveries.create(made)
    return lambda: scene.come(delivery_id=made.id)


def failed(scene: Scene, number: int) -> None:
    """Let so many deliveries fail for the first time."""
    for _ in range(number):
        another(scene)()


def test_ten_failures_in_a_row_pause_it(scene: Scene, receiver: Receiver, waits: list[int]) -> None:
    receiver.statuses = [500]
    failed(scene, PAUSED_AFTER - 1)
    assert scene.webhook.paused_until is None
    failed(scene, 1)
    assert scene.webhook.paused_until == clock.timestamp(clock.now() + timedelta(minutes=1))
    version = scene.webhook.version
    assert scene.come()
    assert len(receiver.sent) == PAUSED_AFTER, "nothing is sent to it"
    assert (scene.delivery.tries, scene.delivery.waiting) == (0, True)
    assert 60 <= waits[-1] <= 67
    assert scene.webhook.version == version == 2, "nobody has changed it but for the first failure"


def test_a_success_is_no_failure_in_a_row(scene: Scene, receiver: Receiver) -> None:
    receiver.statuses = [*[500] * (PAUSED_AFTER - 1), 200, 500]
    failed(scene, 2 * PAUSED_AFTER - 1)
    assert (scene.webhook.failures, scene.webhook.paused_until) == (PAUSED_AFTER - 1, None)


def test_a_paused_one_gets_one_attempt_at_a_time(scene: Scene, receiver: Receiver, waits: list[int]) -> None:
    others = [another(scene) for _ in range(3)]
    receiver.statuses = [500]
    failed(scene, PAUSED_AFTER)
    receiver.sent.clear()

    def the_others_come() -> None:
        for each in others:
            each()

    receiver.meanwhile = the_others_come
    scene.time.forward(minutes=1, seconds=1)
    assert scene.come()
    assert len(receiver.sent) == 1, "the others come while the probe is made"
    assert [30 <= each <= 33 for each in waits[-4:-1]] == [True] * 3
    receiver.meanwhile = lambda: None
    for each in others:
        assert each()
    assert len(receiver.sent) == 1


def test_pauses_get_longer_and_end_with_a_success(scene: Scene, receiver: Receiver) -> None:
    receiver.statuses = [500]
    failed(scene, PAUSED_AFTER)
    pauses = []
    for _ in range(10):
        paused_until = scene.webhook.paused_until
        assert paused_until
        pause = datetime.fromisoformat(paused_until) - clock.now()
        pauses.append(round(pause.total_seconds() / 60))
        scene.time.forward(seconds=pause.total_seconds() + 0.1)
        another(scene)()
    assert pauses == [1, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    receiver.statuses = [200]
    scene.time.forward(hours=1, seconds=1)
    assert not scene.come()
    assert (scene.webhook.failures, scene.webhook.paused_until, scene.webhook.failing_since) == (0, None, None)
    receiver.sent.clear()
    assert not another(scene)()
    assert len(receiver.sent) == 1


def test_a_probe_that_is_cut_off_is_followed_by_another(scene: Scene, receiver: Receiver) -> None:
    def crash() -> None:
        receiver.meanwhile = lambda: None
        raise SystemExit

    receiver.statuses = [500]
    failed(scene, PAUSED_AFTER)
    scene.time.forward(minutes=1, seconds=1)
    receiver.meanwhile, receiver.statuses = crash, [200]
    with pytest.raises(SystemExit):
        another(scene)()
    assert scene.come(), "its lease is not over"
    scene.time.forward(seconds=31)
    assert not scene.come()
    assert scene.webhook.paused_until is None


def test_who_waits_for_a_day_is_given_up(scene: Scene, receiver: Receiver) -> None:
    receiver.statuses = [500]
    failed(scene, PAUSED_AFTER)
    assert scene.come()
    waiting = scene.webhook.waiting
    scene.time.forward(hours=24, seconds=1)
    scene.webhooks.begin_probe(scene.webhook, clock.timestamp(clock.now() + timedelta(hours=1)))
    assert not scene.come()
    assert (scene.delivery.state, scene.delivery.waiting) == (DeliveryState.FAILED, False)
    assert scene.delivery.failure_reason == "The webhook was paused for a day, because attempts at it failed."
    assert scene.webhook.waiting == waiting - 1


def test_so_many_wait_and_no_more(scene: Scene, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ticketing.webhooks.repository.MOST_WAITING", PAUSED_AFTER + 1)
    receiver.statuses = [500]
    late, later, paused = another(scene), another(scene), another(scene)
    failed(scene, PAUSED_AFTER - 1)
    assert scene.come()
    assert late()
    assert scene.webhook.waiting == PAUSED_AFTER + 1
    assert not later(), "there is no room for it to wait"
    assert not paused()
    listed = scene.deliveries.list(DeliveryState.FAILED, limit=10, cursor=None).items
    assert [each.failure_reason for each in listed] == ["Too many deliveries waited for a retry."] * 2
    receiver.statuses = [200]
    scene.time.forward(minutes=2)
    assert not scene.come()
    assert not late()
    assert scene.webhook.waiting == PAUSED_AFTER - 1, "who is delivered waits no longer"


@pytest.mark.parametrize("failing", range(1, 9))
def test_whatever_call_fails_while_it_fails_the_delivery_goes_on(
    scene: Scene, receiver: Receiver, failing: int
) -> None:
    receiver.statuses = [500]
    failed(scene, PAUSED_AFTER - 1)
    failures = failing_at(scene, failing)
    assert scene.come()
    failures.clear()
    receiver.statuses = [200]
    for _ in range(3):
        scene.time.forward(seconds=70)
        again = scene.come()
    assert not again
    assert scene.delivery.state is DeliveryState.DELIVERED
    assert abs(scene.webhook.waiting - (PAUSED_AFTER - 1)) <= 1


def test_messages_of_before_say_what_they_said(scene: Scene, receiver: Receiver) -> None:
    """A delivery and a webhook that were written before there were pauses, and a message that does not say when."""
    receiver.statuses = [500, 200]
    for key, names in (
        (delivery_key("acme", ID, scene.delivery.id), ("waiting",)),
        (webhook_key("acme", ID), ("failures", "waiting")),
    ):
        scene.world.client.update_item(
            TableName=NOTIFICATIONS_TABLE, Key=to_item(key), UpdateExpression=f"REMOVE {', '.join(names)}"
        )
    assert scene.come()
    scene.wait()
    assert scene.webhook.waiting == 1
    assert not scene.come()
    assert (scene.delivery.state, scene.webhook.waiting, scene.webhook.failures) == (DeliveryState.DELIVERED, 0, 0)
