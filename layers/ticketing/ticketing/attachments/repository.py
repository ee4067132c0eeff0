"""Files in DynamoDB: the keys and expressions of their rows in the tickets table.

A file's row is under its ticket's partition key, `ATTACHMENT#<id>`; the ids are ordered by time. Beside the rows,
`ATTACHMENTS` counts those of the ticket, and an item of the tenant adds up the bytes. Both change in the transactions
in which rows come and go, so they are exact. Two indexes lead to the rows: `byNumber` to all of a tenant (their range
key there is the size) whose content is expected, `byChange` to those that something has to follow, from a time on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ticketing.attachments.models import MOST_OF_TICKET, Attachment, Place, State
from ticketing.aws.data import TenantData
from ticketing.dynamodb import cursors
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import Item, read_all, read_one
from ticketing.dynamodb.tables import Page, full_page_of, items_of, put_new, tenant_prefix, update_of
from ticketing.dynamodb.transactions import (
    Checks,
    VersionConflictError,
    cancellation_codes,
    raise_for_cancellation,
)
from ticketing.tickets.events import TicketEvent
from ticketing.tickets.keys import TICKET, comment_key, ticket_key, ticket_partition
from ticketing.tickets.kinds import Visibility
from ticketing.tickets.outbox import item_of
from ticketing.tickets.queries import without_internal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        KeysAndAttributesUnionTypeDef,
        QueryInputTypeDef,
        TransactWriteItemTypeDef,
        UpdateTypeDef,
    )

type Writes = list[TransactWriteItemTypeDef]
"""Members of a transaction."""

PREFIX: Final = "ATTACHMENT#"
"""What the range key of every file starts with."""

_KEY_PREFIX: Final = "ATTACHMENT_KEY#"
_COUNT: Final = "ATTACHMENTS"
_COUNTED: Final = {Visibility.PUBLIC: "files", Visibility.INTERNAL: "internalFiles"}
_TENANTS: Final = "ATTACHMENTS"
"""The `tenantKey` under which `byNumber` lists the tenants that had files."""

_KEY_SHAPE: Final = re.compile(r"ATTACHMENT#[0-9a-f-]{36}")

_FAILED: Final = "ConditionalCheckFailed"


class AttachmentExistsError(Exception):
    """The Idempotency-Key announced a file on this ticket before. Nothing was written."""


class TicketFullError(Exception):
    """The ticket has as many files as it may have. Nothing was written."""


class TenantFullError(Exception):
    """The tenant's files would have more bytes than they may have. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that something has to follow: where it is, its state, and from when on it was to be looked at."""

    place: Place
    state: State
    look_at: str


def usage_key(tenant_id: str) -> dict[str, str]:
    """Return the key of the item that adds up the bytes of a tenant's files."""
    return {"PK": f"{tenant_prefix(tenant_id)}#COUNTER", "SK": "ATTACHMENTS"}


def tenants_with_files(client: DynamoDBClient, table: str) -> Iterator[str]:
    """Yield the ids of the tenants that have files, or had some."""
    query: QueryInputTypeDef = {
        "TableName": table,
        "IndexName": "byNumber",
        "KeyConditionExpression": "tenantKey = :all",
        "ExpressionAttributeValues": to_item({":all": _TENANTS}),
    }
    return read_all(items_of(client, query), lambda item: str(item["PK"]["S"].split("#")[1]))


class AttachmentRepository:
    """The files on one tenant's tickets. Every key it builds starts with the tenant's id."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.tickets
        self._tenant_id = data.tenant_id

    # --- reading --------------------------------------------------------------------------------------------------

    def get(self, ticket_id: str, attachment_id: str) -> Attachment | None:
        """Return a file as last written (a consistent read), or None if there is none."""
        return self._read(ticket_id, f"{PREFIX}{attachment_id}", _attachment)

    def created_by(self, ticket_id: str, key: str) -> str | None:
        """Return the id of the file that a key announced on a ticket, removed or not, or None: a consistent read."""
        return self._read(ticket_id, f"{_KEY_PREFIX}{key}", lambda item: str(item["attachmentId"]["S"]))

    def has_had_files(self, ticket_id: str) -> bool:
        """Return whether a ticket, gone or not, has files or had some: a consistent read."""
        return self._read(ticket_id, _COUNT, lambda _: True) is not None

    def has_ticket(self, ticket_id: str) -> bool:
        """Return whether a ticket exists, in the trash or not: a consistent read."""
        return self._read(ticket_id, TICKET, lambda _: True) is not None

    def seem_gone(self, ticket_ids: Collection[str]) -> Collection[str]:
        """Return those of at most 100 tickets that are not there, in the trash or not: one read, eventually consistent.

        What DynamoDB leaves out for its load counts as there.
        """
        keys = {each: to_item(ticket_key(self._tenant_id, each)) for each in ticket_ids}
        wanted: KeysAndAttributesUnionTypeDef = {"Keys": [*keys.values()], "ProjectionExpression": "PK, SK"}
        answer = self._client.batch_get_item(RequestItems={self._table: wanted})
        left_out = answer["UnprocessedKeys"].get(self._table)
        there = [*answer["Responses"].get(self._table, []), *(left_out["Keys"] if left_out else [])]
        return [each for each, key in keys.items() if key not in there]

    def list(self, ticket_id: str, *, internal: bool, limit: int, cursor: str | None) -> Page[Attachment]:
        """Return one page of a ticket's files, in the order of their announcements, with or without internal ones.

        Raises
        ------
        BadRequestError
            The cursor was altered or belongs to another ticket.
        """
        query = self._of_ticket(ticket_id)
        partition = ticket_partition(self._tenant_id, ticket_id)
        scope = f"{partition} attachments"
        query["Limit"] = limit + 1
        if not internal:
            query = without_internal(query)
        if cursor is not None:
            position = cursors.decode(cursor, scope=scope, shape=_KEY_SHAPE)
            query["ExclusiveStartKey"] = to_item({"PK": partition, "SK": position})
        found, last = full_page_of(self._client, query, limit, _attachment)
        following = cursors.encode(last["SK"]["S"], scope=scope) if last else None
        return Page(found, following)

    def of_ticket(self, ticket_id: str) -> Sequence[Attachment]:
        """Return all files of a ticket as last written, in the order of their announcements: one consistent query."""
        return [*read_all(items_of(self._client, self._of_ticket(ticket_id)), _attachment)]

    def waiting(self, until: str) -> Iterator[Waiting]:
        """Yield the files that something has to follow and that were to be looked at by a time, oldest first.

        They come from an index (eventually consistent), on demand: one query for each 1 MB.
        """
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": "byChange",
            "KeyConditionExpression": "tenantKey = :files AND listKey < :until",
            "ExpressionAttributeValues": to_item({":files": self._files_key(), ":until": until}),
        }
        return read_all(items_of(self._client, query), _waiting)

    def places(self) -> Iterator[Place]:
        """Yield where the tenant's files are, without rejected ones, from an index (eventually consistent)."""
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": "byNumber",
            "KeyConditionExpression": "tenantKey = :files",
            "ExpressionAttributeValues": to_item({":files": self._files_key()}),
        }
        return read_all(items_of(self._client, query), self._place)

    # --- coming ---------------------------------------------------------------------------------------------------

    def create(
        self, attachment: Attachment, *, key: str | None, look_at: str, ticket: TransactWriteItemTypeDef, room: int
    ) -> None:
        """Write an announced file and count it, in one transaction.

        Parameters
        ----------
        attachment
            The file.
        key
            By what a retry with the same Idempotency-Key finds it.
        look_at
            From when on the sweep looks at it.
        ticket
            The check of its ticket.
        room
            How many bytes the tenant's other files may have.

        Raises
        ------
        AttachmentExistsError
            The Idempotency-Key announced a file before.
        TicketFullError, TenantFullError
            A limit is reached.
        VersionConflictError
            The ticket was changed or deleted after it was read, or other files are being counted.
        """
        place = {"tenantKey": self._files_key(), "number": attachment.size, "listKey": f"{look_at}#{attachment.id}"}
        members = [
            ticket,
            put_new(self._table, self._key(attachment) | attachment.model_dump(mode="json", by_alias=True) | place),
            self._count_one(attachment),
            self._use(attachment.size, "attribute_not_exists(#bytes) OR #bytes <= :most", room),
        ]
        if key is not None:
            partition = ticket_partition(self._tenant_id, attachment.ticket_id)
            known = {"PK": partition, "SK": f"{_KEY_PREFIX}{key}", "attachmentId": attachment.id}
            members.append(put_new(self._table, known))
        try:
            self._client.transact_write_items(TransactItems=members)
        except self._client.exceptions.TransactionCanceledException as error:
            codes = cancellation_codes(error)
            if codes[4:] == [_FAILED]:
                raise AttachmentExistsError from error
            if codes[0] == "None" and "TransactionConflict" not in codes and _FAILED in codes[2:4]:
                raise (TicketFullError if codes[2] == _FAILED else TenantFullError) from error
            raise_for_cancellation(error, {})
            raise

    def look_later(self, attachment: Attachment, look_at: str) -> None:
        """Let the sweep look at a file later, because there is a fresh address for its upload.

        Raises
        ------
        VersionConflictError
            It is not PENDING any more, or somebody is writing it.
        """
        values, bound = {"listKey": f"{look_at}#{attachment.id}"}, {":wasIn": State.PENDING}
        condition = "#state = :wasIn"
        if not self._update(update_of(self._table, self._key(attachment), values, condition=condition, values=bound)):
            raise VersionConflictError

    def receive(self, attachment: Attachment, version: str, *, look_at: str) -> None:
        """Write that a file has arrived as this version of its object: PENDING becomes SCANNING.

        Raises
        ------
        VersionConflictError
            It is not PENDING any more, or somebody is writing it.
        """
        values = {"state": State.SCANNING, "objectVersion": version, "listKey": f"{look_at}#{attachment.id}"}
        condition, bound = _unchanged(attachment)
        if not self._update(update_of(self._table, self._key(attachment), values, condition=condition, values=bound)):
            raise VersionConflictError

    def finish(
        self, before: Attachment, after: Attachment, event: TicketEvent, *, ticket: TransactWriteItemTypeDef
    ) -> None:
        """Write what a scan has found, and its event, in one transaction, if the file is as it was read.

        The sweep goes on looking at a rejected file, until `forget` says that nothing is left of its content.

        Raises
        ------
        VersionConflictError
            The ticket or the file was changed or removed after it was read.
        """
        values = after.model_dump(mode="json", by_alias=True, include={"state", "object_version", "reason"})
        if after.state is State.CLEAN:
            values["listKey"] = None
        condition, bound = _unchanged(before)
        update: TransactWriteItemTypeDef = {
            "Update": update_of(self._table, self._key(before), values, condition=condition, values=bound)
        }
        self._write([ticket, update, put_new(self._table, item_of(event))])

    def forget(self, attachment: Attachment) -> None:
        """Let the sweep expect nothing of a rejected file any longer: its content is gone.

        Raises
        ------
        VersionConflictError
            Somebody is writing it.
        """
        index_keys = dict.fromkeys(("tenantKey", "number", "listKey"))
        now = {":now": attachment.state}
        # Where the condition is false, it was removed meanwhile.
        self._update(update_of(self._table, self._key(attachment), index_keys, condition="#state = :now", values=now))

    # --- belonging to a comment -----------------------------------------------------------------------------------

    def ties(
        self, ticket_id: str, attachment_ids: Collection[str], uploader_id: str, comment_id: str, visibility: Visibility
    ) -> Checks:
        """Return the writes, for the end of a transaction, that tie files to a comment and give them its visibility.

        They are named by the files' ids. One fails unless the file was uploaded by this user, belongs to no comment and
        was not rejected. The state machine writes the same when a comment reopens a ticket.
        """
        condition = (
            "#uploadedById = :uploader AND attribute_not_exists(#commentId) AND #state IN (:pending, :scanning, :clean)"
        )
        bound = {
            ":uploader": uploader_id,
            ":pending": State.PENDING,
            ":scanning": State.SCANNING,
            ":clean": State.CLEAN,
        }
        values = {"commentId": comment_id, "visibility": visibility}
        return {
            each: {
                "Update": update_of(
                    self._table,
                    self._key(Place(self._tenant_id, ticket_id, each)),
                    values,
                    condition=condition,
                    values=bound,
                )
            }
            for each in attachment_ids
        }

    # --- going ----------------------------------------------------------------------------------------------------

    def remove(self, attachment: Attachment, event: TicketEvent | None, *, ticket: TransactWriteItemTypeDef) -> None:
        """Delete a file's row and give its bytes back, in one transaction with its event, if it has one.

        A comment that it belongs to loses it: one read more.

        Raises
        ------
        VersionConflictError
            The ticket, the file or its comment was changed or removed after it was read.
        """
        members = [ticket, *self.removals([attachment], [event] if event else [])]
        if attachment.comment_id is not None:
            members += self._untied(attachment, attachment.comment_id)
        self._write(members)

    def removals(
        self, attachments: Sequence[Attachment], events: Sequence[TicketEvent] = (), *, gives_back: bool = True
    ) -> Writes:
        """Return the writes, for a transaction, that delete rows of one ticket and give their bytes back; with events.

        They fail if one of the rows is not as it was read, or gone. Without rows there are none.
        """
        if not attachments:
            return []
        deletions: Writes = []
        for each in attachments:
            condition, bound = _unchanged(each)
            deletions.append(
                {
                    "Delete": {
                        "TableName": self._table,
                        "Key": to_item(self._key(each)),
                        "ConditionExpression": condition,
                        "ExpressionAttributeNames": {f"#{name}": name for name in ("state", "visibility", "commentId")},
                        "ExpressionAttributeValues": to_item(bound),
                    }
                }
            )
        return [
            *deletions,
            self._uncount(attachments),
            *([self._use(-sum(each.size for each in attachments), "attribute_exists(#bytes)")] if gives_back else []),
            *(put_new(self._table, item_of(event)) for event in events),
        ]

    def purge(self, attachments: Sequence[Attachment]) -> None:
        """Delete rows of a ticket that is gone for good, and give their bytes back; raises as `remove` does.

        With its tenant, what adds up the bytes is gone, too.
        """
        key = to_item(usage_key(self._tenant_id))
        has_usage = "Item" in self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        removals = self.removals(attachments, gives_back=has_usage)
        self._write([self.gone_check(attachments[0].ticket_id), *removals])

    def gone_check(self, ticket_id: str) -> TransactWriteItemTypeDef:
        """Return the condition check, for a transaction, that a ticket is in the trash, or gone for good."""
        return {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": to_item(ticket_key(self._tenant_id, ticket_id)),
                "ConditionExpression": "attribute_not_exists(PK) OR attribute_exists(deletedAt)",
            }
        }

    def erase_usage(self) -> None:
        """Delete the item that adds up the tenant's bytes."""
        self._client.delete_item(TableName=self._table, Key=to_item(usage_key(self._tenant_id)))

    # --- expressions ----------------------------------------------------------------------------------------------

    def _untied(self, attachment: Attachment, comment_id: str) -> Writes:
        """Return the write by which a comment loses a file; none if the comment is gone or does not have it."""
        key = comment_key(self._tenant_id, attachment.ticket_id, comment_id)
        answer = self._client.get_item(TableName=self._table, Key=to_item(key), ConsistentRead=True)
        ids = from_item(answer.get("Item", {})).get("attachmentIds", [])
        if attachment.id not in ids:
            return []
        left = {"attachmentIds": [each for each in ids if each != attachment.id]}
        update = update_of(self._table, key, left, condition="#attachmentIds = :before", values={":before": ids})
        return [{"Update": update}]

    def _count_one(self, attachment: Attachment) -> TransactWriteItemTypeDef:
        """Return the write that adds a file to its ticket's number of such files, if there is room."""
        name = _COUNTED[attachment.announced_as]
        condition = "attribute_not_exists(#files) OR #files < :most"
        return self._count(attachment.ticket_id, {"#files": name}, "#files :one", condition, one=1, most=MOST_OF_TICKET)

    def _uncount(self, attachments: Sequence[Attachment]) -> TransactWriteItemTypeDef:
        """Return the write that takes files of one ticket from its numbers of files."""
        numbers = Counter(_COUNTED[each.announced_as] for each in attachments)
        less = {name: -numbers[name] for name in _COUNTED.values()}
        names = {f"#{name}": name for name in less}
        added = ", ".join(f"#{name} :{name}" for name in less)
        return self._count(attachments[0].ticket_id, names, added, "attribute_exists(PK)", **less)

    def _count(
        self, ticket_id: str, names: Mapping[str, str], added: str, condition: str, **values: int
    ) -> TransactWriteItemTypeDef:
        return {
            "Update": {
                "TableName": self._table,
                "Key": to_item({"PK": ticket_partition(self._tenant_id, ticket_id), "SK": _COUNT}),
                "UpdateExpression": f"ADD {added}",
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": to_item({f":{name}": value for name, value in values.items()}),
            }
        }

    def _use(self, size: int, condition: str, most: int | None = None) -> TransactWriteItemTypeDef:
        """Return the write that adds to the bytes of the tenant's files, and lists the tenant in `byNumber`.

        The keys there stay as they are, and nothing else is projected: the index is written once for each tenant.
        """
        return {
            "Update": {
                "TableName": self._table,
                "Key": to_item(usage_key(self._tenant_id)),
                "UpdateExpression": "SET #tenantKey = :all, #number = :one ADD #bytes :size",
                "ConditionExpression": condition,
                "ExpressionAttributeNames": {"#tenantKey": "tenantKey", "#number": "number", "#bytes": "bytes"},
                "ExpressionAttributeValues": to_item({":all": _TENANTS, ":one": 1, ":size": size, ":most": most}),
            }
        }

    def _of_ticket(self, ticket_id: str) -> QueryInputTypeDef:
        partition = ticket_partition(self._tenant_id, ticket_id)
        return {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :pk AND begins_with(SK, :files)",
            "ExpressionAttributeValues": to_item({":pk": partition, ":files": PREFIX}),
            "ConsistentRead": True,
        }

    def _write(self, members: Sequence[TransactWriteItemTypeDef]) -> None:
        try:
            self._client.transact_write_items(TransactItems=members)
        except self._client.exceptions.TransactionCanceledException as error:
            raise_for_cancellation(error, {})
            raise

    def _update(self, update: UpdateTypeDef) -> bool:
        """Write one item, and return whether the condition was true; raise VersionConflictError if others write it."""
        try:
            self._client.update_item(**update)
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        except self._client.exceptions.TransactionConflictException as error:
            raise VersionConflictError from error
        return True

    def _read[T](self, ticket_id: str, place: str, read: Callable[[Item], T]) -> T | None:
        key = to_item({"PK": ticket_partition(self._tenant_id, ticket_id), "SK": place})
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return read_one(answer["Item"], read) if "Item" in answer else None

    def _key(self, of: Attachment | Place) -> dict[str, str]:
        place = of.place if isinstance(of, Attachment) else of
        return {
            "PK": ticket_partition(self._tenant_id, place.ticket_id),
            "SK": f"{PREFIX}{place.attachment_id}",
        }

    def _files_key(self) -> str:
        return f"{tenant_prefix(self._tenant_id)}#ATTACHMENTS"

    def _place(self, item: Item) -> Place:
        start = ticket_partition(self._tenant_id, "")
        return Place(self._tenant_id, item["PK"]["S"].removeprefix(start), item["SK"]["S"].removeprefix(PREFIX))


def _unchanged(attachment: Attachment) -> tuple[str, Mapping[str, Any]]:
    """Return the condition, and its values, that a file is in the state, and seen by those, as it was read."""
    bound = {":wasIn": attachment.state, ":wasSeen": attachment.visibility}
    if attachment.comment_id is None:
        return "#state = :wasIn AND #visibility = :wasSeen AND attribute_not_exists(#commentId)", bound
    tied = {":wasOf": attachment.comment_id}
    return "#state = :wasIn AND #visibility = :wasSeen AND #commentId = :wasOf", bound | tied


def _attachment(item: Item) -> Attachment:
    return Attachment.model_validate(from_item(item))


def _waiting(item: Item) -> Waiting:
    attachment = _attachment(item)
    return Waiting(attachment.place, attachment.state, item["listKey"]["S"].removesuffix(f"#{attachment.id}"))
