"""The words of tickets and their events. No models here: what needs these alone starts without pydantic's work."""

from enum import StrEnum


class Priority(StrEnum):
    """How urgent a ticket is."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class TicketType(StrEnum):
    """What kind of work a ticket asks for."""

    INCIDENT = "INCIDENT"
    SERVICE_REQUEST = "SERVICE_REQUEST"
    QUESTION = "QUESTION"


class Sort(StrEnum):
    """The orders of ticket lists; with a minus, the largest or latest first."""

    UPDATED = "updatedAt"
    LAST_UPDATED = "-updatedAt"
    NUMBER = "number"
    LAST_NUMBER = "-number"

    @property
    def descending(self) -> bool:
        """Whether the largest or latest comes first."""
        return self.startswith("-")

    @property
    def by_number(self) -> bool:
        """Whether this is an order of numbers, which never change."""
        return self in {Sort.NUMBER, Sort.LAST_NUMBER}


class Creators(StrEnum):
    """The tenant's setting of who may create tickets; NOBODY while the tenant is being deleted."""

    EVERYBODY = "EVERYBODY"
    AGENTS = "AGENTS"
    NOBODY = "NOBODY"


class EventType(StrEnum):
    """The types of events."""

    TICKET_CREATED = "TicketCreated"
    TICKET_UPDATED = "TicketUpdated"
    TICKET_TRANSITIONED = "TicketTransitioned"
    TICKET_DELETED = "TicketDeleted"
    TICKET_RESTORED = "TicketRestored"
    COMMENT_ADDED = "CommentAdded"
    COMMENT_UPDATED = "CommentUpdated"
    COMMENT_DELETED = "CommentDeleted"
    ATTACHMENT_ADDED = "AttachmentAdded"
    ATTACHMENT_REJECTED = "AttachmentRejected"
    ATTACHMENT_REMOVED = "AttachmentRemoved"


class Visibility(StrEnum):
    """Who may see a comment or file and its events: everybody who may see the ticket, or only agents and admins."""

    PUBLIC = "public"
    INTERNAL = "internal"
