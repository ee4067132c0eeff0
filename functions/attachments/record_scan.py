"""recordScan: records what GuardDuty has found in an object. A consumer of its events."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ticketing.attachments.arrival import Arrivals, Scan, Settled
from ticketing.attachments.models import Place
from ticketing.attachments.objects import FAILURES, ScanResult, place_of
from ticketing.events.consumer import Record, Source, Work, consumer
from ticketing.events.errors import RetryError


class _Scanned(NamedTuple):
    place: Place
    scan: Scan


def _scanned(message: Record) -> _Scanned | None:
    """Return the file that was scanned, and what was found; None for other objects, such as GuardDuty's own."""
    detail = json.loads(message["body"])["detail"]
    place = place_of(detail["s3ObjectDetails"]["objectKey"])
    if place is None:
        return None
    result = ScanResult(detail["scanResultDetails"]["scanResultStatus"])
    return _Scanned(place, Scan(detail["s3ObjectDetails"]["versionId"], result))


def _fields(scanned: _Scanned) -> Mapping[str, Any]:
    place = scanned.place
    return {
        "tenantId": place.tenant_id,
        "ticketId": place.ticket_id,
        "attachmentId": place.attachment_id,
        "result": scanned.scan.result,
    }


@consumer("recordScan", Source(_scanned, _fields))
def handler(scanned: _Scanned, work: Work) -> None:
    """Move the file on. Idempotent; where the scanner has failed, the sweep lets it try again."""
    settled = Arrivals(scanned.place.tenant_id).settle_soon(scanned.place, scanned.scan)
    work.log(settled=settled)
    # A later version may be deleted before the scanner looks into it, and its failure is none then.
    if settled is Settled.UNSCANNED or scanned.scan.result not in FAILURES:
        work.count("Scans", result=scanned.scan.result)
    if settled is Settled.LOST:
        work.count("FilesMissing")
    if settled is Settled.HIDDEN:
        raise RetryError
