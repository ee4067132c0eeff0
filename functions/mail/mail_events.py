"""mailEvents: takes events out of its queue and mails those whom they concern."""

import json
from typing import Any, Final

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric
from botocore.exceptions import BotoCoreError, ClientError

from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.errors import ServiceUnavailableError
from ticketing.events.once import BeingDoneError
from ticketing.mail.mailer import (
    Mailer,
    OutOfTimeError,
    Tally,
)
from ticketing.mail.sender import NotSentError, Post
from ticketing.mail.texts import Addresses
from ticketing.tickets.events import TicketEvent

_LAST_CALL: Final = 20_000
"""Milliseconds that one more mail may take at worst: its claim, its link and three tries of SES."""

_AGAIN: Final = (BeingDoneError, BotoCoreError, ClientError, NotSentError, OutOfTimeError, ServiceUnavailableError)

logger = Logger(service="notifications")
metrics = Metrics(namespace="TicketSystem", service="notifications")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Mail about a batch of events and answer which of them have to come again.

    What is no event has to come again, too: it ends in the queue of dead letters, where somebody sees it.
    """
    # A connection of before the environment was frozen may be dead, and a mail that is written to one counts as sent.
    clients.ses().close()
    mailer = _mailer(context)
    again = [record["messageId"] for record in event["Records"] if not _mailed(mailer, record)]
    _count(mailer.tally)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}


def _mailer(context: Any) -> Mailer:  # noqa: ANN401
    sender = Post(clients.ses(), DEPLOYMENT.mail_from, DEPLOYMENT.mail_templates, DEPLOYMENT.mail_configuration_set)
    return Mailer(
        sender,
        Addresses(DEPLOYMENT.app_url, DEPLOYMENT.api_url),
        lambda: context.get_remaining_time_in_millis() > _LAST_CALL,
    )


def _mailed(mailer: Mailer, record: dict[str, Any]) -> bool:
    """Return whether everybody was mailed about the event in a message."""
    about = {"messageId": record["messageId"]}
    try:
        event = TicketEvent.model_validate(json.loads(record["body"])["detail"])
    except (KeyError, TypeError, ValueError):
        logger.exception("mailEvents: not an event", extra=about)
        return False
    try:
        mailer.mail(event)
    except _AGAIN as error:
        cause = repr(error.__cause__ or error)
        logger.warning("mailEvents: an event comes again", extra=about | {"eventId": event.id, "cause": cause})
        return False
    return True


def _count(tally: Tally) -> None:
    metrics.add_metric("MailsSent", MetricUnit.Count, tally.sent)
    metrics.add_metric("MailsFailed", MetricUnit.Count, tally.failed)
    metrics.add_metric("MailsUnknown", MetricUnit.Count, tally.unknown)
    metrics.flush_metrics()
    for reason, number in tally.skipped.items():
        with single_metric("MailsSkipped", MetricUnit.Count, number, namespace="TicketSystem") as skipped:
            skipped.add_dimension("service", "notifications")
            skipped.add_dimension("reason", reason.value)
