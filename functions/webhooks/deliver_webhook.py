"""deliverWebhook: makes the attempts of the deliveries in WebhookDeliveriesQueue."""

from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.webhooks.attempts import Outcome, deliver
from ticketing.webhooks.delivery_operations import Message
from ticketing.webhooks.models import DeliveryState

logger = Logger(service="webhooks")
metrics = Metrics(namespace="TicketSystem", service="webhooks")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Make the attempt of the one message, and answer whether it has to come again, when it is time for that."""
    (record,) = event["Records"]
    message = Message.read(record["body"])
    outcome = deliver(message)
    _tell(message, outcome)
    if outcome.again_in is None:
        return {"batchItemFailures": []}
    _hide(record["receiptHandle"], outcome.again_in)
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}


def _hide(receipt_handle: str, seconds: int) -> None:
    """Keep the message back. Where that fails, it comes too early, and is kept back then."""
    queue = DEPLOYMENT.webhook_deliveries
    try:
        clients.sqs().change_message_visibility(QueueUrl=queue, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds)
    except (BotoCoreError, ClientError):
        logger.exception("deliverWebhook: the message could not be kept back")


def _tell(message: Message, outcome: Outcome) -> None:
    """Log what came of it, and count it. What the receiver answered is in the delivery, and not in the log."""
    attempt = outcome.attempt
    log = {"tenantId": message.tenant_id, "webhookId": message.webhook_id, "deliveryId": message.delivery_id}
    if attempt is None:
        logger.info("deliverWebhook", extra=log | {"againIn": outcome.again_in})
        return
    answer = {"status": attempt.status, "error": attempt.error, "ms": attempt.ms}
    logger.info("deliverWebhook", extra=log | answer | {"state": outcome.state, "againIn": outcome.again_in})
    metrics.add_metric("WebhookDelivered", MetricUnit.Count, int(attempt.succeeded))
    metrics.add_metric("WebhookAttemptsFailed", MetricUnit.Count, int(not attempt.succeeded))
    metrics.add_metric("WebhookDeliveriesFailed", MetricUnit.Count, int(outcome.state is DeliveryState.FAILED))
    metrics.add_metric("WebhooksSwitchedOff", MetricUnit.Count, int(outcome.switched_off))
    metrics.flush_metrics()
