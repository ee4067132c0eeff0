"""A walk through the API with the client that openapi-python-client makes of the contract."""

from typing import Any
from uuid import UUID

from httpx import Timeout
from ticket_client import AuthenticatedClient
from ticket_client.api.lifecycle import transition_ticket
from ticket_client.api.tickets import create_ticket, get_ticket, list_tickets, update_ticket
from ticket_client.api.users import get_me
from ticket_client.models import Error, Status, Ticket, TicketCreate, TicketUpdate, TransitionRequest


def tour(base_url: str, token: str) -> dict[str, Any]:
    """Make a ticket, find it, move it, and be refused; return what was answered."""
    patience = Timeout(60)  # a function's first call takes its time on a machine under load
    api = AuthenticatedClient(base_url=base_url, token=token, timeout=patience)
    body = TicketCreate(title="VPN drops every ten minutes", description="On Wi-Fi and on cable.")
    created = create_ticket.sync_detailed(client=api, body=body)
    ticket = created.parsed
    assert isinstance(ticket, Ticket)

    listed = list_tickets.sync(client=api, status=[Status.NEW, Status.OPEN], reporter_id=["me"], limit=100)
    assert isinstance(listed, list)
    moved = transition_ticket.sync_detailed(
        ticket.id, client=api, body=TransitionRequest(to=Status.OPEN), if_match=created.headers["ETag"]
    )
    assert isinstance(moved.parsed, Ticket)
    stale = update_ticket.sync_detailed(ticket.id, client=api, body=TicketUpdate(assigned_to_id=None), if_match='"1"')
    absent = get_ticket.sync_detailed(UUID(int=0), client=api)
    nobody = AuthenticatedClient(base_url=base_url, token="nobody", timeout=patience)
    unknown = get_me.sync_detailed(client=nobody)
    return {
        "created": [created.status_code, ticket.status, ticket.type_],
        "found": ticket.id in {each.id for each in listed},
        "moved": [moved.status_code, moved.parsed.status],
        "stale": [stale.status_code, _code(stale.parsed)],
        "absent": [absent.status_code, _code(absent.parsed)],
        "unknown": [unknown.status_code, _code(unknown.parsed)],
    }


def _code(answer: object) -> str:
    assert isinstance(answer, Error)
    code: str = answer.code
    return code
