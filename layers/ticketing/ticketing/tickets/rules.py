"""Who may do what to which ticket: fields by role and status, internal comments, creators. Data, and its readers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ticketing.access.permissions import Grant, Operation, Relation, grant
from ticketing.access.roles import AGENTS, AGENTS_AND_REPORTER, Role
from ticketing.errors import ForbiddenError
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Creators, Ticket

if TYPE_CHECKING:
    from ticketing.access.identity import Caller
    from ticketing.tickets.events import TicketEvent, TicketSummary


_UNTIL_RESOLVED = frozenset({Status.NEW, Status.OPEN, Status.IN_PROGRESS})


REPORTER_MAY_CHANGE = {
    "title": _UNTIL_RESOLVED,
    "description": _UNTIL_RESOLVED,
    "tags": _UNTIL_RESOLVED,
}
"""The fields that a reporter may change on an own ticket, and the statuses in which. Agents and admins change all."""


REPORTER_MAY_NOT_CREATE_WITH = frozenset({"assignedToId", "reporterId"})
"""The fields that a reporter may not choose on a new ticket (naming nobody, or oneself as reporter, is no choice)."""


INTERNAL_COMMENTS = AGENTS
"""The roles that may write internal comments, and learn that there are any."""


CREATORS = {Creators.EVERYBODY: AGENTS_AND_REPORTER, Creators.AGENTS: AGENTS, Creators.NOBODY: frozenset[Role]()}
"""Who may create tickets, by the tenant's setting."""


def check_ticket(granted: Grant, ticket: Ticket | TicketSummary) -> None:
    """Let the operation on the ticket pass, or raise TicketNotFoundError: it is outside what the caller may see."""
    caller_id = granted.caller.user_id
    relations = {Relation.OWN} if ticket.reporter_id == caller_id else set()
    if ticket.assigned_to_id == caller_id:
        relations.add(Relation.ASSIGNED)
    if not granted.covers(relations):
        raise TicketNotFoundError


def check_changes(caller: Caller, ticket: Ticket | None, fields: Iterable[str]) -> None:
    """Let a change of these fields (outside names, those whose value differs) pass, or raise ForbiddenError.

    Without a ticket, only what the role may never change on any ticket is refused.
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
    """Let a new ticket with these fields chosen for others (outside names) pass, or raise ForbiddenError."""
    refused = sorted(REPORTER_MAY_NOT_CREATE_WITH.intersection(chosen)) if caller.role not in AGENTS else []
    if refused:
        message = f"The role {caller.role} may not set these fields of a new ticket."
        raise ForbiddenError(message, refused)


def sees_internal(caller: Caller) -> bool:
    """Return whether the caller may know of internal comments."""
    return caller.role in INTERNAL_COMMENTS


def check_internal(caller: Caller) -> None:
    """Let the caller write an internal comment, or raise ForbiddenError."""
    if not sees_internal(caller):
        message = f"The role {caller.role} may not write internal comments."
        raise ForbiddenError(message, ["visibility"])


def creators_with(caller: Caller) -> frozenset[Creators]:
    """Return the settings of a tenant in which the caller may create tickets."""
    return frozenset(creators for creators, roles in CREATORS.items() if caller.role in roles)


def may_see(caller: Caller, event: TicketEvent) -> bool:
    """Return whether getTicket would show the ticket of an event, as it was right after, to the caller."""
    if event.ticket is None or (event.is_internal and not sees_internal(caller)):
        return False
    try:
        check_ticket(grant(Operation.GET_TICKET, caller), event.ticket)
    except (ForbiddenError, TicketNotFoundError):
        return False
    return True
