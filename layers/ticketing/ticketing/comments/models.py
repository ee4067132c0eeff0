"""Comments, and the bodies and queries that callers send about them, as pydantic models."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ticketing.api.bodies import UUID, Body, Id, LongText, Model, PageQuery, listed
from ticketing.tickets.kinds import Visibility

if TYPE_CHECKING:
    from collections.abc import Mapping

_MENTION: Final = re.compile(rf"@\[({UUID.strip('^$')})\]")


MOST_MENTIONS: Final = 20
"""How many people a comment may mention. Each takes two items of its transaction, which can have 100."""

MOST_FILES: Final = 20
"""How many files a comment may have. Each takes an item of its transaction, and three when they go."""


def mentions_in(text: str) -> list[str]:
    """Return the ids of the users that a text mentions as `@[<id>]`, each once, in the order of the text."""
    return list(dict.fromkeys(found.lower() for found in _MENTION.findall(text)))


def with_names(text: str, names: Mapping[str, str]) -> str:
    """Return a text with the people that it mentions by name, `@Ada`; whoever has none here stays `@[<id>]`."""

    def named(found: re.Match[str]) -> str:
        name = names.get(found[1].lower())
        return found[0] if name is None else f"@{name}"

    return _MENTION.sub(named, text)


def _mentions_few(text: str) -> str:
    if len(mentions_in(text)) > MOST_MENTIONS:
        message = f"mentions more than {MOST_MENTIONS} people"
        raise ValueError(message)
    return text


CommentText = Annotated[LongText, AfterValidator(_mentions_few)]


AttachmentIds = Annotated[list[Id], Field(max_length=MOST_FILES), AfterValidator(lambda ids: list(dict.fromkeys(ids)))]


class CommentCreate(Body):
    """The body of createComment."""

    body: CommentText
    visibility: Visibility = Visibility.PUBLIC
    attachment_ids: AttachmentIds = []
    """Files that the author uploaded to the ticket. They get the comment's visibility."""


class CommentUpdate(Body):
    """The body of updateComment. The visibility can't change: the comment may have been sent to people already."""

    body: CommentText


class ExpandCommentQuery(Body):
    """The query of getComment."""

    expand: Annotated[frozenset[Literal["author"]], BeforeValidator(listed)] = frozenset()


class CommentQuery(PageQuery, ExpandCommentQuery):
    """The query of listComments."""


class Comment(Model):
    """A comment as it is stored, without its keys. Times are RFC 3339 texts in UTC with milliseconds.

    `body` is Markdown as it was sent, trimmed at both ends; `mentions` are the ids of the users that it mentions,
    `attachment_ids` those of its files.
    """

    id: str
    tenant_id: str
    ticket_id: str
    author_id: str
    body: str
    visibility: Visibility
    mentions: list[str] = []
    attachment_ids: list[str] = []
    created_at: str
    updated_at: str
    request_hash: str | None = None
    """The hash of the request's body, if it had an Idempotency-Key."""

    @property
    def is_internal(self) -> bool:
        """Whether only agents and admins may see it."""
        return self.visibility is Visibility.INTERNAL
