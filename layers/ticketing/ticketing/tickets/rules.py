"""Rules: who may see a ticket, change which fields, write internal comments, and create tickets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ticketing.access.permissions import Grant, Operation, Relation, grant
from ticketing.access.roles import AGENTS, AGENTS_AND_REPORTER, Role
from ticketing.errors import ForbiddenError
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.kinds import Creators
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket

if TYPE_CHECKING:
    from ticketing.access.identity import Caller
    from ticketing.tickets.events import TicketEvent, TicketSummary


_UNTIL_RESOLVED = frozenset({Status.NEW, Status.OPEN, Status.IN_PROGRESS})


REPORTER_MAY_CHANGE = {
    "title": _UNTIL_RESOLVED,
    "description": _UNTIL_RESOLVED,
    "tags": _UNTIL_RESOLVED,
}
"""The fields of their own ticket that reporters may change, and in which statuses. Agents and admins may change all."""


REPORTER_MAY_NOT_CREATE_WITH = frozenset({"assignedToId", "reporterId"})
"""The fields of a new ticket that reporters may not set (an empty assignee and oneself as reporter are allowed)."""


INTERNAL_COMMENTS = AGENTS
"""The roles that may write and see internal comments."""


CREATORS = {Creators.EVERYBODY: AGENTS_AND_REPORTER, Creators.AGENTS: AGENTS, Creators.NOBODY: frozenset[Role]()}
"""The roles that may create tickets, by the tenant's setting."""


def check_ticket(granted: Grant, ticket: Ticket | TicketSummary) -> None:
    """Raise TicketNotFoundError unless the caller may do the operation to the ticket."""
    caller_id = granted.caller.user_id
    relations = {Relation.OWN} if ticket.reporter_id == caller_id else set()
    if ticket.assigned_to_id == caller_id:
        relations.add(Relation.ASSIGNED)
    if not granted.covers(relations):
        raise TicketNotFoundError


def check_changes(caller: Caller, ticket: Ticket | None, fields: Iterable[str]) -> None:
    """Raise ForbiddenError unless the caller may change these fields (names in JSON).

    Without a ticket, only fields are refused that the role may not change on any ticket.
    """
    if caller.role in AGENTS:
        return
    may = {name for name, when in REPORTER_MAY_CHANGE.items() if ticket is None or ticket.status in when}
    refused = sorted(set(fields) - may)
    if refused:
        message = f"The role {caller.role} may not change these fields" + (
            f" of a ticket that is {ticket.status}." if ticket else "."
        )
        raise ForbiddenError(message, refused)


def check_choices(caller: Caller, chosen: Iterable[str]) -> None:
    """Raise ForbiddenError unless the caller may set these fields (names in JSON) of a new ticket."""
    refused = sorted(REPORTER_MAY_NOT_CREATE_WITH.intersection(chosen)) if caller.role not in AGENTS else []
    if refused:
        message = f"The role {caller.role} may not set these fields of a new ticket."
        raise ForbiddenError(message, refused)


def sees_internal(caller: Caller) -> bool:
    """Return whether the caller may see internal comments."""
    return caller.role in INTERNAL_COMMENTS


def check_internal(caller: Caller) -> None:
    """Raise ForbiddenError unless the caller may write internal comments."""
    if not sees_internal(caller):
        message = f"The role {caller.role} may not write internal comments."
        raise ForbiddenError(message, ["visibility"])


def creators_with(caller: Caller) -> frozenset[Creators]:
    """Return the values of the tenant's setting with which the caller may create tickets."""
    return frozenset(creators for creators, roles in CREATORS.items() if caller.role in roles)


def may_see(caller: Caller, event: TicketEvent) -> bool:
    """Return whether the caller may see an event: internal or not, and the ticket as it was right after the event."""
    if event.ticket is None or (event.is_internal and not sees_internal(caller)):
        return False
    try:
        check_ticket(grant(Operation.GET_TICKET, caller), event.ticket)
    except (ForbiddenError, TicketNotFoundError):
        return False
    return True
