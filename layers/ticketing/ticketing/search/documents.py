"""What of a ticket is searched: one document, made of the ticket's whole item collection."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """A ticket as the index knows it. Times are milliseconds since 1970."""

    ticket_id: str
    number: int
    status: str
    priority: str
    type: str
    tags: tuple[str, ...]
    assignee_id: str | None
    reporter_id: str
    created_at: int
    updated_at: int
    resolved_at: int | None
    """When it was resolved last; None if it never was."""
    title: str
    texts: tuple[str, ...]
    """What everybody who sees the ticket may read: description, resolution, public comments, names of public files."""
    internal: tuple[str, ...]
    """What only agents and admins may read: internal comments, names of internal files."""
    has_file: bool
    """Whether it has a public file."""
    has_internal_file: bool
