"""What the ticket operations share: finding a ticket for its caller, changing it, and presenting it.

Every change is a loop of read, decide, write-if-unchanged. A lost race is decided again from the start, a bounded
number of times, so that no decision is ever carried out on another ticket than the one it was made on.
"""

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from ticketing import aws, clock
from ticketing.errors import (
    ConflictError,
    ForbiddenError,
    PreconditionFailedError,
    TicketNotFoundError,
    TransitionNotAllowedError,
    TransitionRequirementMissingError,
)
from ticketing.events import EventType, TicketEvent, changes_between
from ticketing.identity import Caller
from ticketing.lifecycle import Status, allowed_transitions
from ticketing.lifecycle_client import LifecycleClient, Outcome, Verdict
from ticketing.models import Ticket
from ticketing.permissions import Operation, check_changes, check_ticket
from ticketing.repository import TicketRepository, VersionConflictError

ATTEMPTS: Final = 5
"""How often a change is decided anew after losing a race, before the caller is told 409."""

_OTHERS_WERE_FIRST = "Others keep changing this ticket. Read it again, then repeat the request."
_NOT_SHOWN = {"tenant_id", "closed_at", "deleted_at", "request_hash"}


def tickets_of(caller: Caller) -> TicketRepository:
    """Return the tickets of the caller's tenant."""
    return TicketRepository(aws.dynamodb(), os.environ["TICKETS_TABLE"], caller.tenant_id)


def find_ticket(
    operation: Operation, caller: Caller, ticket: Ticket | None, expected_version: int | None = None
) -> Ticket:
    """Return the ticket that was read, if the caller may do the operation to it in the version expected.

    Raises
    ------
    ForbiddenError, TicketNotFoundError, PreconditionFailedError
        Looked at in this order: the role, the ticket's existence for this caller, its version.
    """
    if ticket is None:
        raise TicketNotFoundError
    check_ticket(operation, caller, ticket)
    if expected_version is not None and ticket.version != expected_version:
        raise PreconditionFailedError
    return ticket


def next_version(ticket: Ticket, moment: datetime, values: Mapping[str, Any]) -> Ticket:
    """Return the ticket with the values (outside names, plain values) changed, as its next version."""
    counted = {"version": ticket.version + 1, "updatedAt": clock.timestamp(moment)}
    return Ticket.model_validate({**ticket.model_dump(by_alias=True), **values, **counted})


def until_written(attempt: Callable[[], Ticket]) -> Ticket:
    """Return what the attempt returns, trying it again while it raises VersionConflictError.

    Raises
    ------
    ConflictError
        The race was lost every time.
    """
    for _ in range(ATTEMPTS):
        try:
            return attempt()
        except VersionConflictError:
            continue
    raise ConflictError(_OTHERS_WERE_FIRST)


def edit_ticket(
    operation: Operation, caller: Caller, ticket_id: str, values: Mapping[str, Any], expected_version: int | None
) -> Ticket:
    """Set fields of a ticket (outside names, plain values) and return it; what is the same already is no change.

    A new `status` among the values goes to the state machine, together with all other changes in one write.
    """
    tickets = tickets_of(caller)
    to = Status(values["status"]) if "status" in values else None
    wanted = {name: value for name, value in values.items() if name != "status"}

    def attempt() -> Ticket:
        ticket = find_ticket(operation, caller, tickets.get(ticket_id), expected_version)
        changes = changes_between(ticket.editable(), wanted)
        check_changes(caller, ticket, changes)
        if to is not None and to is not ticket.status:
            # A resolution that the request names goes along even if it is the one that is there: going back to OPEN
            # would clear it otherwise.
            named = {"resolution"} if wanted.get("resolution") is not None else set()
            fields = {name: wanted[name] for name in changes.keys() | named}
            verdict = _lifecycle().move(
                ticket_id, to, caller, fields=fields, comment=None, expected_version=ticket.version
            )
            if verdict.outcome is Outcome.VERSION_MISMATCH:
                raise VersionConflictError
            return _moved(verdict, caller)
        if not changes:
            return ticket
        after = next_version(ticket, clock.now(), wanted)
        tickets.update(ticket, after, TicketEvent.of(EventType.TICKET_UPDATED, after, caller, changes))
        return after

    return until_written(attempt)


def move_ticket(  # noqa: PLR0913 - one request, spelled out
    caller: Caller,
    ticket_id: str,
    to: Status,
    *,
    resolution: str | None,
    comment: str | None,
    expected_version: int | None,
) -> Ticket:
    """Move a ticket through the state machine and return it."""
    fields = {} if resolution is None else {"resolution": resolution}
    check_changes(caller, None, fields)
    verdict = _lifecycle().move(
        ticket_id, to, caller, fields=fields, comment=comment, expected_version=expected_version
    )
    return _moved(verdict, caller)


def presented(ticket: Ticket, caller: Caller) -> dict[str, Any]:
    """Return the ticket as the contract shows it to this caller."""
    body = ticket.model_dump(mode="json", by_alias=True, exclude=_NOT_SHOWN)
    return body | {"allowedTransitions": _allowed(ticket, caller)}


def _lifecycle() -> LifecycleClient:
    return LifecycleClient(aws.stepfunctions(), os.environ["TICKET_LIFECYCLE"])


def _allowed(ticket: Ticket, caller: Caller) -> list[Status]:
    return allowed_transitions(
        ticket.status,
        role=caller.role,
        is_reporter=ticket.reporter_id == caller.user_id,
        closed_at=datetime.fromisoformat(ticket.closed_at) if ticket.closed_at else None,
        now=clock.now(),
    )


def _moved(verdict: Verdict, caller: Caller) -> Ticket:
    """Return the ticket that the state machine moved, or raise the error that its refusal stands for."""
    ticket = verdict.ticket
    if ticket is None:
        raise TicketNotFoundError
    match verdict.outcome:
        case Outcome.MOVED:
            return ticket
        case Outcome.VERSION_MISMATCH:
            raise PreconditionFailedError
        case Outcome.FORBIDDEN:
            message = f"The role {caller.role} may not make this move."
            raise ForbiddenError(message)
        case Outcome.REQUIREMENT_MISSING:
            message = f"The ticket needs a value in {verdict.missing} for this move."
            raise TransitionRequirementMissingError(message, [str(verdict.missing)])
        case Outcome.CONFLICT:
            raise ConflictError(_OTHERS_WERE_FIRST)
        case Outcome.TRANSITION_NOT_ALLOWED | Outcome.TICKET_NOT_FOUND:
            message = f"A ticket that is {ticket.status} can't be moved there."
            raise TransitionNotAllowedError(message, _allowed(ticket, caller))
