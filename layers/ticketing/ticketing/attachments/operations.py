"""What the operations of attachments share: announcing, finding, reading, removing and presenting files.

None of them changes the ticket's version, which is checked only where they write. docs/attachments.md has all rules.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError

from ticketing import clock, ids
from ticketing.attachments.errors import (
    AttachmentLimitReachedError,
    AttachmentNotFoundError,
    AttachmentNotReadyError,
    AttachmentRejectedError,
    AttachmentStorageFullError,
)
from ticketing.attachments.models import MOST_OF_TICKET, REJECTED, WAITING, Attachment, Place, Reason, State
from ticketing.attachments.objects import UPLOAD_TIME, Address, FileObjects, ObjectsLeftError
from ticketing.attachments.repository import (
    AttachmentExistsError,
    AttachmentRepository,
    TenantFullError,
    TicketFullError,
)
from ticketing.attachments.rules import check_removal, check_visibility
from ticketing.aws.data import files_of_caller, of_caller
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.transactions import until_written
from ticketing.errors import ConflictError, IdempotencyKeyReusedError, PayloadTooLargeError
from ticketing.metrics import count
from ticketing.tickets.errors import TicketClosedError
from ticketing.tickets.events import TicketEvent
from ticketing.tickets.kinds import EventType, Visibility
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.operations import find_ticket
from ticketing.tickets.repository import TicketRepository
from ticketing.tickets.rules import sees_internal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ticketing.access.identity import Caller
    from ticketing.access.permissions import Grant
    from ticketing.attachments.models import AttachmentCreate
    from ticketing.dynamodb.tables import Page
    from ticketing.tickets.models import Ticket

_ATTEMPTS: Final = 10
"""How many times a write is attempted. All uploads of a tenant are counted in one item, so they wait for each other."""

LOOK_AFTER: Final = UPLOAD_TIME + timedelta(minutes=5)
"""After how long without news the sweep looks at a file: nobody can upload it any more, and its event is late."""

_NOT_SHOWN: Final = {"tenant_id", "announced_as", "uploaded_by_role", "object_version", "request_hash"}

_WHY_REJECTED: Final = {
    Reason.THREATS_FOUND: "The scanner found malware in it.",
    Reason.UNSUPPORTED: "The scanner can't look into it: it is encrypted, too large or too deeply packed.",
    Reason.OTHER_CONTENT: "What arrived is not what was announced.",
}

logger = Logger()


def find_attachment(caller: Caller, attachment: Attachment | None) -> Attachment:
    """Return the file that was read. Raise AttachmentNotFoundError if there is none or the caller may not see it."""
    if attachment is None or (attachment.is_internal and not sees_internal(caller)):
        raise AttachmentNotFoundError
    return attachment


def presented(attachment: Attachment) -> dict[str, Any]:
    """Return a file as the contract shows it."""
    return attachment.model_dump(mode="json", by_alias=True, exclude=_NOT_SHOWN)


def announced(attachment: Attachment, caller: Caller) -> dict[str, Any]:
    """Return an announced file as createAttachment shows it: with the address for its upload, until it has arrived."""
    upload = None
    if attachment.state is State.PENDING:
        address = FileObjects(files_of_caller(caller)).upload_address(attachment)
        upload = {
            "method": "PUT",
            "url": address.url,
            "headers": dict(address.headers),
            "expiresAt": address.expires_at,
        }
    return presented(attachment) | {"upload": upload}


def event_of(kind: EventType, attachment: Attachment, ticket: Ticket, actor: Caller) -> TicketEvent:
    """Return the event of a change of a file. It names the file without its name."""
    about = {
        "attachment_id": attachment.id,
        "comment_id": attachment.comment_id,
        "visibility": attachment.visibility,
        "occurred_at": clock.timestamp(clock.now()),
    }
    return TicketEvent.of(kind, ticket, actor, {}).model_copy(update=about)


def delete_objects(objects: FileObjects, places: Iterable[Place]) -> None:
    """Delete the objects of files whose rows are gone. What S3 does not delete now, the sweep finds."""
    for place in places:
        try:
            objects.delete_all(place)
        except (BotoCoreError, ClientError, ObjectsLeftError):
            logger.warning("the sweep has to delete an object", extra=place._asdict(), exc_info=True)
            count({"ObjectsLeft": 1}, {})


class TicketAttachments:
    """The files on one ticket, as one caller reads and changes them."""

    def __init__(self, granted: Grant, ticket_id: str) -> None:
        self._granted = granted
        self._caller = granted.caller
        self._ticket_id = ticket_id
        self._tickets = TicketRepository(of_caller(self._caller))
        self._attachments = AttachmentRepository(of_caller(self._caller))

    def announce(self, body: AttachmentCreate, idempotency_key: str | None) -> Attachment:
        """Write that a file will be uploaded and return it, or the one that the same Idempotency-Key announced before.

        Raises
        ------
        PayloadTooLargeError, ForbiddenError, TicketNotFoundError, TicketClosedError, IdempotencyKeyReusedError
            Nothing was written.
        AttachmentLimitReachedError, AttachmentStorageFullError
            The ticket has as many files, or the tenant's have as many bytes, as they may have. Nothing was written.
        ConflictError
            The file that the key announced was removed, or each attempt met another change. Nothing was written.
        """
        largest = DEPLOYMENT.attachment_max_bytes
        if body.size > largest:
            message = f"A file has {largest} bytes at most."
            raise PayloadTooLargeError(message)
        check_visibility(self._caller, internal=body.visibility is Visibility.INTERNAL)
        key = idempotency_key and ids.derived_id(self._caller.tenant_id, self._caller.user_id, idempotency_key)
        return until_written(partial(self._announce, body, key), _ATTEMPTS)

    def page(self, *, limit: int, cursor: str | None) -> Page[Attachment]:
        """Return one page of the ticket's files; raises TicketNotFoundError, and BadRequestError for the cursor."""
        ticket = self._ticket()
        return self._attachments.list(ticket.id, internal=sees_internal(self._caller), limit=limit, cursor=cursor)

    def get(self, attachment_id: str) -> Attachment:
        """Return a file; raises TicketNotFoundError and AttachmentNotFoundError."""
        ticket = self._ticket()
        return find_attachment(self._caller, self._attachments.get(ticket.id, attachment_id))

    def content(self, attachment_id: str) -> Address:
        """Return the address of a file's content; raises as `get` does.

        Raises
        ------
        AttachmentNotReadyError, AttachmentRejectedError
            It can't be read yet, or never.
        """
        attachment = self.get(attachment_id)
        if attachment.state in WAITING:
            raise AttachmentNotReadyError
        if attachment.state in REJECTED:
            message = "The file was rejected and is deleted."
            raise AttachmentRejectedError(message, [_WHY_REJECTED[attachment.reason]] if attachment.reason else [])
        return FileObjects(files_of_caller(self._caller)).reading_address(attachment)

    def remove(self, attachment_id: str) -> None:
        """Remove a file for good. This works on a closed ticket too: secrets must be removable.

        Raises
        ------
        TicketNotFoundError, AttachmentNotFoundError, ForbiddenError
            Nothing was written. Checked in this order.
        ConflictError
            Each attempt met another change of the ticket or the file.
        """
        removed = until_written(partial(self._remove, attachment_id), _ATTEMPTS)
        delete_objects(FileObjects(files_of_caller(self._caller)), [removed.place])

    def _ticket(self) -> Ticket:
        return find_ticket(self._granted, self._tickets.get(self._ticket_id))

    def _announce(self, body: AttachmentCreate, key: str | None) -> Attachment:
        ticket = self._ticket()
        if ticket.status is Status.CLOSED:
            existing = key and self._attachments.created_by(ticket.id, key)
            if not existing:
                raise TicketClosedError(to="attach files")
            return self._announced_before(existing, body)
        now = clock.now()
        attachment = Attachment(
            **body.model_dump(),
            id=ids.new_id(),
            tenant_id=self._caller.tenant_id,
            ticket_id=ticket.id,
            state=State.PENDING,
            announced_as=body.visibility,
            uploaded_by_id=self._caller.user_id,
            uploaded_by_role=self._caller.role,
            created_at=clock.timestamp(now),
            request_hash=body.fingerprint() if key else None,
        )
        room = DEPLOYMENT.attachment_tenant_bytes - attachment.size
        if room < 0:
            raise AttachmentStorageFullError
        look_at, check = clock.timestamp(now + LOOK_AFTER), self._tickets.version_check(ticket)
        try:
            self._attachments.create(attachment, key=key, look_at=look_at, ticket=check, room=room)
        except AttachmentExistsError:
            return self._announced_before(str(self._attachments.created_by(ticket.id, str(key))), body)
        except TicketFullError as error:
            kind = "internal files" if body.visibility is Visibility.INTERNAL else "files"
            message = f"A ticket has {MOST_OF_TICKET} {kind} at most."
            raise AttachmentLimitReachedError(message) from error
        except TenantFullError as error:
            raise AttachmentStorageFullError from error
        return attachment

    def _announced_before(self, attachment_id: str, body: AttachmentCreate) -> Attachment:
        existing = self._attachments.get(self._ticket_id, attachment_id)
        if existing is None:
            message = "The file that this Idempotency-Key announced was removed."
            raise ConflictError(message)
        if existing.request_hash != body.fingerprint():
            message = "This Idempotency-Key announced a file with another body."
            raise IdempotencyKeyReusedError(message)
        attachment = find_attachment(self._caller, existing)
        if attachment.state is State.PENDING:  # there will be a fresh address
            self._attachments.look_later(attachment, clock.timestamp(clock.now() + LOOK_AFTER))
        return attachment

    def _remove(self, attachment_id: str) -> Attachment:
        ticket = self._ticket()
        attachment = find_attachment(self._caller, self._attachments.get(ticket.id, attachment_id))
        check_removal(self._caller, attachment, clock.now())
        event = event_of(EventType.ATTACHMENT_REMOVED, attachment, ticket, self._caller)
        self._attachments.remove(attachment, event, ticket=self._tickets.version_check(ticket))
        return attachment
