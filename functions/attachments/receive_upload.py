"""receiveUpload: notices that an object is in the bucket. A consumer of S3's events."""

import json
from collections.abc import Mapping
from typing import Any

from ticketing.attachments.arrival import Arrivals, Settled
from ticketing.attachments.models import Place
from ticketing.attachments.objects import place_of
from ticketing.events.consumer import Record, Source, Work, consumer
from ticketing.events.errors import RetryError


def _uploaded(message: Record) -> Place | None:
    """Return the file whose object S3 tells of; None for other objects, such as GuardDuty's own."""
    return place_of(json.loads(message["body"])["detail"]["object"]["key"])


def _fields(place: Place) -> Mapping[str, Any]:
    return {"tenantId": place.tenant_id, "ticketId": place.ticket_id, "attachmentId": place.attachment_id}


@consumer("receiveUpload", Source(_uploaded, _fields))
def handler(place: Place, work: Work) -> None:
    """Move the file on. Idempotent, and the same whether the scanner was faster or not."""
    settled = Arrivals(place.tenant_id).settle_soon(place)
    work.log(settled=settled)
    if settled is Settled.LOST:
        work.count("FilesMissing")
    if settled is Settled.HIDDEN:
        raise RetryError
