"""The ticket and the bodies that callers send, as pydantic models.

Field names are camelCase outside and snake_case inside. Unknown fields are refused everywhere. Texts are trimmed at
both ends and otherwise kept as they came; NUL is the one character refused: no log, terminal or database keeps it well.
"""

import hashlib
import json
import re
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from ticketing.lifecycle import Status

NO_NUL = r"^[^\x00]*$"
UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
# An address as HTML has it, so ASCII, with a dot in its domain.
EMAIL = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+$"
)
# A BCP 47 tag, as far as it is used for people.
LOCALE = r"^[A-Za-z]{2,3}(-[0-9A-Za-z]{2,8})*$"

Id = Annotated[str, StringConstraints(pattern=UUID, to_lower=True)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000, pattern=NO_NUL)]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50, pattern=NO_NUL)]
Tags = Annotated[list[Tag], Field(max_length=20)]


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


class Creators(StrEnum):
    """Who may create tickets, as a tenant has set it; nobody while it is being deleted."""

    EVERYBODY = "EVERYBODY"
    AGENTS = "AGENTS"
    NOBODY = "NOBODY"


def absent() -> Any:  # noqa: ANN401 - stands in for every type of field
    """Return the default of a field that may be left out but not be null; look at `model_fields_set`, never at it."""
    return Field(default=None)


class Model(BaseModel):
    """What all models are: unchangeable, with camelCase names outside; the code may make them by the inside names."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, validate_by_name=True, validate_by_alias=True)


class Body(Model):
    """What callers send: unknown fields are refused, inside names among them."""

    model_config = ConfigDict(extra="forbid", validate_by_name=False)

    def fingerprint(self) -> str:
        """Return what tells one body from another: what it names, not the defaults, which a tenant may change."""
        named = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return hashlib.sha256(json.dumps(named).encode()).hexdigest()


class Update(Body):
    """What callers send to change something: at least one field; what is left out stays as it is."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.model_fields_set:
            message = "at least one field is needed"
            raise ValueError(message)
        return self


class TicketCreate(Body):
    """The body of createTicket."""

    title: Title
    description: LongText
    status: Literal[Status.NEW, Status.OPEN] = Status.NEW
    priority: Priority = Priority.MEDIUM
    type: TicketType = TicketType.INCIDENT
    reporter_id: Id = absent()
    assigned_to_id: Id | None = None
    tags: Tags = []


class TicketReplace(Body):
    """The body of replaceTicket: all that a caller may set. What is left out becomes null, or an empty list."""

    title: Title
    description: LongText
    status: Status
    priority: Priority
    type: TicketType
    reporter_id: Id
    assigned_to_id: Id | None = None
    tags: Tags = []
    resolution: LongText | None = None


class TicketUpdate(Update):
    """The body of updateTicket."""

    title: Title = absent()
    description: LongText = absent()
    status: Status = absent()
    priority: Priority = absent()
    type: TicketType = absent()
    reporter_id: Id = absent()
    assigned_to_id: Id | None = None
    tags: Tags = absent()
    resolution: LongText | None = None


class TransitionRequest(Body):
    """The body of transitionTicket."""

    to: Status
    resolution: LongText = absent()
    comment: LongText = absent()


def _whole_number(value: Any) -> int:  # noqa: ANN401 - whatever the query holds
    """Return the number that the text is; `int` alone would also take "7.0", "+7", "1_0" and other scripts' digits."""
    if not re.fullmatch(r"[0-9]{1,4}", value):
        message = "must be a whole number from 1 to 100"
        raise ValueError(message)
    return int(value)


def listed(value: Any) -> Any:  # noqa: ANN401 - whatever the query holds
    """Return the names of a list that is separated by commas."""
    return value.split(",") if isinstance(value, str) else value


class NoQuery(Body):
    """The query of the operations that take none."""


class Expandable(StrEnum):
    """What a ticket can tell more of: the people whose ids it holds."""

    REPORTER = "reporter"
    ASSIGNED_TO = "assignedTo"


class ExpandQuery(Body):
    """The query of getTicket."""

    expand: Annotated[frozenset[Expandable], BeforeValidator(listed)] = frozenset()


class PageQuery(Body):
    """The query of every list: how much of it, and from where."""

    limit: Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=100)] = 25
    cursor: str | None = None


class HistoryQuery(PageQuery):
    """The query of listTicketHistory."""

    expand: Annotated[frozenset[Literal["actor"]], BeforeValidator(listed)] = frozenset()


class TicketQuery(PageQuery, ExpandQuery):
    """The query of listTickets; `me` stands for the caller, `none` for nobody."""

    status: Status | None = None
    priority: Priority | None = None
    type: TicketType | None = None
    assigned_to_id: Id | Literal["me", "none"] | None = None
    reporter_id: Id | Literal["me"] | None = None
    tag: Tag | None = None


EDITABLE = frozenset({"title", "description", "priority", "type", "reporterId", "assignedToId", "tags", "resolution"})
"""The fields of a ticket that a caller sets directly, by their outside names. `status` is the state machine's."""


class Ticket(Model):
    """A ticket as it is stored, without the keys that store it. Times are RFC 3339 texts in UTC with milliseconds."""

    id: str
    tenant_id: str
    number: int
    title: str
    description: str
    status: Status
    priority: Priority
    type: TicketType
    reporter_id: str
    assigned_to_id: str | None = None
    tags: list[str]
    resolution: str | None = None
    version: int
    created_at: str
    updated_at: str
    first_responded_at: str | None = None
    closed_at: str | None = None
    deleted_at: str | None = None
    request_hash: str | None = None

    def editable(self) -> dict[str, Any]:
        """Return the fields that a caller may set, by their outside names, as plain JSON values."""
        return self.model_dump(mode="json", by_alias=True, include=_EDITABLE_ATTRIBUTES)


_EDITABLE_ATTRIBUTES = {name for name in Ticket.model_fields if to_camel(name) in EDITABLE}
