"""dispatchWebhooks: makes deliveries of the events in DispatchWebhooksQueue. deliverWebhook makes the requests."""

import json
from typing import Any

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError

from ticketing.events import TicketEvent
from ticketing.notifications.dispatching import dispatch
from ticketing.once import BeingDoneError

logger = Logger(service="webhooks")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Dispatch each event of a batch, and answer which messages have to come again."""
    failures = []
    for record in event["Records"]:
        happened = TicketEvent.model_validate(json.loads(record["body"])["detail"])
        log = {"tenantId": happened.tenant_id, "eventId": happened.id, "eventType": happened.type}
        try:
            logger.info("dispatchWebhooks", extra=log | {"deliveries": dispatch(happened)})
        except BeingDoneError:
            failures.append(record["messageId"])
        except (BotoCoreError, ClientError):
            logger.exception("dispatchWebhooks", extra=log)
            failures.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}
