"""Every operation of the contract, for every role and every kind of ticket, against the table of permissions."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.callers import TICKET, Tenant
from tests.contract.checker import Contract
from ticketing.lifecycle import Role
from ticketing.permissions import PERMISSIONS, Operation, Scope

type Call = Callable[[httpx.Client, str, dict[str, Any]], httpx.Response]

PREFLIGHTS = {"preflightTickets", "preflightTicket", "preflightTicketRestore"} | {
    "preflightTicketTransitions",
    "preflightTicketHistory",
}
"""Without a caller, so nobody can be refused."""

SUCCESS: dict[Operation, tuple[int, Call]] = {
    Operation.CREATE_TICKET: (201, lambda api, _, __: api.post("/v1/tickets", json=TICKET)),
    Operation.LIST_TICKETS: (200, lambda api, _, __: api.get("/v1/tickets")),
    Operation.GET_TICKET: (200, lambda api, url, _: api.get(url)),
    Operation.REPLACE_TICKET: (200, lambda api, url, ticket: api.put(url, json=_as_it_is(ticket))),
    Operation.UPDATE_TICKET: (200, lambda api, url, _: api.patch(url, json={"title": "Another"})),
    Operation.DELETE_TICKET: (204, lambda api, url, _: api.delete(url)),
    Operation.RESTORE_TICKET: (200, lambda api, url, _: api.post(f"{url}/restore")),
    Operation.TRANSITION_TICKET: (200, lambda api, url, _: api.post(f"{url}/transitions", json={"to": "CLOSED"})),
    Operation.LIST_TICKET_HISTORY: (200, lambda api, url, _: api.get(f"{url}/history")),
}
"""A request that everybody's role and the ticket's status allow, if the operation is theirs, and its answer."""

KINDS = ("own", "somebody else's", "another tenant's", "own, deleted", "none")
NOWHERE = "/v1/tickets/0190b2c4-0000-7000-8000-000000000000"


def _as_it_is(ticket: dict[str, Any]) -> dict[str, Any]:
    """Return a body that replaces a ticket by itself: a change that every role may make."""
    fields = ("title", "description", "status", "priority", "type", "reporterId", "assignedToId", "tags", "resolution")
    return {name: ticket[name] for name in fields}


def _expected(operation: Operation, role: Role, kind: str) -> int:
    """Return the status that the table promises."""
    granted = PERMISSIONS[operation][role]
    success = SUCCESS[operation][0]
    if granted is Scope.NONE:
        return 403
    if operation in {Operation.CREATE_TICKET, Operation.LIST_TICKETS}:
        return success
    if kind == "own, deleted":
        return success if operation is Operation.RESTORE_TICKET else 404
    if kind == "somebody else's":
        return success if granted is Scope.TENANT else 404
    return success if kind == "own" else 404


def test_the_walk_knows_every_operation(contract: Contract) -> None:
    document = {
        operation["operationId"]
        for path in contract.document["paths"].values()
        for name, operation in path.items()
        if name != "parameters"
    }
    assert document == {operation.value for operation in SUCCESS} | PREFLIGHTS
    assert set(SUCCESS) == set(PERMISSIONS) == set(Operation)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", [Role.REPORTER, Role.AGENT, Role.ADMIN], ids=str)
@pytest.mark.parametrize("operation", SUCCESS, ids=str)
def test_every_operation_for_every_role_and_ticket(
    acme: Tenant, globex: Tenant, operation: Operation, role: Role, kind: str
) -> None:
    caller: httpx.Client = getattr(acme, role.value)
    owners = {
        "somebody else's": acme.agent if role is Role.REPORTER else acme.reporter,
        "another tenant's": globex.admin,
    }
    ticket = owners.get(kind, caller).post("/v1/tickets", json=TICKET).json()
    url = NOWHERE if kind == "none" else f"/v1/tickets/{ticket['id']}"
    if kind == "own, deleted":
        assert acme.admin.delete(url).status_code == 204
    answer = SUCCESS[operation][1](caller, url, ticket)
    assert answer.status_code == _expected(operation, role, kind), answer.text
