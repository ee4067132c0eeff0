"""Comments on tickets: what they are, and where they live.

A comment is an item under its ticket's partition key, `COMMENT#<id>`. The ids are ordered by time, so that a query
finds the comments of a ticket oldest first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ticketing.attributes import from_item, to_item
from ticketing.events import Visibility
from ticketing.models import Model
from ticketing.tables import tenant_prefix, ticket_partition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PREFIX: Final = "COMMENT#"
"""What the range key of every comment starts with."""


class Comment(Model):
    """A comment as it is stored, without its keys. Times are RFC 3339 texts in UTC with milliseconds.

    `body` is Markdown as it came, trimmed at both ends; `mentions` are the ids of the users whom it mentions.
    """

    id: str
    tenant_id: str
    ticket_id: str
    author_id: str
    body: str
    visibility: Visibility
    mentions: list[str]
    created_at: str
    updated_at: str

    @property
    def is_internal(self) -> bool:
        """Whether only agents and admins may learn of it."""
        return self.visibility is Visibility.INTERNAL


class CommentRepository:
    """The comments on one tenant's tickets. It cannot be made without one, and every key it builds starts with it."""

    def __init__(self, client: DynamoDBClient, table: str, tenant_id: str) -> None:
        tenant_prefix(tenant_id)
        self._client = client
        self._table = table
        self._tenant_id = tenant_id

    def get(self, ticket_id: str, comment_id: str) -> Comment | None:
        """Return a comment as last written (a consistent read), or None if there is none (any more)."""
        answer = self._client.get_item(
            TableName=self._table, Key=to_item(self._key(ticket_id, comment_id)), ConsistentRead=True
        )
        return Comment.model_validate(from_item(answer["Item"])) if "Item" in answer else None

    def _key(self, ticket_id: str, comment_id: str) -> dict[str, str]:
        return {"PK": ticket_partition(self._tenant_id, ticket_id), "SK": f"{PREFIX}{comment_id}"}
