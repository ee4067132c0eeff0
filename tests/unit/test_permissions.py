"""Who may do what: operation by role by relation, spelled out from the design."""

import pytest

from tests.unit.support import (
    ADMIN,
    AGENT,
    AGENT_ID,
    OTHER_REPORTER,
    REPORTER,
    a_ticket,
)
from ticketing.errors import ApiError, ForbiddenError
from ticketing.identity import Caller
from ticketing.lifecycle import Role, Status
from ticketing.permissions import Operation, Scope, check_changes, check_choices, check_ticket, scope

SYSTEM = Caller(AGENT_ID, "acme", Role.SYSTEM)
CALLERS = {"own reporter": REPORTER, "other reporter": OTHER_REPORTER, "agent": AGENT, "admin": ADMIN, "system": SYSTEM}

# operation: own reporter, other reporter, agent, admin, system
MATRIX = {
    "createTicket": "ok 404 ok ok 403",
    "listTickets": "ok 404 ok ok 403",
    "getTicket": "ok 404 ok ok 403",
    "replaceTicket": "ok 404 ok ok 403",
    "updateTicket": "ok 404 ok ok 403",
    "deleteTicket": "403 403 403 ok 403",
    "restoreTicket": "403 403 403 ok 403",
    "transitionTicket": "ok 404 ok ok 403",
    "listTicketHistory": "ok 404 ok ok 403",
}
CASES = [
    pytest.param(operation, who, verdict, id=f"{operation}, {who}")
    for operation, row in MATRIX.items()
    for who, verdict in zip(CALLERS, row.split(), strict=True)
]


def test_no_operation_is_forgotten() -> None:
    assert {operation.value for operation in Operation} == set(MATRIX)


@pytest.mark.parametrize(("operation", "who", "verdict"), CASES)
def test_operation_by_role_by_relation(operation: str, who: str, verdict: str) -> None:
    if verdict == "ok":
        check_ticket(Operation(operation), CALLERS[who], a_ticket())
    else:
        with pytest.raises(ApiError) as raised:
            check_ticket(Operation(operation), CALLERS[who], a_ticket())
        assert str(raised.value.status) == verdict


@pytest.mark.parametrize("operation", ["listTickets", "getTicket", "transitionTicket"])
def test_reporters_are_held_to_their_own_and_agents_to_the_tenant(operation: str) -> None:
    granted = [scope(Operation(operation), caller) for caller in (REPORTER, AGENT, ADMIN)]
    assert granted == [Scope.OWN, Scope.TENANT, Scope.TENANT]


FIELDS = ["assignedToId", "description", "priority", "reporterId", "resolution", "tags", "title", "type"]
OPEN_TO_REPORTERS = {
    "NEW": ["description", "tags", "title"],
    "OPEN": ["description", "tags", "title"],
    "IN_PROGRESS": ["description", "tags", "title"],
    "RESOLVED": [],
    "CLOSED": [],
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(("status", "may"), OPEN_TO_REPORTERS.items(), ids=OPEN_TO_REPORTERS)
def test_what_a_reporter_may_change_by_status(status: str, may: list[str], field: str) -> None:
    ticket = a_ticket(status=Status(status))
    if field in may:
        check_changes(REPORTER, ticket, [field])
    else:
        with pytest.raises(ForbiddenError) as raised:
            check_changes(REPORTER, ticket, [field])
        assert raised.value.details == [field]


def test_all_fields_refused_are_named_in_order() -> None:
    with pytest.raises(ForbiddenError) as raised:
        check_changes(REPORTER, a_ticket(), ["type", "title", "assignedToId"])
    assert raised.value.details == ["assignedToId", "type"]


@pytest.mark.parametrize("caller", [AGENT, ADMIN], ids=["agent", "admin"])
@pytest.mark.parametrize("status", OPEN_TO_REPORTERS)
def test_agents_change_all_in_every_status(caller: Caller, status: str) -> None:
    check_changes(caller, a_ticket(status=Status(status)), FIELDS)


def test_no_change_is_allowed_to_everybody() -> None:
    check_changes(REPORTER, a_ticket(status=Status.CLOSED), [])


@pytest.mark.parametrize(
    ("field", "allowed"),
    [(field, field in {"description", "tags", "title"}) for field in FIELDS],
    ids=FIELDS,
)
def test_without_a_ticket_only_what_is_never_allowed_is_refused(field: str, allowed: bool) -> None:  # noqa: FBT001
    if allowed:
        check_changes(REPORTER, None, [field])
    else:
        with pytest.raises(ForbiddenError):
            check_changes(REPORTER, None, [field])


@pytest.mark.parametrize(
    ("caller", "chosen", "refused"),
    [
        pytest.param(REPORTER, [], None, id="reporter chooses nobody"),
        pytest.param(REPORTER, ["priority", "type", "tags"], None, id="reporter chooses priority and type"),
        pytest.param(REPORTER, ["reporterId"], ["reporterId"], id="reporter for another"),
        pytest.param(REPORTER, ["assignedToId"], ["assignedToId"], id="reporter assigns"),
        pytest.param(REPORTER, ["reporterId", "assignedToId"], ["assignedToId", "reporterId"], id="reporter both"),
        pytest.param(AGENT, ["reporterId", "assignedToId"], None, id="agent both"),
        pytest.param(ADMIN, ["reporterId", "assignedToId"], None, id="admin both"),
    ],
)
def test_who_may_choose_for_others_on_a_new_ticket(
    caller: Caller, chosen: list[str], refused: list[str] | None
) -> None:
    if refused is None:
        check_choices(caller, chosen)
    else:
        with pytest.raises(ForbiddenError) as raised:
            check_choices(caller, chosen)
        assert raised.value.details == refused
