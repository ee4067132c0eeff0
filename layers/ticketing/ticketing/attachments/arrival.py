"""What becomes of an announced file: it arrives, is scanned, and is read or rejected.

S3 says that an object is there, GuardDuty what it has found, and the sweep comes by: in any order, twice, or not at
all. So whoever notices something reads the file's row, its ticket and its object, and decides anew (`settle`). A
written result is final. Nothing but a written result, or a missing row, deletes an object that is the announced one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final

from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.attachments.models import REJECTED, WAITING, Attachment, Reason, State
from ticketing.attachments.objects import FileObjects, ScanResult, object_key
from ticketing.attachments.operations import LOOK_AFTER, event_of
from ticketing.attachments.repository import AttachmentRepository
from ticketing.aws import clients
from ticketing.aws.data import files_of_tenant, of_tenant
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.transactions import until_written
from ticketing.tickets.events import SYSTEM_ID
from ticketing.tickets.kinds import EventType
from ticketing.tickets.repository import TicketRepository

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ticketing.attachments.models import Place
    from ticketing.attachments.objects import Stored
    from ticketing.tickets.models import Ticket

_ATTEMPTS: Final = 10
"""How many times a decision is attempted that meets other changes of the ticket."""


class Settled(StrEnum):
    """What is known of a file after somebody looked."""

    GONE = "gone"
    """It was removed, or its ticket was: nothing is left of it."""
    MISSING = "missing"
    """It has not arrived."""
    SCANNING = "scanning"
    HIDDEN = "hidden"
    """The scanner has called it clean, and the bucket's policy does not know it yet."""
    CLEAN = "clean"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Scan:
    """What the scanner says of a version of an object, as it is told before it is tagged."""

    version: str
    result: ScanResult


_REJECTIONS: Final = {
    ScanResult.THREATS_FOUND: (State.INFECTED, Reason.THREATS_FOUND),
    ScanResult.UNSUPPORTED: (State.UNSCANNABLE, Reason.UNSUPPORTED),
}


class Arrivals:
    """The files of one tenant, as the backend itself follows them."""

    def __init__(self, tenant_id: str) -> None:
        self._tickets = TicketRepository(of_tenant(tenant_id))
        self._attachments = AttachmentRepository(of_tenant(tenant_id))
        self._objects = FileObjects(files_of_tenant(tenant_id))
        self._system = Caller(SYSTEM_ID, tenant_id, Role.SYSTEM)

    def settle(self, place: Place, scan: Scan | None = None) -> Settled:
        """Do what is to be done about a file now, and return how it stands.

        Raises
        ------
        ConflictError
            Each attempt met another change.
        ObjectsLeftError, ClientError, BotoCoreError
            AWS failed; doing it again goes on from there.
        """
        return until_written(partial(self._settle, place, scan), _ATTEMPTS)

    def give_up(self, place: Place) -> None:
        """Remove a file that has not arrived and can't any more; raises as `settle` does.

        What arrives all the same is deleted by whoever notices it.
        """
        until_written(partial(self._give_up, place), _ATTEMPTS)

    def scan_again(self, place: Place) -> None:
        """Let the scanner look again at a file that it has said nothing usable of; its answer is told as the first."""
        attachment = self._attachments.get(place.ticket_id, place.attachment_id)
        if attachment is None or attachment.state is not State.SCANNING:
            return
        version = str(attachment.object_version)
        clients.guardduty().send_object_malware_scan(
            S3Object={"Bucket": DEPLOYMENT.attachments_bucket, "Key": object_key(place), "VersionId": version}
        )

    def _settle(self, place: Place, scan: Scan | None) -> Settled:
        attachment = self._attachments.get(place.ticket_id, place.attachment_id)
        if attachment is None:
            self._objects.delete_all(place)
            return Settled.GONE
        if attachment.state in REJECTED:
            return self._rejected(attachment)
        stored = self._objects.versions(place)
        if attachment.state is State.CLEAN:
            self._objects.delete(one for one in stored if one.version != attachment.object_version)
            return Settled.CLEAN
        ticket = self._tickets.get(place.ticket_id)
        if ticket is None:
            check = self._attachments.gone_check(place.ticket_id)
            self._attachments.remove(attachment, None, ticket=check)
            self._objects.delete(stored)
            return Settled.GONE
        pinned = _pinned(attachment, stored)
        self._objects.delete(one for one in stored if one is not pinned)
        return Settled.MISSING if pinned is None else self._scanned(attachment, ticket, pinned, scan)

    def _scanned(self, attachment: Attachment, ticket: Ticket, pinned: Stored, scan: Scan | None) -> Settled:
        """Decide about a file that is there, by what the scanner says of it."""
        if not DEPLOYMENT.scans_attachments:
            self._objects.mark_clean(pinned)
        result = scan.result if scan and scan.version == pinned.version else self._objects.scan_result(pinned)
        if result in _REJECTIONS:
            return self._reject(attachment, ticket, pinned, *_REJECTIONS[result])
        if result is not ScanResult.NO_THREATS_FOUND:
            self._receive(attachment, pinned)
            return Settled.SCANNING
        # Only now anybody may read it. S3 has compared it with the checksum when it came, if it came by our address.
        as_announced = self._objects.has_content(pinned, attachment)
        if as_announced is None:
            self._receive(attachment, pinned)
            return Settled.HIDDEN
        if not as_announced:
            return self._reject(attachment, ticket, pinned, State.UNSCANNABLE, Reason.OTHER_CONTENT)
        uploader = Caller(attachment.uploaded_by_id, attachment.tenant_id, attachment.uploaded_by_role)
        self._finish(attachment, ticket, uploader, {"state": State.CLEAN, "object_version": pinned.version})
        return Settled.CLEAN

    def _receive(self, attachment: Attachment, pinned: Stored) -> None:
        if attachment.state is State.PENDING:
            look_at = clock.timestamp(clock.now() + LOOK_AFTER)
            self._attachments.receive(attachment, pinned.version, look_at=look_at)

    def _reject(self, attachment: Attachment, ticket: Ticket, pinned: Stored, state: State, reason: Reason) -> Settled:
        values = {"state": state, "object_version": pinned.version, "reason": reason}
        return self._rejected(self._finish(attachment, ticket, self._system, values))

    def _finish(self, before: Attachment, ticket: Ticket, actor: Caller, values: Mapping[str, object]) -> Attachment:
        after = before.model_copy(update=values)
        kind = EventType.ATTACHMENT_ADDED if after.state is State.CLEAN else EventType.ATTACHMENT_REJECTED
        event = event_of(kind, after, ticket, actor)
        self._attachments.finish(before, after, event, ticket=self._tickets.version_check(ticket))
        return after

    def _rejected(self, attachment: Attachment) -> Settled:
        self._objects.delete_all(attachment.place)
        self._attachments.forget(attachment)
        return Settled.REJECTED

    def _give_up(self, place: Place) -> None:
        attachment = self._attachments.get(place.ticket_id, place.attachment_id)
        if attachment is None or attachment.state not in WAITING:
            return
        ticket = self._tickets.get(place.ticket_id)
        gone = self._attachments.gone_check(place.ticket_id)
        check = gone if ticket is None else self._tickets.version_check(ticket)
        self._attachments.remove(attachment, None, ticket=check)


def _pinned(attachment: Attachment, stored: list[Stored]) -> Stored | None:
    """Return the version that is, or will be, the file's: the first that may be the announced content."""
    if attachment.object_version is not None:
        return next((one for one in stored if one.version == attachment.object_version), None)
    return next((one for one in stored if one.size == attachment.size), None)
