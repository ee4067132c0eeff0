"""pushEvent: tells the events of the bus to open connections. A consumer of the queue PushEventsQueue."""

import json
from datetime import timedelta
from typing import Any, Final

from aws_lambda_powertools.logging import Logger

from ticketing.api.live_frame import count
from ticketing.aws import clients
from ticketing.aws.data import of_tenant
from ticketing.events.once import Once
from ticketing.live.connections import Connections
from ticketing.live.fan_out import FanOut
from ticketing.live.feed import Feed
from ticketing.live.sender import Poster
from ticketing.people.members import remembered
from ticketing.tickets.events import TicketEvent

logger = Logger(service="notifications")

_LEASE: Final = timedelta(seconds=25)
"""Longer than this function may run: whoever finds an event begun after that finds a crash."""


class NotAllToldError(Exception):
    """Some could not be told: the event has to come again."""


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Tell events and answer which messages have to come again.

    What fails comes again after two minutes, five times in all, then it is a dead letter. By then whoever was not told
    has most likely connected anew and asked for what was missed.
    """
    failed = []
    for record in event["Records"]:
        try:
            _push(TicketEvent.model_validate(json.loads(record["body"])["detail"]))
        except Exception:
            logger.exception("pushEvent", extra={"messageId": record["messageId"]})
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def _push(event: TicketEvent) -> None:
    data = of_tenant(event.tenant_id)
    with Once(data, "pushEvent").doing(event.id, lease=_LEASE) as mine:
        if not mine:
            return
        fan_out = FanOut(
            connections=Connections(data),
            feed=Feed(data),
            members=remembered(data),
            poster=Poster(clients.live_connections()),
        )
        told = fan_out.tell(event)
        count(EventsPushed=told.told, GoneConnections=told.gone, PushesFailed=len(told.waiting))
        logger.info("pushEvent", extra={"eventId": event.id, "told": told.told, "waiting": len(told.waiting)})
        if told.waiting:
            raise NotAllToldError
