"""Who may do what: operation x role x relation, and which fields a role may change. Data, read in one glance."""

from collections.abc import Iterable
from enum import Enum, StrEnum

from ticketing.errors import ForbiddenError, TicketNotFoundError
from ticketing.identity import Caller
from ticketing.lifecycle import AGENTS, Role, Status
from ticketing.models import Ticket


class Operation(StrEnum):
    """Every operation of the contract, by its operationId."""

    CREATE_TICKET = "createTicket"
    LIST_TICKETS = "listTickets"
    GET_TICKET = "getTicket"
    REPLACE_TICKET = "replaceTicket"
    UPDATE_TICKET = "updateTicket"
    DELETE_TICKET = "deleteTicket"
    RESTORE_TICKET = "restoreTicket"
    TRANSITION_TICKET = "transitionTicket"
    LIST_TICKET_HISTORY = "listTicketHistory"


class Scope(Enum):
    """The tickets that a role may do an operation to."""

    NONE = "none"
    OWN = "those that the caller reported"
    TENANT = "all of the tenant"


_EVERYBODY_ON_THEIRS = {Role.REPORTER: Scope.OWN, Role.AGENT: Scope.TENANT, Role.ADMIN: Scope.TENANT}
_ADMINS_ONLY = {Role.REPORTER: Scope.NONE, Role.AGENT: Scope.NONE, Role.ADMIN: Scope.TENANT}

PERMISSIONS = {
    Operation.CREATE_TICKET: _EVERYBODY_ON_THEIRS,
    Operation.LIST_TICKETS: _EVERYBODY_ON_THEIRS,
    Operation.GET_TICKET: _EVERYBODY_ON_THEIRS,
    Operation.REPLACE_TICKET: _EVERYBODY_ON_THEIRS,
    Operation.UPDATE_TICKET: _EVERYBODY_ON_THEIRS,
    Operation.DELETE_TICKET: _ADMINS_ONLY,
    Operation.RESTORE_TICKET: _ADMINS_ONLY,
    Operation.TRANSITION_TICKET: _EVERYBODY_ON_THEIRS,
    Operation.LIST_TICKET_HISTORY: _EVERYBODY_ON_THEIRS,
}

_UNTIL_RESOLVED = frozenset({Status.NEW, Status.OPEN, Status.IN_PROGRESS})

REPORTER_MAY_CHANGE = {
    "title": _UNTIL_RESOLVED,
    "description": _UNTIL_RESOLVED,
    "tags": _UNTIL_RESOLVED,
}
"""The fields that a reporter may change on an own ticket, and the statuses in which. Agents and admins change all."""

REPORTER_MAY_NOT_CREATE_WITH = frozenset({"assignedToId", "reporterId"})
"""The fields that a reporter may not choose on a new ticket (naming nobody, or oneself as reporter, is no choice)."""


def scope(operation: Operation, caller: Caller) -> Scope:
    """Return what the caller may do the operation to.

    Raises
    ------
    ForbiddenError
        Nothing at all: the role does not have this operation.
    """
    granted = PERMISSIONS[operation].get(caller.role, Scope.NONE)
    if granted is Scope.NONE:
        message = f"The role {caller.role} may not do this."
        raise ForbiddenError(message)
    return granted


def check_ticket(operation: Operation, caller: Caller, ticket: Ticket) -> None:
    """Let the operation on the ticket pass, or raise.

    Raises
    ------
    ForbiddenError
        The role does not have this operation.
    TicketNotFoundError
        The ticket is outside what the caller may see.
    """
    if scope(operation, caller) is Scope.OWN and ticket.reporter_id != caller.user_id:
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
