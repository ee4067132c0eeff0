"""Attempts at deliveries: one at a time, with exponential backoff until one succeeds or the last one has failed."""

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
from ticketing.webhooks.delivery_queue import Message, Received
from ticketing.webhooks.delivery_repository import DeliveryRepository
from ticketing.webhooks.errors import AttemptLaterError
from ticketing.webhooks.models import (
    MOST_ATTEMPTS_KEPT,
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


def deliver(received: Received, work: Work) -> None:
    """Make the attempt that a message stands for, if it is due; log and count it.

    Raises
    ------
    AttemptLaterError
        The message comes again when the next attempt is due.
    ClientError, BotoCoreError
        DynamoDB failed. Before the attempt: it is still to be made. After it: it is made again when the lease is over,
        and the receiver recognizes it by its `webhook-id`.
    """
    outcome = make_attempt(received.message)
    _report(outcome, work)
    if outcome.retry_in is not None:
        received.postpone(outcome.retry_in)
        raise AttemptLaterError


def _report(outcome: Outcome, work: Work) -> None:
    """Log and count what came of a message. The receiver's answer is in the delivery, and not in the log."""
    work.log(retryIn=outcome.retry_in)
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
    delivery = deliveries.get(message.delivery_id)
    if delivery is None or delivery.round != message.round or delivery.state is not DeliveryState.PENDING:
        return Outcome()
    found = WebhookRepository(of_tenant(message.tenant_id)).get_with_secrets(message.webhook_id)
    if found is None or not is_active(message.tenant_id):
        return Outcome()
    webhook, secrets = found
    now = clock.now()
    if early := _seconds_until_due(delivery, now):
        return Outcome(early)
    try:
        if not webhook.active:
            deliveries.give_up(delivery)
            return Outcome()
        begun = deliveries.begin(delivery, now, LEASE)
        attempt = _attempt(webhook, secrets, begun)
        after = delivery_after(begun, attempt, DEPLOYMENT.webhook_retry_seconds)
        deliveries.finish(begun, after)
    except VersionConflictError:
        return Outcome(int(LEASE.total_seconds()))  # another attempt is under way; look again when its lease is over
    retry_in = _seconds_until_due(after, clock.now()) if after.next_attempt_at else None
    return Outcome(retry_in, attempt, after.state, _update_webhook(webhook, attempt))


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
        }
    )


def _update_webhook(webhook: Webhook, attempt: Attempt) -> bool:
    """Write since when the webhook fails, if at all, and return whether that has switched it off.

    If somebody changes the webhook at the same time, the next attempt writes it.
    """
    after = webhook_after(webhook, attempt)
    if after is webhook:
        return False
    try:
        WebhookRepository(of_tenant(webhook.tenant_id)).edit(webhook, after)
    except VersionConflictError:
        return False
    return not after.active


def webhook_after(webhook: Webhook, attempt: Attempt) -> Webhook:
    """Return the webhook after an attempt: healthy, failing, or switched off; the same one if nothing changes."""
    if attempt.succeeded:
        return next_version(webhook, {"failing_since": None})
    if attempt.status == HTTPStatus.GONE:
        return _switched_off(webhook, attempt, "The receiver answered 410: it is gone.")
    since = webhook.failing_since or attempt.at
    if datetime.fromisoformat(attempt.at) - datetime.fromisoformat(since) >= PATIENCE:
        return _switched_off(webhook, attempt, f"Every attempt for {PATIENCE.days} days has failed.")
    return next_version(webhook, {"failing_since": since})


def _switched_off(webhook: Webhook, attempt: Attempt, reason: str) -> Webhook:
    since = webhook.failing_since or attempt.at
    return next_version(webhook, {"active": False, "failing_since": since, "disabled_reason": reason})
