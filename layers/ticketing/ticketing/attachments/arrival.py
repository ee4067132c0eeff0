"""What becomes of an announced file: it arrives, is scanned, and is read or rejected.

S3 says that an object is there, GuardDuty what it has found, and the sweep comes by: in any order, twice, or not at
all. So whoever notices something reads the file's row, its ticket and its object, and decides anew (`settle`). A
written result is final. Nothing but a written result, or a missing row, deletes an object that is the announced one.
Which version that is, the row says before any other is deleted: two who look at once may see different versions.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.logging import Logger

from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.attachments.models import REJECTED, Attachment, Reason, State
from ticketing.attachments.objects import FileObjects, ScanResult, VersionGoneError, object_key
from ticketing.attachments.operations import LOOK_AFTER, event_of
from ticketing.attachments.repository import AttachmentRepository
from ticketing.aws import clients
from ticketing.aws.data import files_of_tenant, of_tenant
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.transactions import VersionConflictError, until_written
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

_PAUSES: Final = (1, 2, 2)
"""Seconds to wait before another look at a file that can't be read yet. The queue's retry would come after minutes."""

logger = Logger()


class Settled(StrEnum):
    """What is known of a file after somebody looked."""

    GONE = "gone"
    """It was removed, or its ticket was: nothing is left of it."""
    MISSING = "missing"
    """It has not arrived."""
    LOST = "lost"
    """It had arrived, and its object is gone. Nobody but a person can help."""
    TRASHED = "trashed"
    """It was there when its ticket went to the trash, where it waits: it goes on when the ticket is restored."""
    SCANNING = "scanning"
    UNSCANNED = "unscanned"
    """The scanner could not look into it, and has to be asked again."""
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

    def settle_soon(self, place: Place, scan: Scan | None = None) -> Settled:
        """Do the same, and wait a few seconds for a clean file that can't be read yet; raises as `settle` does.

        GuardDuty tells what it has found before it tags the object, and S3's policy knows a tag a moment later.
        """
        for pause in _PAUSES:
            settled = self.settle(place, scan)
            if settled is not Settled.HIDDEN:
                return settled
            time.sleep(pause)
        return self.settle(place, scan)

    def give_up(self, place: Place) -> None:
        """Remove a file that has not arrived and can't any more; raises as `settle` does.

        What arrives all the same is deleted by whoever notices it.
        """
        until_written(partial(self._give_up, place), _ATTEMPTS)

    def scan_again(self, place: Place) -> None:
        """Let the scanner look again at a file that it has said nothing usable of; its answer is told as the first.

        Without a scanner, it does nothing: what an earlier one has said is not overruled.
        """
        if not DEPLOYMENT.scans_attachments:
            return
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
            return self._lost(attachment) if self._only_pinned(attachment, stored) is None else Settled.CLEAN
        # Read after the versions were listed: as long as the ticket is not in the trash, they came before a deletion.
        ticket = self._tickets.get_deleted(place.ticket_id, now=clock.now())
        if ticket is None:
            self._attachments.purge([attachment])
            self._objects.delete(stored)
            return Settled.GONE
        return self._waiting(attachment, ticket, stored, scan)

    def _waiting(self, attachment: Attachment, ticket: Ticket, stored: list[Stored], scan: Scan | None) -> Settled:
        """Decide about a file that has not arrived as far as is known, or has no result."""
        if attachment.state is State.PENDING:
            first = next((one for one in stored if one.size == attachment.size), None)
            if first is None:
                self._objects.delete(stored)  # none of them can be what was announced
                return Settled.MISSING
            # S3 tells the beginning of a second: what came in the very second of the deletion counts as there before.
            if ticket.deleted_at is not None and first.at > datetime.fromisoformat(ticket.deleted_at):
                self._attachments.remove(attachment, None, ticket=self._attachments.gone_check(ticket.id))
                self._objects.delete(stored)
                return Settled.GONE
            attachment = self._receive(attachment, first)
        pinned = self._only_pinned(attachment, stored)
        if pinned is None:
            return self._lost(attachment)
        return self._scanned(attachment, ticket, pinned, scan) if ticket.deleted_at is None else Settled.TRASHED

    def _receive(self, attachment: Attachment, first: Stored) -> Attachment:
        """Write which version of its object is the file, and return the file as it is then."""
        look_at = clock.timestamp(clock.now() + LOOK_AFTER)
        self._attachments.receive(attachment, first.version, look_at=look_at)
        return attachment.model_copy(update={"state": State.SCANNING, "object_version": first.version})

    def _only_pinned(self, attachment: Attachment, stored: list[Stored]) -> Stored | None:
        """Delete all versions but the one that is the file by its row, and return it; if it is gone, delete none."""
        pinned = next((one for one in stored if one.version == attachment.object_version), None)
        if pinned is not None:
            self._objects.delete(one for one in stored if one is not pinned)
        return pinned

    def _lost(self, attachment: Attachment) -> Settled:
        """Tell of a file whose object is gone, unless it went with its row, or was rejected, after the row was read."""
        place = attachment.place
        if self._attachments.get(place.ticket_id, place.attachment_id) != attachment:
            raise VersionConflictError
        logger.error("a file that had arrived has no object", extra=place._asdict())
        return Settled.LOST

    def _scanned(self, attachment: Attachment, ticket: Ticket, pinned: Stored, scan: Scan | None) -> Settled:
        """Decide about a file that is there, by what the scanner says of it."""
        result = scan.result if scan and scan.version == pinned.version else self._result(pinned, scan)
        if result in _REJECTIONS:
            return self._reject(attachment, ticket, *_REJECTIONS[result])
        if result is not ScanResult.NO_THREATS_FOUND:
            return Settled.SCANNING if result is None else Settled.UNSCANNED
        # Only now anybody may read it. S3 has compared it with the checksum when it came, if it came by our address.
        as_announced = self._objects.has_content(pinned, attachment)
        if as_announced is None:
            return Settled.HIDDEN
        if not as_announced:
            return self._reject(attachment, ticket, State.UNSCANNABLE, Reason.OTHER_CONTENT)
        uploader = Caller(attachment.uploaded_by_id, attachment.tenant_id, attachment.uploaded_by_role)
        self._finish(attachment, ticket, uploader, {"state": State.CLEAN})
        return Settled.CLEAN

    def _result(self, pinned: Stored, scan: Scan | None) -> ScanResult | None:
        """Return what is known of a version by its tag, which somebody has to write where there is no scanner."""
        try:
            if scan is None and not DEPLOYMENT.scans_attachments:
                self._objects.mark_clean(pinned)
            return self._objects.scan_result(pinned)
        except VersionGoneError as error:
            raise VersionConflictError from error

    def _reject(self, attachment: Attachment, ticket: Ticket, state: State, reason: Reason) -> Settled:
        return self._rejected(self._finish(attachment, ticket, self._system, {"state": state, "reason": reason}))

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
        if attachment is None or attachment.state is not State.PENDING:
            return
        ticket = self._tickets.get(place.ticket_id)
        gone = self._attachments.gone_check(place.ticket_id)
        check = gone if ticket is None else self._tickets.version_check(ticket)
        self._attachments.remove(attachment, None, ticket=check)
