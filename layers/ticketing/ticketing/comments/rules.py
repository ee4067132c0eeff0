"""Rules: who may change a comment and for how long, which comment is a response, who watches a ticket."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ticketing.access.permissions import Grant, Operation
from ticketing.access.roles import AGENTS, Role
from ticketing.errors import ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ticketing.access.identity import Caller
    from ticketing.tickets.events import TicketSummary
    from ticketing.tickets.models import Ticket


RESPONDERS = AGENTS
"""The roles whose public comment on somebody else's ticket counts as a response."""


COMMENT_EDIT_WINDOW = timedelta(minutes=15)
"""How long the author may change a comment after creating it."""


MODERATORS = {Operation.UPDATE_COMMENT: frozenset[Role](), Operation.DELETE_COMMENT: frozenset({Role.ADMIN})}
"""The roles that may do this to anybody's comment, at any time."""


def is_response(caller: Caller, ticket: Ticket) -> bool:
    """Return whether a public comment by the caller is a response to the ticket's reporter."""
    return caller.role in RESPONDERS and caller.user_id != ticket.reporter_id


def check_comment(granted: Grant, author_id: str, *, written: datetime, now: datetime) -> None:
    """Raise ForbiddenError unless the caller may do the operation to a comment that they can see."""
    caller = granted.caller
    if caller.role in MODERATORS[granted.operation]:
        return
    if caller.user_id != author_id:
        message = "Only its author may do this to a comment."
        raise ForbiddenError(message)
    if now - written > COMMENT_EDIT_WINDOW:
        message = f"A comment can be changed for {COMMENT_EDIT_WINDOW // timedelta(minutes=1)} minutes."
        raise ForbiddenError(message)


def watchers_of(ticket: Ticket | TicketSummary, settings: Mapping[str, bool]) -> set[str]:
    """Return the ids of the users who watch a ticket.

    The reporter and the assignee watch it unless their setting is False; others watch it if theirs is True.
    """
    by_default = {each for each in (ticket.reporter_id, ticket.assigned_to_id) if each is not None}
    set_to_watch = {each for each, watching in settings.items() if watching}
    return set_to_watch | (by_default - settings.keys())
