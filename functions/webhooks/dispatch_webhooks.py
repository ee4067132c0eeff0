"""dispatchWebhooks: makes deliveries of the events in DispatchWebhooksQueue. deliverWebhook makes the requests."""

import json
from typing import Any

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError

from ticketing.events.once import BeingDoneError
from ticketing.tickets.events import TicketEvent
from ticketing.webhooks.dispatching import dispatch

logger = Logger(service="webhooks")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Dispatch each event of a batch, and answer which messages have to come again."""
    failures = []
    for record in event["Records"]:
        happened = _event_in(record)
        if happened is None or not _dispatched(happened):
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _event_in(record: dict[str, Any]) -> TicketEvent | None:
    """Return the event in a message; None if it is not to be understood, which ends it among the dead letters."""
    try:
        return TicketEvent.model_validate(json.loads(record["body"])["detail"])
    except (KeyError, TypeError, ValueError) as error:
        reason = {"messageId": record["messageId"], "reason": type(error).__name__}  # its text would quote the event
        logger.error("dispatchWebhooks: not an event", extra=reason)  # noqa: TRY400
        return None


def _dispatched(event: TicketEvent) -> bool:
    """Return whether the event is done with; otherwise it has to come again."""
    log = {"tenantId": event.tenant_id, "eventId": event.id, "eventType": event.type}
    try:
        logger.info("dispatchWebhooks", extra=log | {"deliveries": dispatch(event)})
    except BeingDoneError:
        return False
    except (BotoCoreError, ClientError):
        logger.exception("dispatchWebhooks", extra=log)
        return False
    return True
