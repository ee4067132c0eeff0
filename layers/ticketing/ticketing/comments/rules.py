"""Who may change a comment, for how long, and whose comment answers a ticket. Data, and its readers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ticketing.access.permissions import Grant, Operation
from ticketing.access.roles import AGENTS, Role
from ticketing.errors import ForbiddenError

if TYPE_CHECKING:
    from ticketing.access.identity import Caller
    from ticketing.tickets.models import Ticket


RESPONDERS = AGENTS
"""The roles whose public comment on a ticket that somebody else reported counts as an answer."""


COMMENT_EDIT_WINDOW = timedelta(minutes=15)
"""How long the author of a comment may change it, counted from when it was written."""


MODERATORS = {Operation.UPDATE_COMMENT: frozenset[Role](), Operation.DELETE_COMMENT: frozenset({Role.ADMIN})}
"""The roles that may change anybody's comment in this way, at any time."""


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
