"""Who may do what: operation by role by relation, spelled out from the design."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.support import (
    ADMIN,
    AGENT,
    AGENT_ID,
    MOMENT,
    NEWCOMER,
    OTHER_ID,
    OTHER_REPORTER,
    REPORTER,
    REPORTER_ID,
    a_ticket,
)
from ticketing.access.identity import Caller
from ticketing.access.permissions import (
    PEOPLE_ONLY,
    PERMISSIONS,
    RECHECKED,
    Grant,
    Operation,
    Relation,
    grant,
)
from ticketing.access.roles import Role
from ticketing.comments.rules import check_comment, is_response
from ticketing.errors import ForbiddenError
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.kinds import Creators
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket
from ticketing.tickets.rules import (
    CREATORS,
    INTERNAL_COMMENTS,
    check_changes,
    check_choices,
    check_internal,
    check_ticket,
    creators_with,
    sees_internal,
)

SYSTEM = Caller(AGENT_ID, "acme", Role.SYSTEM)
CALLERS = {"newcomer": NEWCOMER, "reporter": REPORTER, "agent": AGENT, "admin": ADMIN, "system": SYSTEM}

# operation: newcomer, reporter, agent, admin, system
MATRIX = {
    "createTicket": "no own all all no",
    "listTickets": "no own all all no",
    "getTicket": "no own all all no",
    "replaceTicket": "no own all all no",
    "updateTicket": "no own all all no",
    "deleteTicket": "no no no all no",
    "restoreTicket": "no no no all no",
    "transitionTicket": "no own all all no",
    "listTicketHistory": "no own all all no",
    "listComments": "no own all all no",
    "createComment": "no own all all no",
    "getComment": "no own all all no",
    "updateComment": "no own all all no",
    "deleteComment": "no own all all no",
    "createAttachment": "no own all all no",
    "listAttachments": "no own all all no",
    "getAttachment": "no own all all no",
    "getAttachmentContent": "no own all all no",
    "deleteAttachment": "no own all all no",
    "watchTicket": "no own all all no",
    "unwatchTicket": "no own all all no",
    "getWatching": "no own all all no",
    "searchTickets": "no own all all no",
    "suggestSearch": "no own all all no",
    "getMe": "no own own own no",
    "updateMe": "no own own own no",
    "signOut": "no own own own no",
    "listUsers": "no no all all no",
    "getUser": "no own all all no",
    "inviteUser": "no no no all no",
    "updateUser": "no no no all no",
    "deactivateUser": "no no no all no",
    "listInvitations": "own no no no no",
    "acceptInvitation": "own no no no no",
    "createTenant": "own no no no no",
    "getTenant": "no all all all no",
    "updateTenant": "no no no all no",
    "deleteTenant": "no no no all no",
    "getTenantDeletion": "own own own own no",
    "listApiKeys": "no no no all no",
    "createApiKey": "no no no all no",
    "getApiKey": "no no no all no",
    "revokeApiKey": "no no no all no",
    "listAuditEvents": "no no no all no",
    "listWebhooks": "no no no all no",
    "createWebhook": "no no no all no",
    "getWebhook": "no no no all no",
    "updateWebhook": "no no no all no",
    "deleteWebhook": "no no no all no",
    "rotateSecret": "no no no all no",
    "listDeliveries": "no no no all no",
    "getDelivery": "no no no all no",
    "redeliver": "no no no all no",
    "listViews": "no own all all no",
    "createView": "no own all all no",
    "countViews": "no own all all no",
    "getView": "no own all all no",
    "updateView": "no own all all no",
    "deleteView": "no own all all no",
    "listCalendars": "no no all all no",
    "createCalendar": "no no no all no",
    "getCalendar": "no no all all no",
    "updateCalendar": "no no no all no",
    "deleteCalendar": "no no no all no",
    "getReport": "no no all all no",
    "listReportTickets": "no no all all no",
}
CASES = [
    pytest.param(operation, who, word, id=f"{operation}, {who}")
    for operation, row in MATRIX.items()
    for who, word in zip(CALLERS, row.split(), strict=True)
]
OF_TICKETS = [
    operation
    for operation in MATRIX
    if operation.endswith(("Ticket", "Tickets", "TicketHistory", "Comment", "Comments", "Watching"))
    or "Attachment" in operation
]


def granted(*relations: Relation) -> Grant:
    """Return what REPORTER may do to tickets that stand in these relations to them."""
    return Grant(Operation.GET_TICKET, REPORTER, frozenset(relations))


def test_no_operation_is_forgotten() -> None:
    assert {operation.value for operation in Operation} == set(PERMISSIONS) == set(MATRIX)


@pytest.mark.parametrize(("operation", "who", "word"), CASES)
def test_operation_by_role_by_relation(operation: str, who: str, word: str) -> None:
    if word == "no":
        with pytest.raises(ForbiddenError):
            grant(Operation(operation), CALLERS[who])
        return
    given = grant(Operation(operation), CALLERS[who])
    assert (given.operation, given.caller) == (operation, CALLERS[who])
    assert given.covers({Relation.OWN})
    assert given.covers({Relation.ASSIGNED}) == given.covers(()) == given.everything == (word == "all")
    assert given.only_own == (word == "own")


@pytest.mark.parametrize(
    ("caller", "ticket", "own"),
    [
        pytest.param(REPORTER, a_ticket(), True, id="its reporter"),
        pytest.param(OTHER_REPORTER, a_ticket(), False, id="another reporter"),
        pytest.param(OTHER_REPORTER, a_ticket(assigned_to_id=OTHER_ID), False, id="another reporter, assigned"),
        pytest.param(AGENT, a_ticket(), False, id="agent"),
        pytest.param(AGENT, a_ticket(reporter_id=AGENT_ID), True, id="agent who reported it"),
        pytest.param(ADMIN, a_ticket(), False, id="admin"),
    ],
)
@pytest.mark.parametrize("operation", OF_TICKETS)
def test_operation_by_ticket(operation: str, caller: Caller, ticket: Ticket, *, own: bool) -> None:
    word = dict(zip(CALLERS, MATRIX[operation].split(), strict=True))[caller.role]
    if word == "no":
        with pytest.raises(ForbiddenError):
            grant(Operation(operation), caller)
    elif word == "all" or own:
        check_ticket(grant(Operation(operation), caller), ticket)
    else:
        with pytest.raises(TicketNotFoundError):
            check_ticket(grant(Operation(operation), caller), ticket)


@pytest.mark.parametrize(
    ("relations", "ticket", "covered"),
    [
        pytest.param([Relation.OWN], {"reporter_id": REPORTER_ID}, True, id="own: reported"),
        pytest.param(
            [Relation.OWN], {"reporter_id": OTHER_ID, "assigned_to_id": REPORTER_ID}, False, id="own: assigned"
        ),
        pytest.param([Relation.ASSIGNED], {"reporter_id": REPORTER_ID}, False, id="assigned: reported"),
        pytest.param(
            [Relation.ASSIGNED],
            {"reporter_id": OTHER_ID, "assigned_to_id": REPORTER_ID},
            True,
            id="assigned: assigned",
        ),
        pytest.param(
            [Relation.ASSIGNED], {"reporter_id": OTHER_ID, "assigned_to_id": None}, False, id="assigned: nobody"
        ),
        pytest.param(
            [Relation.OWN, Relation.ASSIGNED],
            {"reporter_id": OTHER_ID, "assigned_to_id": REPORTER_ID},
            True,
            id="either: one is enough",
        ),
        pytest.param(
            [Relation.OWN, Relation.ASSIGNED],
            {"reporter_id": OTHER_ID, "assigned_to_id": AGENT_ID},
            False,
            id="either: neither",
        ),
        pytest.param([Relation.ANY], {"reporter_id": OTHER_ID}, True, id="any"),
        pytest.param([], {"reporter_id": REPORTER_ID, "assigned_to_id": REPORTER_ID}, False, id="none"),
    ],
)
def test_how_a_ticket_may_stand_to_its_caller(
    relations: list[Relation], ticket: dict[str, str | None], *, covered: bool
) -> None:
    if covered:
        check_ticket(granted(*relations), a_ticket(**ticket))
    else:
        with pytest.raises(TicketNotFoundError):
            check_ticket(granted(*relations), a_ticket(**ticket))


@pytest.mark.parametrize("caller", [REPORTER, AGENT, ADMIN])
def test_who_may_know_of_internal_comments(caller: Caller) -> None:
    allowed = caller.role in INTERNAL_COMMENTS
    assert {Role.AGENT, Role.ADMIN} == INTERNAL_COMMENTS
    assert sees_internal(caller) == allowed
    if allowed:
        check_internal(caller)
    else:
        with pytest.raises(ForbiddenError):
            check_internal(caller)


@pytest.mark.parametrize(
    ("caller", "ticket", "answer"),
    [
        pytest.param(REPORTER, a_ticket(), False, id="its reporter"),
        pytest.param(AGENT, a_ticket(), True, id="agent"),
        pytest.param(ADMIN, a_ticket(), True, id="admin"),
        pytest.param(AGENT, a_ticket(reporter_id=AGENT_ID), False, id="agent who reported it"),
    ],
)
def test_whose_comment_is_an_answer(caller: Caller, ticket: Ticket, *, answer: bool) -> None:
    assert is_response(caller, ticket) == answer


@pytest.mark.parametrize("operation", [Operation.UPDATE_COMMENT, Operation.DELETE_COMMENT])
@pytest.mark.parametrize("caller", [REPORTER, AGENT, ADMIN])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("age", [0, 15 * 60, 15 * 60 + 0.001], ids=["new", "just in time", "too late"])
def test_who_may_change_whose_comment_and_for_how_long(
    operation: Operation, caller: Caller, age: float, *, own: bool
) -> None:
    author = caller.user_id if own else OTHER_ID
    moderates = operation is Operation.DELETE_COMMENT and caller is ADMIN

    def check() -> None:
        now = MOMENT + timedelta(seconds=age)
        check_comment(grant(operation, caller), author, written=MOMENT, now=now)

    if moderates or (own and age <= 15 * 60):
        check()
    else:
        with pytest.raises(ForbiddenError):
            check()


def test_a_grant_remembers_whether_it_was_asked() -> None:
    def asked(look: Callable[[Grant], object]) -> bool:
        fresh = granted(Relation.OWN)
        assert not fresh.looked
        look(fresh)
        return fresh.looked

    assert asked(lambda fresh: fresh.only_own)
    assert asked(lambda fresh: fresh.covers(()))
    assert asked(lambda fresh: check_ticket(fresh, a_ticket()))
    assert asked(Grant.leave_to_the_state_machine)
    # Who the caller is, and how far the grant goes, says nothing about the thing at hand.
    assert not asked(lambda fresh: (fresh.caller, fresh.relations, fresh.everything))


def test_an_api_key_may_what_its_role_may_but_for_what_takes_a_person() -> None:
    webhooks = {Operation.CREATE_WEBHOOK, Operation.UPDATE_WEBHOOK, Operation.ROTATE_SECRET}
    themselves = {Operation.UPDATE_ME, Operation.SIGN_OUT}
    assert {Operation.CREATE_API_KEY, Operation.DELETE_TENANT} | themselves | webhooks == PEOPLE_ONLY
    for operation in Operation:
        for caller in (REPORTER, AGENT, ADMIN):
            key = replace(caller, is_api_key=True)
            if operation in PEOPLE_ONLY or caller.role not in PERMISSIONS[operation]:
                with pytest.raises(ForbiddenError):
                    grant(operation, key)
            else:
                assert grant(operation, key).relations == grant(operation, caller).relations


def test_what_only_admins_may_do_is_rechecked() -> None:
    """tests/unit/api/test_rechecked.py shows what the frame does then."""
    for operation, row in MATRIX.items():
        assert (operation in RECHECKED) == (row.split() == ["no", "no", "no", "all", "no"])


def test_a_key_is_told_that_it_takes_a_person() -> None:
    with pytest.raises(ForbiddenError, match="it takes a person"):
        grant(Operation.DELETE_TENANT, replace(ADMIN, is_api_key=True))
    with pytest.raises(ForbiddenError, match="The role agent may not"):
        grant(Operation.DELETE_TENANT, AGENT)


@pytest.mark.parametrize(
    ("caller", "settings"),
    [
        pytest.param(REPORTER, {"EVERYBODY"}, id="reporter"),
        pytest.param(AGENT, {"EVERYBODY", "AGENTS"}, id="agent"),
        pytest.param(ADMIN, {"EVERYBODY", "AGENTS"}, id="admin"),
        pytest.param(NEWCOMER, set(), id="newcomer"),
        pytest.param(SYSTEM, set(), id="system"),
    ],
)
def test_in_which_tenants_a_role_may_create_tickets(caller: Caller, settings: set[str]) -> None:
    assert creators_with(caller) == settings
    assert set(CREATORS) == set(Creators)


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
