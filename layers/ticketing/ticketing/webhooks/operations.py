"""The operations on webhooks: creating, finding and changing them, rotating their secrets, and presenting them."""

from typing import Any, Final
from urllib.parse import urlsplit

from ticketing import clock, ids
from ticketing.access.identity import Caller
from ticketing.access.permissions import Operation
from ticketing.aws.data import of_caller
from ticketing.dynamodb.transactions import until_written
from ticketing.errors import PreconditionFailedError
from ticketing.webhooks.audited import webhook_changed
from ticketing.webhooks.errors import TooManyWebhooksError, WebhookNotFoundError, WebhookTargetNotAllowedError
from ticketing.webhooks.models import (
    MOST_SECRETS,
    MOST_TO_ONE_HOST,
    OLD_SECRET_VALID,
    Secret,
    Webhook,
    WebhookCreate,
    WebhookUpdate,
)
from ticketing.webhooks.repository import WebhookRepository
from ticketing.webhooks.signatures import new_secret
from ticketing.webhooks.targets import addresses_of, target_of

_NOT_SHOWN: Final = {"tenant_id", "failures", "waiting"}

_SECONDS_TO_RESOLVE: Final = 5.0


def check_target(url: str) -> None:
    """Raise WebhookTargetNotAllowedError unless the URL is allowed, as its host resolves now."""
    try:
        addresses_of(target_of(url), _SECONDS_TO_RESOLVE)
    except TimeoutError as error:
        message = "the name can't be resolved right now"
        raise WebhookTargetNotAllowedError(message) from error


def _check_host(webhooks: WebhookRepository, url: str) -> None:
    """Raise TooManyWebhooksError if as many webhooks lead to the URL's host as may, one query.

    Two that are made at once may both find room. That does no harm: it is a limit of what one change sends to a host,
    and the number of webhooks is limited exactly.
    """
    host = urlsplit(url).hostname
    if sum(urlsplit(each.url).hostname == host for each in webhooks.all()) >= MOST_TO_ONE_HOST:
        message = f"{MOST_TO_ONE_HOST} webhooks of a tenant lead to one host at most. Let one get more types of events."
        raise TooManyWebhooksError(message)


def create_webhook(caller: Caller, body: WebhookCreate) -> tuple[Webhook, str]:
    """Create a webhook, and return it with its secret, which only this answer and that of a rotation show.

    Raises
    ------
    WebhookTargetNotAllowedError, TenantNotFoundError, TooManyWebhooksError, ConflictError
        Nothing may be sent there; see `WebhookRepository.create` and `_check_host`; the race was lost every time.
    """
    check_target(body.url)
    now, secret = clock.timestamp(clock.now()), body.secret or new_secret()
    webhook = Webhook(
        id=ids.new_id(),
        tenant_id=caller.tenant_id,
        version=1,
        created_by_id=caller.user_id,
        created_at=now,
        updated_at=now,
        **body.model_dump(exclude={"secret"}),
    )
    webhooks = WebhookRepository(of_caller(caller))
    _check_host(webhooks, body.url)
    record = webhook_changed(Operation.CREATE_WEBHOOK, caller, None, webhook)
    until_written(lambda: webhooks.create(webhook, Secret(key=secret), alongside=[record]))
    return webhook, secret


def find_webhook(webhook: Webhook | None, expected_version: int | None = None) -> Webhook:
    """Return the webhook that was read, if it exists in the expected version.

    Raises
    ------
    WebhookNotFoundError, PreconditionFailedError
        Looked at in this order.
    """
    if webhook is None:
        raise WebhookNotFoundError
    if expected_version is not None and webhook.version != expected_version:
        raise PreconditionFailedError
    return webhook


def next_version(webhook: Webhook, values: dict[str, Any]) -> Webhook:
    """Return the webhook with the values (inside names) changed, as the next version; the same one if nothing differs.

    Switching it on again or changing its URL clears its failures, and a pause with them.
    """
    after = webhook.model_copy(update=values)
    if after == webhook:
        return webhook
    news = {"version": webhook.version + 1, "updated_at": clock.timestamp(clock.now())}
    if (after.active and not webhook.active) or after.url != webhook.url:
        news |= {"failing_since": None, "disabled_reason": None, "failures": 0, "paused_until": None, "waiting": 0}
    return after.model_copy(update=news)


def delete_webhook(caller: Caller, webhook_id: str, expected_version: int | None) -> None:
    """Delete a webhook with its secrets; pending deliveries are dropped.

    Raises
    ------
    WebhookNotFoundError, PreconditionFailedError, ConflictError
        See `find_webhook`; the race was lost every time.
    """
    webhooks = WebhookRepository(of_caller(caller))

    def attempt() -> None:
        webhook = find_webhook(webhooks.get(webhook_id), expected_version)
        record = webhook_changed(Operation.DELETE_WEBHOOK, caller, webhook, None)
        webhooks.delete(webhook, clock.now(), alongside=[record])

    until_written(attempt)


def edit_webhook(caller: Caller, webhook_id: str, body: WebhookUpdate, expected_version: int | None) -> Webhook:
    """Change a webhook and return it; values that are the same already are no change.

    Raises
    ------
    WebhookNotFoundError, PreconditionFailedError, WebhookTargetNotAllowedError, TooManyWebhooksError, ConflictError
        See `find_webhook`; nothing may be sent there; see `_check_host`; the race was lost every time.
    """
    webhooks, wanted = WebhookRepository(of_caller(caller)), body.model_dump(exclude_unset=True)

    def attempt() -> Webhook:
        before = find_webhook(webhooks.get(webhook_id), expected_version)
        after = next_version(before, wanted)
        if after.url != before.url:
            check_target(after.url)
            if urlsplit(after.url).hostname != urlsplit(before.url).hostname:
                _check_host(webhooks, after.url)
        if after is not before:
            record = webhook_changed(Operation.UPDATE_WEBHOOK, caller, before, after)
            webhooks.edit(before, after, alongside=[record])
        return after

    return until_written(attempt)


def rotate_secret(
    caller: Caller, webhook_id: str, given: str | None, expected_version: int | None
) -> tuple[Webhook, str]:
    """Replace a webhook's secret with the given one, or a generated one, and return the webhook with it.

    Old secrets still sign for a day. So a receiver has time to switch, and a lost answer does no harm. If the given one
    is the current one already, nothing changes.

    Raises
    ------
    WebhookNotFoundError, PreconditionFailedError, ConflictError
        See `find_webhook`; the race was lost every time.
    """
    webhooks, secret = WebhookRepository(of_caller(caller)), given or new_secret()

    def attempt() -> Webhook:
        webhook, secrets = webhooks.get_with_secrets(webhook_id) or (None, [])
        before = find_webhook(webhook, expected_version)
        if secrets[0].key == secret:
            return before
        now = clock.now()
        until = clock.timestamp(now + OLD_SECRET_VALID)
        old = [Secret(key=each.key, until=each.until or until) for each in secrets if each.signs(now)]
        kept = [Secret(key=secret), *(each for each in old if each.key != secret)][:MOST_SECRETS]
        after = before.model_copy(update={"version": before.version + 1, "updated_at": clock.timestamp(now)})
        record = webhook_changed(Operation.ROTATE_SECRET, caller, before, after)
        webhooks.edit(before, after, kept, alongside=[record])
        return after

    return until_written(attempt), secret


def presented(webhook: Webhook) -> dict[str, Any]:
    """Return the webhook as the contract shows it."""
    return webhook.model_dump(mode="json", by_alias=True, exclude=_NOT_SHOWN)
