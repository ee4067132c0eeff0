"""Who may do what: operation x role x relation, and which fields a role may change. Data, read in one glance.

The frame asks for the caller's `Grant` before a handler sees the request, and lets no answer out of a handler that was
granted a part of the tenant and did not look whether the thing at hand belongs to that part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import TYPE_CHECKING

from ticketing.errors import ForbiddenError, TicketNotFoundError
from ticketing.identity import Caller
from ticketing.lifecycle import AGENTS, AGENTS_AND_REPORTER, Role, Status
from ticketing.models import Creators, Ticket

if TYPE_CHECKING:
    from ticketing.events import TicketSummary


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
    LIST_COMMENTS = "listComments"
    CREATE_COMMENT = "createComment"
    GET_COMMENT = "getComment"
    UPDATE_COMMENT = "updateComment"
    DELETE_COMMENT = "deleteComment"
    WATCH_TICKET = "watchTicket"
    UNWATCH_TICKET = "unwatchTicket"
    GET_WATCHING = "getWatching"
    GET_ME = "getMe"
    UPDATE_ME = "updateMe"
    LIST_USERS = "listUsers"
    GET_USER = "getUser"
    INVITE_USER = "inviteUser"
    UPDATE_USER = "updateUser"
    DEACTIVATE_USER = "deactivateUser"
    CREATE_TENANT = "createTenant"
    GET_TENANT = "getTenant"
    UPDATE_TENANT = "updateTenant"
    DELETE_TENANT = "deleteTenant"
    GET_TENANT_DELETION = "getTenantDeletion"
    LIST_API_KEYS = "listApiKeys"
    CREATE_API_KEY = "createApiKey"
    GET_API_KEY = "getApiKey"
    REVOKE_API_KEY = "revokeApiKey"
    LIST_WEBHOOKS = "listWebhooks"
    CREATE_WEBHOOK = "createWebhook"
    GET_WEBHOOK = "getWebhook"
    UPDATE_WEBHOOK = "updateWebhook"
    DELETE_WEBHOOK = "deleteWebhook"
    ROTATE_SECRET = "rotateSecret"
    LIST_DELIVERIES = "listDeliveries"
    GET_DELIVERY = "getDelivery"
    REDELIVER = "redeliver"


class PublicOperation(StrEnum):
    """The operations that anybody may call, without a token: whoever has the link that they are called by."""

    SHOW_UNSUBSCRIBE = "showUnsubscribe"
    UNSUBSCRIBE = "unsubscribe"


class Relation(Enum):
    """How a thing (a ticket, a user, ...) stands to the caller."""

    OWN = "own"
    """A ticket that the caller reported; the caller as a user; a deletion that the caller asked for."""
    ASSIGNED = "assigned"
    """A ticket that is assigned to the caller."""
    ANY = "any"
    """Anything of the caller's tenant."""


_NOTHING = frozenset[Relation]()
_OWN = frozenset({Relation.OWN})
_ALL = frozenset(Relation)

_EVERYBODY_ON_THEIRS = {Role.REPORTER: _OWN, Role.AGENT: _ALL, Role.ADMIN: _ALL}
_EVERYBODY_ON_THEMSELVES = dict.fromkeys((Role.REPORTER, Role.AGENT, Role.ADMIN), _OWN)
_EVERYBODY = dict.fromkeys((Role.REPORTER, Role.AGENT, Role.ADMIN), _ALL)
_AGENTS_ONLY = {Role.AGENT: _ALL, Role.ADMIN: _ALL}
_ADMINS_ONLY = {Role.ADMIN: _ALL}

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
    Operation.LIST_COMMENTS: _EVERYBODY_ON_THEIRS,
    Operation.CREATE_COMMENT: _EVERYBODY_ON_THEIRS,
    Operation.GET_COMMENT: _EVERYBODY_ON_THEIRS,
    Operation.UPDATE_COMMENT: _EVERYBODY_ON_THEIRS,
    Operation.DELETE_COMMENT: _EVERYBODY_ON_THEIRS,
    Operation.WATCH_TICKET: _EVERYBODY_ON_THEIRS,
    Operation.UNWATCH_TICKET: _EVERYBODY_ON_THEIRS,
    Operation.GET_WATCHING: _EVERYBODY_ON_THEIRS,
    Operation.GET_ME: _EVERYBODY_ON_THEMSELVES,
    Operation.UPDATE_ME: _EVERYBODY_ON_THEMSELVES,
    Operation.LIST_USERS: _AGENTS_ONLY,
    Operation.GET_USER: _EVERYBODY_ON_THEIRS,
    Operation.INVITE_USER: _ADMINS_ONLY,
    Operation.UPDATE_USER: _ADMINS_ONLY,
    Operation.DEACTIVATE_USER: _ADMINS_ONLY,
    Operation.CREATE_TENANT: {Role.NEWCOMER: _OWN},
    Operation.GET_TENANT: _EVERYBODY,
    Operation.UPDATE_TENANT: _ADMINS_ONLY,
    Operation.DELETE_TENANT: _ADMINS_ONLY,
    Operation.GET_TENANT_DELETION: _EVERYBODY_ON_THEMSELVES | {Role.NEWCOMER: _OWN},
    Operation.LIST_API_KEYS: _ADMINS_ONLY,
    Operation.CREATE_API_KEY: _ADMINS_ONLY,
    Operation.GET_API_KEY: _ADMINS_ONLY,
    Operation.REVOKE_API_KEY: _ADMINS_ONLY,
    Operation.LIST_WEBHOOKS: _ADMINS_ONLY,
    Operation.CREATE_WEBHOOK: _ADMINS_ONLY,
    Operation.GET_WEBHOOK: _ADMINS_ONLY,
    Operation.UPDATE_WEBHOOK: _ADMINS_ONLY,
    Operation.DELETE_WEBHOOK: _ADMINS_ONLY,
    Operation.ROTATE_SECRET: _ADMINS_ONLY,
    Operation.LIST_DELIVERIES: _ADMINS_ONLY,
    Operation.GET_DELIVERY: _ADMINS_ONLY,
    Operation.REDELIVER: _ADMINS_ONLY,
}
"""For each operation and role, the relations in which the role has the operation; a role not named has none."""

PEOPLE_ONLY = frozenset(
    {
        Operation.CREATE_API_KEY,
        Operation.DELETE_TENANT,
        Operation.UPDATE_ME,
        Operation.CREATE_WEBHOOK,
        Operation.UPDATE_WEBHOOK,
        Operation.ROTATE_SECRET,
    }
)
"""The operations that no API key has, whatever its role.

It may not leave anything behind that goes on when it is revoked (other keys, webhooks that lead elsewhere), may not end
the tenant, and has no profile.
"""

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

RESPONDERS = AGENTS
"""The roles whose public comment on a ticket that somebody else reported counts as an answer."""

COMMENT_EDIT_WINDOW = timedelta(minutes=15)
"""How long the author of a comment may change it, counted from when it was written."""

MODERATORS = {Operation.UPDATE_COMMENT: frozenset[Role](), Operation.DELETE_COMMENT: frozenset({Role.ADMIN})}
"""The roles that may change anybody's comment in this way, at any time."""

CREATORS = {Creators.EVERYBODY: AGENTS_AND_REPORTER, Creators.AGENTS: AGENTS, Creators.NOBODY: frozenset[Role]()}
"""Who may create tickets, by the tenant's setting."""


@dataclass(slots=True)
class Grant:
    """What one caller may do with one operation; `looked` tells whether the handler has asked."""

    operation: Operation
    caller: Caller
    relations: frozenset[Relation]
    looked: bool = field(default=False, init=False)

    @property
    def everything(self) -> bool:
        """Whether the grant is for everything of the tenant, so that there is nothing to look at."""
        return Relation.ANY in self.relations

    @property
    def only_own(self) -> bool:
        """Whether a list has to be narrowed to what is the caller's own."""
        self.looked = True
        return not self.everything

    def covers(self, relations: Iterable[Relation]) -> bool:
        """Return whether the grant is for a thing that stands in these relations to the caller."""
        self.looked = True
        return self.everything or not self.relations.isdisjoint(relations)

    def leave_to_the_state_machine(self) -> None:
        """Say that the state machine, given the caller's id and role, looks at the relation in its own table."""
        self.looked = True


def grant(operation: Operation, caller: Caller) -> Grant:
    """Return what the caller may do the operation to.

    Raises
    ------
    ForbiddenError
        Nothing at all: the role does not have this operation, or only people have it.
    """
    if caller.is_api_key and operation in PEOPLE_ONLY:
        message = "An API key may not do this; it takes a person."
        raise ForbiddenError(message)
    relations = PERMISSIONS[operation].get(caller.role, _NOTHING)
    if not relations:
        message = f"The role {caller.role} may not do this."
        raise ForbiddenError(message)
    return Grant(operation, caller, relations)


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


def is_answer(caller: Caller, ticket: Ticket) -> bool:
    """Return whether a public comment by the caller answers whoever reported the ticket."""
    return caller.role in RESPONDERS and caller.user_id != ticket.reporter_id


def check_comment(granted: Grant, author_id: str, *, written: datetime, now: datetime) -> None:
    """Let a change of a comment that the caller sees pass, or raise ForbiddenError."""
    caller = granted.caller
    if caller.role in MODERATORS[granted.operation]:
        return
    if caller.user_id != author_id:
        message = "Only its author may do this to a comment."
        raise ForbiddenError(message)
    if now - written > COMMENT_EDIT_WINDOW:
        message = f"A comment can be changed for {COMMENT_EDIT_WINDOW // timedelta(minutes=1)} minutes."
        raise ForbiddenError(message)


def check_admins(caller: Caller, roles: Iterable[Role]) -> None:
    """Let a change of a user who has these roles before and after it pass, or raise ForbiddenError.

    An API key changes no admins and makes none: it can be revoked, but an admin whom a stolen one made would stay.
    """
    if caller.is_api_key and Role.ADMIN in roles:
        message = "An API key may not make, change or deactivate admins; it takes a person."
        raise ForbiddenError(message)


def creators_with(caller: Caller) -> frozenset[Creators]:
    """Return the settings of a tenant in which the caller may create tickets."""
    return frozenset(creators for creators, roles in CREATORS.items() if caller.role in roles)
