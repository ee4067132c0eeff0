"""The table of permissions: operation x role x relation.

The frame gets the caller's `Grant` before it calls a handler. If the grant covers only a part of the tenant, the
handler must check that the ticket or user belongs to that part; otherwise the frame holds back the response.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, StrEnum

from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.errors import ForbiddenError


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
    CREATE_ATTACHMENT = "createAttachment"
    LIST_ATTACHMENTS = "listAttachments"
    GET_ATTACHMENT = "getAttachment"
    GET_ATTACHMENT_CONTENT = "getAttachmentContent"
    DELETE_ATTACHMENT = "deleteAttachment"
    WATCH_TICKET = "watchTicket"
    UNWATCH_TICKET = "unwatchTicket"
    GET_WATCHING = "getWatching"
    SEARCH_TICKETS = "searchTickets"
    SUGGEST_SEARCH = "suggestSearch"
    GET_ME = "getMe"
    UPDATE_ME = "updateMe"
    SIGN_OUT = "signOut"
    LIST_USERS = "listUsers"
    GET_USER = "getUser"
    INVITE_USER = "inviteUser"
    UPDATE_USER = "updateUser"
    DEACTIVATE_USER = "deactivateUser"
    LIST_INVITATIONS = "listInvitations"
    ACCEPT_INVITATION = "acceptInvitation"
    CREATE_TENANT = "createTenant"
    GET_TENANT = "getTenant"
    UPDATE_TENANT = "updateTenant"
    DELETE_TENANT = "deleteTenant"
    GET_TENANT_DELETION = "getTenantDeletion"
    LIST_API_KEYS = "listApiKeys"
    CREATE_API_KEY = "createApiKey"
    GET_API_KEY = "getApiKey"
    REVOKE_API_KEY = "revokeApiKey"
    LIST_AUDIT_EVENTS = "listAuditEvents"
    LIST_WEBHOOKS = "listWebhooks"
    CREATE_WEBHOOK = "createWebhook"
    GET_WEBHOOK = "getWebhook"
    UPDATE_WEBHOOK = "updateWebhook"
    DELETE_WEBHOOK = "deleteWebhook"
    ROTATE_SECRET = "rotateSecret"
    LIST_DELIVERIES = "listDeliveries"
    GET_DELIVERY = "getDelivery"
    REDELIVER = "redeliver"
    LIST_VIEWS = "listViews"
    CREATE_VIEW = "createView"
    COUNT_VIEWS = "countViews"
    GET_VIEW = "getView"
    UPDATE_VIEW = "updateView"
    DELETE_VIEW = "deleteView"
    LIST_CALENDARS = "listCalendars"
    CREATE_CALENDAR = "createCalendar"
    GET_CALENDAR = "getCalendar"
    UPDATE_CALENDAR = "updateCalendar"
    DELETE_CALENDAR = "deleteCalendar"
    GET_REPORT = "getReport"
    LIST_REPORT_TICKETS = "listReportTickets"


class PublicOperation(StrEnum):
    """The operations without a token: the link that calls them is the credential."""

    SHOW_UNSUBSCRIBE = "showUnsubscribe"
    UNSUBSCRIBE = "unsubscribe"


class Relation(Enum):
    """How a resource (a ticket, a user, ...) is related to the caller."""

    OWN = "own"
    """A ticket that the caller reported; the caller as a user; a deletion that the caller requested; a view that the
    caller keeps for themselves."""
    ASSIGNED = "assigned"
    """A ticket that is assigned to the caller."""
    ANY = "any"
    """Every resource of the caller's tenant."""


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
    Operation.CREATE_ATTACHMENT: _EVERYBODY_ON_THEIRS,
    Operation.LIST_ATTACHMENTS: _EVERYBODY_ON_THEIRS,
    Operation.GET_ATTACHMENT: _EVERYBODY_ON_THEIRS,
    Operation.GET_ATTACHMENT_CONTENT: _EVERYBODY_ON_THEIRS,
    Operation.DELETE_ATTACHMENT: _EVERYBODY_ON_THEIRS,
    Operation.WATCH_TICKET: _EVERYBODY_ON_THEIRS,
    Operation.UNWATCH_TICKET: _EVERYBODY_ON_THEIRS,
    Operation.GET_WATCHING: _EVERYBODY_ON_THEIRS,
    Operation.SEARCH_TICKETS: _EVERYBODY_ON_THEIRS,
    Operation.SUGGEST_SEARCH: _EVERYBODY_ON_THEIRS,
    Operation.GET_ME: _EVERYBODY_ON_THEMSELVES,
    Operation.UPDATE_ME: _EVERYBODY_ON_THEMSELVES,
    Operation.SIGN_OUT: _EVERYBODY_ON_THEMSELVES,
    Operation.LIST_USERS: _AGENTS_ONLY,
    Operation.GET_USER: _EVERYBODY_ON_THEIRS,
    Operation.INVITE_USER: _ADMINS_ONLY,
    Operation.UPDATE_USER: _ADMINS_ONLY,
    Operation.DEACTIVATE_USER: _ADMINS_ONLY,
    Operation.LIST_INVITATIONS: {Role.NEWCOMER: _OWN},
    Operation.ACCEPT_INVITATION: {Role.NEWCOMER: _OWN},
    Operation.CREATE_TENANT: {Role.NEWCOMER: _OWN},
    Operation.GET_TENANT: _EVERYBODY,
    Operation.UPDATE_TENANT: _ADMINS_ONLY,
    Operation.DELETE_TENANT: _ADMINS_ONLY,
    Operation.GET_TENANT_DELETION: _EVERYBODY_ON_THEMSELVES | {Role.NEWCOMER: _OWN},
    Operation.LIST_API_KEYS: _ADMINS_ONLY,
    Operation.CREATE_API_KEY: _ADMINS_ONLY,
    Operation.GET_API_KEY: _ADMINS_ONLY,
    Operation.REVOKE_API_KEY: _ADMINS_ONLY,
    Operation.LIST_AUDIT_EVENTS: _ADMINS_ONLY,
    Operation.LIST_WEBHOOKS: _ADMINS_ONLY,
    Operation.CREATE_WEBHOOK: _ADMINS_ONLY,
    Operation.GET_WEBHOOK: _ADMINS_ONLY,
    Operation.UPDATE_WEBHOOK: _ADMINS_ONLY,
    Operation.DELETE_WEBHOOK: _ADMINS_ONLY,
    Operation.ROTATE_SECRET: _ADMINS_ONLY,
    Operation.LIST_DELIVERIES: _ADMINS_ONLY,
    Operation.GET_DELIVERY: _ADMINS_ONLY,
    Operation.REDELIVER: _ADMINS_ONLY,
    Operation.LIST_VIEWS: _EVERYBODY_ON_THEIRS,
    Operation.CREATE_VIEW: _EVERYBODY_ON_THEIRS,
    Operation.COUNT_VIEWS: _EVERYBODY_ON_THEIRS,
    Operation.GET_VIEW: _EVERYBODY_ON_THEIRS,
    Operation.UPDATE_VIEW: _EVERYBODY_ON_THEIRS,
    Operation.DELETE_VIEW: _EVERYBODY_ON_THEIRS,
    Operation.LIST_CALENDARS: _AGENTS_ONLY,
    Operation.CREATE_CALENDAR: _ADMINS_ONLY,
    Operation.GET_CALENDAR: _AGENTS_ONLY,
    Operation.UPDATE_CALENDAR: _ADMINS_ONLY,
    Operation.DELETE_CALENDAR: _ADMINS_ONLY,
    Operation.GET_REPORT: _AGENTS_ONLY,
    Operation.LIST_REPORT_TICKETS: _AGENTS_ONLY,
}
"""For each operation and role, the relations in which the role is allowed. Missing roles have no permission."""

PEOPLE_ONLY = frozenset(
    {
        Operation.CREATE_API_KEY,
        Operation.DELETE_TENANT,
        Operation.UPDATE_ME,
        Operation.SIGN_OUT,
        Operation.CREATE_WEBHOOK,
        Operation.UPDATE_WEBHOOK,
        Operation.ROTATE_SECRET,
    }
)
"""The operations that API keys may not call, in any role.

A key must not create what outlives its revocation (other keys, webhooks to other addresses), must not delete the
tenant, and has neither a profile nor a session.
"""

RECHECKED = frozenset(operation for operation, roles in PERMISSIONS.items() if roles.keys() == {Role.ADMIN})
"""The operations before which the frame reads the caller's own row (a consistent read): all that only admins may call.

The authorizer's policy is cached for a minute. An admin who was deactivated or demoted in that minute, or a revoked
key, must not use the rest of it: neither to leave users, keys or webhooks behind, nor to change or delete anything.
"""


@dataclass(slots=True)
class Grant:
    """What one caller may do with one operation. `looked` is True once the handler has checked it."""

    operation: Operation
    caller: Caller
    relations: frozenset[Relation]
    looked: bool = field(default=False, init=False)

    @property
    def everything(self) -> bool:
        """Whether the grant covers the whole tenant, so that nothing has to be checked."""
        return Relation.ANY in self.relations

    @property
    def only_own(self) -> bool:
        """Whether a list must be limited to the caller's own."""
        self.looked = True
        return not self.everything

    def covers(self, relations: Iterable[Relation]) -> bool:
        """Return whether the grant covers a resource with these relations to the caller."""
        self.looked = True
        return self.everything or not self.relations.isdisjoint(relations)

    def leave_to_the_state_machine(self) -> None:
        """Leave the check to the state machine, which gets the caller's id and role and has a table of its own."""
        self.looked = True


def grant(operation: Operation, caller: Caller) -> Grant:
    """Return what the operation covers for this caller.

    Raises
    ------
    ForbiddenError
        The role may not call this operation, or only people may.
    """
    if caller.is_api_key and operation in PEOPLE_ONLY:
        message = "An API key may not do this; it takes a person."
        raise ForbiddenError(message)
    relations = PERMISSIONS[operation].get(caller.role, _NOTHING)
    if not relations:
        message = f"The role {caller.role} may not do this."
        raise ForbiddenError(message)
    return Grant(operation, caller, relations)
