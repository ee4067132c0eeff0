"""What the ticket operations share: finding, updating, moving and presenting tickets.

Every change uses optimistic locking: read, decide, write if unchanged. After a conflict it is retried from the read, a
limited number of times. So no decision is applied to another version of the ticket than it was made for.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.access.permissions import Grant
from ticketing.aws.data import of_caller
from ticketing.dynamodb.transactions import (
    OTHERS_WERE_FIRST,
    CheckFailedError,
    Checks,
    VersionConflictError,
    until_written,
)
from ticketing.errors import BadRequestError, ConflictError, ForbiddenError, PreconditionFailedError
from ticketing.people.repository import People
from ticketing.tickets.errors import (
    InvalidReferenceError,
    TicketNotFoundError,
    TransitionNotAllowedError,
    TransitionRequirementMissingError,
)
from ticketing.tickets.events import Change, TicketEvent, changes_between
from ticketing.tickets.kinds import EventType
from ticketing.tickets.lifecycle import Status, allowed_transitions
from ticketing.tickets.models import Expandable, Ticket
from ticketing.tickets.repository import TicketRepository
from ticketing.tickets.rules import check_changes, check_ticket
from ticketing.tickets.state_machine import Outcome, Verdict, lifecycle_client

_NOT_SHOWN = {"tenant_id", "closed_at", "deleted_at", "request_hash"}

_AGENTS_ONLY: Final = {"assignedToId": True, "reporterId": False}
"""The fields that name an active user, and whether the user must be an agent or admin."""

_NAMES_NOBODY: Final = {
    "assignedToId": "assignedToId: names no active agent or admin of this tenant",
    "reporterId": "reporterId: names no active user of this tenant",
}


def find_ticket(granted: Grant, ticket: Ticket | None, expected_version: int | None = None) -> Ticket:
    """Return the ticket that was read, if the caller may do the operation to it and the version is as expected.

    Raises
    ------
    TicketNotFoundError, PreconditionFailedError
        Checked in this order: the ticket exists for this caller; the version.
    """
    if ticket is None:
        raise TicketNotFoundError
    check_ticket(granted, ticket)
    if expected_version is not None and ticket.version != expected_version:
        raise PreconditionFailedError
    return ticket


def next_version(ticket: Ticket, moment: datetime, values: Mapping[str, Any]) -> Ticket:
    """Return the next version of a ticket with these values (names in JSON, plain values)."""
    counted = {"version": ticket.version + 1, "updatedAt": clock.timestamp(moment)}
    return Ticket.model_validate({**ticket.model_dump(by_alias=True), **values, **counted})


def named_by(changes: Mapping[str, Change], caller: Caller) -> dict[str, str]:
    """Return the people that a change of a ticket names, by field, and that have to be checked.

    People who were named before stay, active or not, and the authorizer has just checked the caller. If assignee and
    reporter are the same person, only the assignee is checked, which is stricter: a transaction can't have two actions
    on one item.
    """
    named = {field: changes[field].after for field in _AGENTS_ONLY if field in changes}
    if named.get("reporterId") in {caller.user_id, named.get("assignedToId")}:
        named.pop("reporterId", None)
    return {field: person_id for field, person_id in named.items() if person_id is not None}


def checks_of(named: Mapping[str, str], people: People) -> Checks:
    """Return the condition checks of named people, by field."""
    return {field: people.check(named[field], agents_only=_AGENTS_ONLY[field]) for field in named}


def invalid_reference(fields: Collection[str]) -> InvalidReferenceError:
    """Return the error for fields that name people who can't be named there."""
    message = "The ticket can't name these people."
    return InvalidReferenceError(message, [_NAMES_NOBODY[field] for field in sorted(fields)])


def edit_ticket(granted: Grant, ticket_id: str, values: Mapping[str, Any], expected_version: int | None) -> Ticket:
    """Set fields of a ticket (names in JSON, plain values) and return it; equal values are no change.

    A new `status` goes to the state machine, together with all other changes in one transaction. The state machine
    can't read the users table, so people who are named along with a status are checked before the write, not in it.
    """
    caller = granted.caller
    tickets, people = TicketRepository(of_caller(caller)), People(of_caller(caller))
    to = Status(values["status"]) if "status" in values else None
    wanted = {name: value for name, value in values.items() if name != "status"}

    def attempt() -> Ticket:
        ticket = find_ticket(granted, tickets.get(ticket_id), expected_version)
        changes = changes_between(ticket.editable(), wanted)
        check_changes(caller, ticket, changes)
        named = named_by(changes, caller)
        if to is not None and to is not ticket.status:
            refused = [field for field in named if not people.is_active(named[field], agents_only=_AGENTS_ONLY[field])]
            if refused:
                raise invalid_reference(refused)
            # A resolution in the request is passed on even if it is unchanged: moving back to OPEN would clear it.
            kept = {"resolution"} if wanted.get("resolution") is not None else set()
            fields = {name: wanted[name] for name in changes.keys() | kept}
            verdict = lifecycle_client().move(
                ticket_id, to, caller, fields=fields, comment=None, expected_version=ticket.version
            )
            if verdict.outcome is Outcome.VERSION_MISMATCH:
                raise VersionConflictError
            return ticket_of(verdict, caller)
        if not changes:
            return ticket
        after = next_version(ticket, clock.now(), wanted)
        event = TicketEvent.of(EventType.TICKET_UPDATED, after, caller, changes)
        try:
            tickets.update(ticket, after, event, checks_of(named, people))
        except CheckFailedError as error:
            raise invalid_reference(error.names) from error
        return after

    return until_written(attempt)


def move_ticket(  # noqa: PLR0913 - one request, spelled out
    granted: Grant,
    ticket_id: str,
    to: Status,
    *,
    resolution: str | None,
    comment: str | None,
    expected_version: int | None,
) -> Ticket:
    """Move a ticket through the state machine and return it."""
    fields = {} if resolution is None else {"resolution": resolution}
    caller = granted.caller
    check_changes(caller, None, fields)
    granted.leave_to_the_state_machine()
    verdict = lifecycle_client().move(
        ticket_id, to, caller, fields=fields, comment=comment, expected_version=expected_version
    )
    return ticket_of(verdict, caller)


def presented(ticket: Ticket, caller: Caller) -> dict[str, Any]:
    """Return the ticket as the contract shows it to this caller."""
    body = ticket.model_dump(mode="json", by_alias=True, exclude=_NOT_SHOWN)
    return body | {"allowedTransitions": _allowed(ticket, caller)}


def presented_page(tickets: Sequence[Ticket], caller: Caller, expand: Collection[Expandable]) -> list[dict[str, Any]]:
    """Return tickets as the contract shows them to this caller, with the people that the query expands."""
    bodies = [presented(ticket, caller) for ticket in tickets]
    ids = {body[f"{field}Id"] for body in bodies for field in expand} - {None}
    known = {person_id: asdict(person) for person_id, person in People(of_caller(caller)).known(ids).items()}
    for body in bodies:
        body |= {field.value: known.get(body[f"{field}Id"]) for field in sorted(expand)}
    return bodies


def _allowed(ticket: Ticket, caller: Caller) -> list[Status]:
    return allowed_transitions(
        ticket.status,
        role=caller.role,
        is_reporter=ticket.reporter_id == caller.user_id,
        closed_at=datetime.fromisoformat(ticket.closed_at) if ticket.closed_at else None,
        now=clock.now(),
    )


def ticket_of(verdict: Verdict, caller: Caller) -> Ticket:
    """Return the ticket that the state machine moved, or raise the error for its outcome."""
    ticket = verdict.ticket
    if verdict.outcome is Outcome.INVALID_REQUEST:
        message = "The state machine does not accept this."
        raise BadRequestError(message, verdict.problems)
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
        case Outcome.CONFLICT | Outcome.ALREADY_THERE:
            raise ConflictError(OTHERS_WERE_FIRST)
        case Outcome.TRANSITION_NOT_ALLOWED | Outcome.TICKET_NOT_FOUND:
            message = f"A ticket that is {ticket.status} can't be moved there."
            raise TransitionNotAllowedError(message, _allowed(ticket, caller))
