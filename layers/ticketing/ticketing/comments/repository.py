"""Comments in DynamoDB: the keys and expressions of their items in the tickets table.

A comment is an item under its ticket's partition key, `COMMENT#<id>`. The ids are ordered by time, so a query returns
a ticket's comments oldest first. An Idempotency-Key is a separate item, `COMMENT_KEY#<...>`, because an id derived from
the key would not be ordered by time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ticketing.aws.data import TenantData
from ticketing.comments.models import Comment
from ticketing.dynamodb import cursors
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import Item, read_one
from ticketing.dynamodb.tables import (
    Page,
    full_page_of,
    put_new,
    update_of,
)
from ticketing.dynamodb.transactions import Checks, cancellation_codes, raise_for_cancellation
from ticketing.tickets.events import TicketEvent
from ticketing.tickets.keys import COMMENT_PREFIX, comment_key, ticket_partition
from ticketing.tickets.outbox import item_of
from ticketing.tickets.queries import without_internal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

type Items = list[dict[str, Any]]
"""Items of the table, in plain values."""

_KEY_PREFIX: Final = "COMMENT_KEY#"

_KEY_SHAPE: Final = re.compile(r"COMMENT#[0-9a-f-]{36}")


class CommentExistsError(Exception):
    """The Idempotency-Key created a comment on this ticket before. Nothing was written."""


class CommentRepository:
    """The comments on one tenant's tickets. Every key it builds starts with the tenant's id."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.tickets
        self._tenant_id = data.tenant_id

    def get(self, ticket_id: str, comment_id: str) -> Comment | None:
        """Return a comment as last written (a consistent read), or None if there is none."""
        return self._read(comment_key(self._tenant_id, ticket_id, comment_id), _comment)

    def created_by(self, ticket_id: str, key: str) -> str | None:
        """Return the id of the comment that a key created on a ticket, deleted or not, or None: a consistent read."""
        place = {"PK": ticket_partition(self._tenant_id, ticket_id), "SK": f"{_KEY_PREFIX}{key}"}
        return self._read(place, lambda item: str(item["commentId"]["S"]))

    def list(self, ticket_id: str, *, internal: bool, limit: int, cursor: str | None) -> Page[Comment]:
        """Return one page of a ticket's comments, oldest first, with or without the internal ones.

        It takes one consistent query, or more if many internal comments are left out.

        Raises
        ------
        BadRequestError
            The cursor was altered or belongs to another ticket.
        """
        partition = ticket_partition(self._tenant_id, ticket_id)
        scope = f"{partition} comments"
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :pk AND begins_with(SK, :comments)",
            "ExpressionAttributeValues": to_item({":pk": partition, ":comments": COMMENT_PREFIX}),
            "ConsistentRead": True,
            "Limit": limit + 1,
        }
        if not internal:
            query = without_internal(query)
        if cursor is not None:
            position = cursors.decode(cursor, scope=scope, shape=_KEY_SHAPE)
            query["ExclusiveStartKey"] = to_item({"PK": partition, "SK": position})
        comments, last = full_page_of(self._client, query, limit, _comment)
        following = cursors.encode(last["SK"]["S"], scope=scope) if last else None
        return Page(comments, following)

    def items_of(self, comment: Comment, event: TicketEvent, key: str | None) -> Items:
        """Return the items of a new comment, in plain values: its event, itself, and its Idempotency-Key, if any."""
        partition = ticket_partition(self._tenant_id, comment.ticket_id)
        items = [item_of(event), self._key(comment) | comment.model_dump(mode="json", by_alias=True)]
        if key is not None:
            items.append({"PK": partition, "SK": f"{_KEY_PREFIX}{key}", "commentId": comment.id})
        return items

    def create(
        self,
        items: Items,
        *,
        ticket: TransactWriteItemTypeDef,
        watchers: Sequence[TransactWriteItemTypeDef],
        checks: Checks,
    ) -> None:
        """Write a new comment (`items_of`) and the write or check of its ticket in one transaction.

        Raises
        ------
        CommentExistsError
            The Idempotency-Key created a comment before.
        CheckFailedError
            It names people or files that can't be named; `names` are those of their checks.
        VersionConflictError
            The ticket was changed or deleted after it was read, or a person or file that it names is being changed.
        """
        members = [ticket, *(put_new(self._table, item) for item in items), *watchers, *checks.values()]
        try:
            self._client.transact_write_items(TransactItems=members)
        except self._client.exceptions.TransactionCanceledException as error:
            of_items = cancellation_codes(error)[1 : len(items) + 1]
            if of_items[2:] == ["ConditionalCheckFailed"]:  # the third item is the Idempotency-Key
                raise CommentExistsError from error
            raise_for_cancellation(error, checks)
            raise

    def update(  # noqa: PLR0913 - one transaction, spelled out
        self,
        before: Comment,
        after: Comment,
        event: TicketEvent,
        *,
        ticket: TransactWriteItemTypeDef,
        watchers: Sequence[TransactWriteItemTypeDef],
        checks: Checks,
    ) -> None:
        """Replace the text of a comment, if neither it nor its ticket has changed; raises as `create` does."""
        values = after.model_dump(mode="json", by_alias=True, include={"body", "mentions", "updated_at"})
        condition, bound = "#updatedAt = :before", {":before": before.updated_at}
        change: TransactWriteItemTypeDef = {
            "Update": update_of(self._table, self._key(before), values, condition=condition, values=bound)
        }
        self._write([ticket, change, put_new(self._table, item_of(event)), *watchers, *checks.values()], checks)

    def delete(
        self,
        comment: Comment,
        event: TicketEvent,
        *,
        ticket: TransactWriteItemTypeDef,
        files: Sequence[TransactWriteItemTypeDef] = (),
    ) -> None:
        """Delete a comment and its text, with the writes that remove its files, if its ticket has not changed.

        Raises
        ------
        VersionConflictError
            The ticket was changed or deleted after it was read, the comment was deleted, or its files have changed.
        """
        deletion: TransactWriteItemTypeDef = {
            "Delete": {
                "TableName": self._table,
                "Key": to_item(self._key(comment)),
                "ConditionExpression": "attribute_exists(PK)",
            }
        }
        if comment.attachment_ids:
            deletion["Delete"] |= {
                "ConditionExpression": "attachmentIds = :files",
                "ExpressionAttributeValues": to_item({":files": comment.attachment_ids}),
            }
        self._write([ticket, deletion, put_new(self._table, item_of(event)), *files], {})

    def _write(self, members: Sequence[TransactWriteItemTypeDef], checks: Checks) -> None:
        try:
            self._client.transact_write_items(TransactItems=members)
        except self._client.exceptions.TransactionCanceledException as error:
            raise_for_cancellation(error, checks)
            raise

    def _read[T](self, key: Mapping[str, str], read: Callable[[Item], T]) -> T | None:
        answer = self._client.get_item(TableName=self._table, Key=to_item(key), ConsistentRead=True)
        return read_one(answer["Item"], read) if "Item" in answer else None

    def _key(self, comment: Comment) -> dict[str, str]:
        return comment_key(self._tenant_id, comment.ticket_id, comment.id)


def _comment(item: Item) -> Comment:
    return Comment.model_validate(from_item(item))
