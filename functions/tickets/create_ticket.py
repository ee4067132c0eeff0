"""createTicket: POST /v1/tickets."""

import hashlib
import json
import re

from ticketing import clock, ids
from ticketing.errors import BadRequestError, ConflictError, IdempotencyKeyReusedError, TicketNotFoundError
from ticketing.events import EventType, TicketEvent, changes_between
from ticketing.frame import Response, endpoint
from ticketing.identity import Caller
from ticketing.models import Ticket, TicketCreate
from ticketing.permissions import Operation, check_choices, check_ticket, scope
from ticketing.repository import TicketExistsError, TicketGoneError
from ticketing.request import Request
from ticketing.tickets import presented, tickets_of, until_written

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@endpoint(Operation.CREATE_TICKET)
def handler(request: Request) -> Response:
    """Make a ticket, or return the one that the same Idempotency-Key made before."""
    caller = request.caller
    scope(Operation.CREATE_TICKET, caller)
    key = _idempotency_key(request)
    body = request.body(TicketCreate)
    fields = body.model_dump(mode="json", by_alias=True)
    fields["reporterId"] = fields["reporterId"] or caller.user_id
    chosen = {
        name for name, nobody in (("reporterId", caller.user_id), ("assignedToId", None)) if fields[name] != nobody
    }
    check_choices(caller, chosen)

    tickets = tickets_of(caller)
    now = clock.timestamp(clock.now())
    ticket = Ticket.model_validate(
        fields
        | {
            "id": ids.derived_id(caller.tenant_id, caller.user_id, key) if key else ids.new_id(),
            "tenantId": caller.tenant_id,
            "number": tickets.next_number(),
            "version": 1,
            "createdAt": now,
            "updatedAt": now,
            "requestHash": hashlib.sha256(json.dumps(fields).encode()).hexdigest() if key else None,
        }
    )
    changes = changes_between({}, {"status": ticket.status.value} | ticket.editable())

    def attempt() -> Ticket:
        try:
            tickets.create(ticket, TicketEvent.of(EventType.TICKET_CREATED, ticket, caller, changes))
        except TicketExistsError as error:
            return _made_before(caller, error.ticket, ticket)
        except TicketGoneError as error:
            message = "The ticket that this Idempotency-Key made was deleted and is gone for good."
            raise ConflictError(message) from error
        return ticket

    made = until_written(attempt)
    location = f"{request.path}/{made.id}"
    return Response(201, presented(made, caller), etag=made.version, headers={"Location": location})


def _idempotency_key(request: Request) -> str | None:
    key = request.header("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        message = "The Idempotency-Key is not one."
        raise BadRequestError(message, ["Idempotency-Key: takes 1 to 255 visible ASCII characters, no spaces"])
    return key


def _made_before(caller: Caller, existing: Ticket, repeat: Ticket) -> Ticket:
    if existing.request_hash != repeat.request_hash:
        message = "This Idempotency-Key made a ticket from another body."
        raise IdempotencyKeyReusedError(message)
    if existing.deleted_at:
        message = "The ticket that this Idempotency-Key made is in the trash."
        raise ConflictError(message)
    try:
        check_ticket(Operation.GET_TICKET, caller, existing)
    except TicketNotFoundError as error:
        message = "The ticket that this Idempotency-Key made has another reporter now."
        raise ConflictError(message) from error
    return existing
