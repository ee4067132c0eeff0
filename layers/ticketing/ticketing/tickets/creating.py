"""Creating tickets, for createTicket and for imports and emails: permissions, the number, and one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ticketing import clock, ids
from ticketing.access.permissions import Operation, grant
from ticketing.aws.data import of_caller
from ticketing.dynamodb.transactions import CheckFailedError, until_written
from ticketing.errors import ConflictError, ForbiddenError, IdempotencyKeyReusedError
from ticketing.people.repository import People
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.events import TicketEvent, changes_between
from ticketing.tickets.kinds import Creators, EventType
from ticketing.tickets.models import Ticket
from ticketing.tickets.operations import checks_of, invalid_reference, named_by
from ticketing.tickets.repository import (
    NotAmongCreatorsError,
    TakenNumber,
    TicketExistsError,
    TicketGoneError,
    TicketRepository,
)
from ticketing.tickets.rules import check_choices, check_ticket, creators_with

if TYPE_CHECKING:
    from ticketing.access.identity import Caller
    from ticketing.access.permissions import Grant
    from ticketing.tickets.models import TicketCreate

_ONLY: Final = {
    Creators.AGENTS: "In this tenant only agents and admins create tickets.",
    Creators.NOBODY: "The tenant is being deleted.",
}


def create_ticket(granted: Grant, body: TicketCreate, idempotency_key: str | None = None) -> Ticket:
    """Create a ticket and return it, or the one that the same Idempotency-Key created before.

    Raises
    ------
    ForbiddenError
        The role may not set these fields, or may not create tickets in this tenant.
    InvalidReferenceError
        The body names a person who can't be named there.
    IdempotencyKeyReusedError, ConflictError
        The key was used with another body; its ticket was deleted or has another reporter now; every attempt ended in a
        conflict.
    """
    caller = granted.caller
    fields = body.model_dump(mode="json", by_alias=True)
    fields["reporterId"] = fields["reporterId"] or caller.user_id
    chosen = {
        name for name, nobody in (("reporterId", caller.user_id), ("assignedToId", None)) if fields[name] != nobody
    }
    check_choices(caller, chosen)

    data = of_caller(caller)
    tickets = TicketRepository(data)
    taken = _take_number(tickets, caller)
    if taken.default_priority and "priority" not in body.model_fields_set:
        fields["priority"] = taken.default_priority
    now = clock.timestamp(clock.now())
    ticket = Ticket.model_validate(
        fields
        | {
            "id": ids.derived_id(caller.tenant_id, caller.user_id, idempotency_key)
            if idempotency_key
            else ids.new_id(),
            "tenantId": caller.tenant_id,
            "number": taken.number,
            "version": 1,
            "createdAt": now,
            "updatedAt": now,
            "requestHash": body.fingerprint() if idempotency_key else None,
        }
    )
    check_ticket(granted, ticket)
    changes = changes_between({}, {"status": ticket.status.value} | ticket.editable())
    checks = checks_of(named_by(changes, caller), People(data))

    def attempt() -> Ticket:
        try:
            tickets.create(ticket, TicketEvent.of(EventType.TICKET_CREATED, ticket, caller, changes), checks)
        except TicketExistsError as error:
            return _created_before(caller, error.ticket, ticket)
        except TicketGoneError as error:
            message = "The ticket that this Idempotency-Key created was deleted permanently."
            raise ConflictError(message) from error
        except CheckFailedError as error:
            raise invalid_reference(error.names) from error
        return ticket

    return until_written(attempt)


def _take_number(tickets: TicketRepository, caller: Caller) -> TakenNumber:
    try:
        return tickets.take_number(among=creators_with(caller))
    except NotAmongCreatorsError as error:
        raise ForbiddenError(_ONLY[error.creators]) from error


def _created_before(caller: Caller, existing: Ticket, repeat: Ticket) -> Ticket:
    if existing.request_hash != repeat.request_hash:
        message = "This Idempotency-Key created a ticket from another body."
        raise IdempotencyKeyReusedError(message)
    if existing.deleted_at:
        message = "The ticket that this Idempotency-Key created is in the trash."
        raise ConflictError(message)
    try:
        check_ticket(grant(Operation.GET_TICKET, caller), existing)
    except TicketNotFoundError as error:
        message = "The ticket that this Idempotency-Key created has another reporter now."
        raise ConflictError(message) from error
    return existing
