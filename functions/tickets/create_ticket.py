"""createTicket: POST /v1/tickets."""

from ticketing import clock, ids
from ticketing.access.identity import Caller
from ticketing.access.permissions import Operation, grant
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.dynamodb.transactions import NotNamedError, until_written
from ticketing.errors import ConflictError, ForbiddenError, IdempotencyKeyReusedError
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.events import EventType, TicketEvent, changes_between
from ticketing.tickets.models import Creators, Ticket, TicketCreate
from ticketing.tickets.operations import (
    checks_of,
    invalid_reference,
    named_by,
    people_of,
    presented,
    tickets_of,
)
from ticketing.tickets.repository import (
    NotAmongCreatorsError,
    TakenNumber,
    TicketExistsError,
    TicketGoneError,
    TicketRepository,
)
from ticketing.tickets.rules import check_choices, check_ticket, creators_with

_ONLY = {
    Creators.AGENTS: "In this tenant only agents and admins create tickets.",
    Creators.NOBODY: "The tenant is being deleted.",
}


@endpoint(Operation.CREATE_TICKET)
def handler(request: Request) -> Response:
    """Make a ticket, or return the one that the same Idempotency-Key made before."""
    caller = request.caller
    key = request.idempotency_key()
    body = request.body(TicketCreate)
    fields = body.model_dump(mode="json", by_alias=True)
    fields["reporterId"] = fields["reporterId"] or caller.user_id
    chosen = {
        name for name, nobody in (("reporterId", caller.user_id), ("assignedToId", None)) if fields[name] != nobody
    }
    check_choices(caller, chosen)

    tickets = tickets_of(caller)
    taken = _take_number(tickets, caller)
    if taken.default_priority and "priority" not in body.model_fields_set:
        fields["priority"] = taken.default_priority
    now = clock.timestamp(clock.now())
    ticket = Ticket.model_validate(
        fields
        | {
            "id": ids.derived_id(caller.tenant_id, caller.user_id, key) if key else ids.new_id(),
            "tenantId": caller.tenant_id,
            "number": taken.number,
            "version": 1,
            "createdAt": now,
            "updatedAt": now,
            "requestHash": body.fingerprint() if key else None,
        }
    )
    check_ticket(request.grant, ticket)
    changes = changes_between({}, {"status": ticket.status.value} | ticket.editable())
    checks = checks_of(named_by(changes, caller), people_of(caller))

    def attempt() -> Ticket:
        try:
            tickets.create(ticket, TicketEvent.of(EventType.TICKET_CREATED, ticket, caller, changes), checks)
        except TicketExistsError as error:
            return _made_before(caller, error.ticket, ticket)
        except TicketGoneError as error:
            message = "The ticket that this Idempotency-Key made was deleted and is gone for good."
            raise ConflictError(message) from error
        except NotNamedError as error:
            raise invalid_reference(error.fields) from error
        return ticket

    made = until_written(attempt)
    location = f"{request.path}/{made.id}"
    return Response(201, presented(made, caller), etag=made.version, headers={"Location": location})


def _take_number(tickets: TicketRepository, caller: Caller) -> TakenNumber:
    try:
        return tickets.take_number(among=creators_with(caller))
    except NotAmongCreatorsError as error:
        raise ForbiddenError(_ONLY[error.creators]) from error


def _made_before(caller: Caller, existing: Ticket, repeat: Ticket) -> Ticket:
    if existing.request_hash != repeat.request_hash:
        message = "This Idempotency-Key made a ticket from another body."
        raise IdempotencyKeyReusedError(message)
    if existing.deleted_at:
        message = "The ticket that this Idempotency-Key made is in the trash."
        raise ConflictError(message)
    try:
        check_ticket(grant(Operation.GET_TICKET, caller), existing)
    except TicketNotFoundError as error:
        message = "The ticket that this Idempotency-Key made has another reporter now."
        raise ConflictError(message) from error
    return existing
