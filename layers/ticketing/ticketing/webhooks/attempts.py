"""Attempts at deliveries: one at a time, with exponential backoff until one succeeds or the last one has failed.

A webhook at which one attempt after the other fails is paused: a single attempt, the probe, is made at the end of each
pause, and its other deliveries wait until one succeeds (a circuit breaker).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil
from typing import Final

from ticketing import clock
from ticketing.aws.data import of_tenant
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.transactions import VersionConflictError
from ticketing.events.consumer import Work
from ticketing.users.tenant_operations import is_active
from ticketing.webhooks import signatures
from ticketing.webhooks.delivery_queue import LONGEST_DELAY, Message
from ticketing.webhooks.delivery_repository import DeliveryRepository
from ticketing.webhooks.models import (
    MOST_ATTEMPTS_KEPT,
    TOO_MANY_WAIT,
    Attempt,
    Delivery,
    DeliveryState,
    Secret,
    Webhook,
)
from ticketing.webhooks.operations import next_version
from ticketing.webhooks.repository import WebhookRepository
from ticketing.webhooks.sender import post

LEASE: Final = timedelta(seconds=30)
"""As long as the function may run: after that, an attempt whose result was not written is made again."""

PATIENCE: Final = timedelta(days=3)
"""How long all attempts at a webhook may fail before it is switched off."""

PAUSED_AFTER: Final = 10
"""After how many failed attempts in a row a webhook is paused."""

SHORTEST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)

LONGEST_WAIT: Final = timedelta(days=1)
"""How long a delivery waits for the end of its webhook's pauses: as long as its own attempts would take."""

_PAUSED_TOO_LONG: Final = "The webhook was paused for a day, because attempts at it failed."

_JITTER: Final = 0.1
"""By which share a wait is longer or shorter, at random: attempts that failed together are not retried together."""

_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": "ticket-system-webhooks/1"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a message. Without an attempt, there was none to be made (yet)."""

    retry_in: int | None = None
    """After how many seconds the message has to come again; None if it is done with."""
    attempt: Attempt | None = None
    state: DeliveryState | None = None
    switched_off: bool = False
    dropped: bool = False
    """Whether the delivery was given up before its last attempt, because too many wait or it has waited too long."""


@dataclass(frozen=True, slots=True)
class _Line:
    """The deliveries of a webhook that wait, whose number is limited.

    Delivery and number are written one after the other. If the second write fails, or the function dies between them,
    the number is one off, which does no harm; switching the webhook on again sets it to zero.
    """

    webhooks: WebhookRepository
    deliveries: DeliveryRepository

    def count(self, before: Delivery, after: Delivery) -> bool:
        """Count a delivery that has begun or ceased to wait; return False if there is no room, and it was given up."""
        if before.waiting and not after.waiting:
            self.webhooks.remove_waiting(after.webhook_id)
        if before.waiting or not after.waiting or self.webhooks.add_waiting(after.webhook_id):
            return True
        try:
            self.deliveries.give_up(after, TOO_MANY_WAIT)
        except VersionConflictError:
            return True  # it was redelivered meanwhile
        return False

    def give_up(self, delivery: Delivery, reason: str | None = None) -> None:
        self.deliveries.give_up(delivery, reason)
        if delivery.waiting:
            self.webhooks.remove_waiting(delivery.webhook_id)


def deliver(message: Message, work: Work) -> None:
    """Make the attempt that a message stands for, if it is due; log and count it; send the message of the next one.

    Raises
    ------
    ClientError, BotoCoreError
        DynamoDB or SQS failed: the message comes again after its visibility timeout. Before the attempt, it is still to
        be made. After an attempt that was not recorded, it is made again when the lease is over, and the receiver
        recognizes it by its `webhook-id`. If only the next message was not sent, this one stands for the next attempt.
    """
    early = message.seconds_until_due
    outcome = Outcome(early) if early else make_attempt(message)
    _report(outcome, work)
    if outcome.retry_in is not None:
        message.after(outcome.retry_in).send()


def _report(outcome: Outcome, work: Work) -> None:
    """Log and count what came of a message. The receiver's answer is in the delivery, and not in the log."""
    work.log(retryIn=outcome.retry_in, dropped=outcome.dropped)
    work.count("WebhookDeliveriesDropped", int(outcome.dropped))
    attempt = outcome.attempt
    if attempt is None:
        return
    work.log(status=attempt.status, error=attempt.error, attemptMs=attempt.ms, state=outcome.state)
    work.count("WebhookDelivered", int(attempt.succeeded))
    work.count("WebhookAttemptsFailed", int(not attempt.succeeded))
    work.count("WebhookDeliveriesFailed", int(outcome.state is DeliveryState.FAILED))
    work.count("WebhooksSwitchedOff", int(outcome.switched_off))


def make_attempt(message: Message) -> Outcome:
    """Make the attempt that a message stands for, if it is due, and return what came of it."""
    deliveries = DeliveryRepository(of_tenant(message.tenant_id), message.webhook_id)
    webhooks = WebhookRepository(of_tenant(message.tenant_id))
    delivery = deliveries.get(message.delivery_id)
    if (
        delivery is None
        or delivery.round != message.round
        or delivery.state is not DeliveryState.PENDING
        or (found := webhooks.get_with_secrets(message.webhook_id)) is None
        or not is_active(message.tenant_id)
    ):
        return Outcome()
    now = clock.now()
    if early := _seconds_until_due(delivery, now):
        return Outcome(early)
    line = _Line(webhooks, deliveries)
    webhook, secrets = found
    try:
        if not webhook.active:
            line.give_up(delivery)
            return Outcome()
        if webhook.paused_until is not None and not _is_probe(webhooks, webhook, now):
            return _wait_for_probe(line, delivery, webhook, now)
        return _make(line, delivery, webhook, secrets)
    except VersionConflictError:
        return Outcome(int(LEASE.total_seconds()))  # another attempt is under way; look again when its lease is over


def _make(line: _Line, delivery: Delivery, webhook: Webhook, secrets: Sequence[Secret]) -> Outcome:
    """Make an attempt and write what came of it, to the delivery first, and to the webhook."""
    begun = line.deliveries.begin(delivery, clock.now(), LEASE)
    attempt = _attempt(webhook, secrets, begun)
    after = delivery_after(begun, attempt, DEPLOYMENT.webhook_retry_seconds)
    line.deliveries.finish(begun, after)
    switched_off = _update_webhook(line.webhooks, webhook, attempt)
    if not line.count(begun, after):
        return Outcome(None, attempt, DeliveryState.FAILED, switched_off, dropped=True)
    retry_in = _seconds_until_due(after, clock.now()) if after.next_attempt_at else None
    return Outcome(retry_in, attempt, after.state, switched_off)


def _is_probe(webhooks: WebhookRepository, webhook: Webhook, now: datetime) -> bool:
    """Return whether the pause is over and this is the one attempt at its end."""
    if datetime.fromisoformat(str(webhook.paused_until)) > now:
        return False
    return webhooks.begin_probe(webhook, clock.timestamp(now + LEASE))


def _wait_for_probe(line: _Line, delivery: Delivery, webhook: Webhook, now: datetime) -> Outcome:
    """Let a delivery to a paused webhook wait, and look again at the end of the pause, or in a quarter of an hour."""
    if now - delivery.began_at > LONGEST_WAIT:
        line.give_up(delivery, _PAUSED_TOO_LONG)
        return Outcome(dropped=True)
    if not delivery.waiting and not line.count(delivery, line.deliveries.wait(delivery)):
        return Outcome(dropped=True)
    left = max(datetime.fromisoformat(str(webhook.paused_until)) - now, LEASE).total_seconds()
    return Outcome(min(ceil(left * random.uniform(1, 1 + _JITTER)), LONGEST_DELAY))  # noqa: S311 - it is no secret


def _seconds_until_due(delivery: Delivery, now: datetime) -> int:
    """Return how long to wait for the next attempt: until it is due and no other is under way; 0 if it is due."""
    due = datetime.fromisoformat(delivery.next_attempt_at) if delivery.next_attempt_at else now
    free = datetime.fromtimestamp(delivery.lease_until / 1000, now.tzinfo) if delivery.lease_until else now
    return max(0, ceil((max(due, free) - now).total_seconds()))


def _attempt(webhook: Webhook, secrets: Sequence[Secret], delivery: Delivery) -> Attempt:
    body, now = delivery.body.encode(), clock.now()
    good = [secret.key for secret in secrets if secret.signs(now)]
    return post(webhook.url, body, _HEADERS | signatures.headers(good, delivery.id, int(now.timestamp()), body))


def delivery_after(delivery: Delivery, attempt: Attempt, waits: Sequence[int]) -> Delivery:
    """Return the delivery after an attempt: delivered, failed, or due again after the next wait."""
    tries = delivery.tries + 1
    state, due = DeliveryState.PENDING, None
    if attempt.succeeded:
        state = DeliveryState.DELIVERED
    elif attempt.status == HTTPStatus.GONE or tries > len(waits):
        state = DeliveryState.FAILED
    else:
        wait = waits[tries - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - it is no secret
        due = clock.timestamp(clock.now() + timedelta(seconds=wait))
    return delivery.model_copy(
        update={
            "state": state,
            "tries": tries,
            "attempts": [*delivery.attempts, attempt][-MOST_ATTEMPTS_KEPT:],
            "next_attempt_at": due,
            "lease_until": None,
            "waiting": state is DeliveryState.PENDING,
        }
    )


def _update_webhook(webhooks: WebhookRepository, webhook: Webhook, attempt: Attempt) -> bool:
    """Write since when the webhook fails, if at all, and return whether that has switched it off.

    If somebody changes the webhook at the same time, the next attempt writes it.
    """
    after = webhook_after(webhook, attempt)
    if after.active and not attempt.succeeded:
        webhooks.count_failure(webhook.id, paused_until(after, attempt))
    if after is webhook:
        return False
    try:
        webhooks.edit(webhook, after)
    except VersionConflictError:
        return False
    return not after.active


def webhook_after(webhook: Webhook, attempt: Attempt) -> Webhook:
    """Return the webhook after an attempt: healthy, failing, or switched off; the same one if nothing changes."""
    if attempt.succeeded:
        return next_version(webhook, {"failing_since": None, "failures": 0, "paused_until": None})
    if attempt.status == HTTPStatus.GONE:
        return _switched_off(webhook, attempt, "The receiver answered 410: it is gone.")
    since = webhook.failing_since or attempt.at
    if datetime.fromisoformat(attempt.at) - datetime.fromisoformat(since) >= PATIENCE:
        return _switched_off(webhook, attempt, f"Every attempt for {PATIENCE.days} days has failed.")
    return next_version(webhook, {"failing_since": since})


def paused_until(webhook: Webhook, attempt: Attempt) -> str | None:
    """Return until when a webhook is paused after a failed attempt, None if it is not.

    A pause takes as long as the webhook has been failing, within limits: so each is about twice as long as all before.
    """
    if webhook.failures + 1 < PAUSED_AFTER:
        return None
    at = datetime.fromisoformat(attempt.at)
    failing = at - datetime.fromisoformat(webhook.failing_since or attempt.at)
    return clock.timestamp(clock.now() + min(max(failing, SHORTEST_PAUSE), LONGEST_PAUSE))


def _switched_off(webhook: Webhook, attempt: Attempt, reason: str) -> Webhook:
    since = webhook.failing_since or attempt.at
    return next_version(webhook, {"active": False, "failing_since": since, "disabled_reason": reason})
