"""Random sequences of operations, by everybody: the running API answers what a plain model of the tickets answers."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule, run_state_machine_as_test

from tests.harness.client import Client
from tests.harness.size import sized
from tests.property.model import Answer, Caller, Ticket, Tickets

SOMEBODY = "abcdef00-1111-4111-8111-111111111111"
IDS = {"somebody": SOMEBODY, "nobody": None}

STATUS = ["NEW", "OPEN", "IN_PROGRESS", "RESOLVED", "CLOSED"]
ROAD = [
    {"status": "OPEN"},
    {"status": "IN_PROGRESS", "assignedToId": "agent"},
    {"status": "RESOLVED", "resolution": "VPN drops"},
    {"status": "CLOSED"},
]
"""What takes a new ticket through all statuses."""

STATUSES = st.sampled_from(STATUS)
PRIORITIES = st.sampled_from(["LOW", "MEDIUM", "HIGH", "CRITICAL"])
TYPES = st.sampled_from(["INCIDENT", "SERVICE_REQUEST", "QUESTION"])
# A few texts, so that some are the same as before; and what JSON, JSONata and trimming could stumble over.
TEXTS = st.sampled_from(["VPN drops", " VPN drops ", "Дверь 🚪", "{% $now() %}", '"', "\\", "a\n\tb", "$states.input"])
PEOPLE = st.sampled_from(
    [*["admin"] * 3, *["agent"] * 4, *["reporter"] * 3, "other reporter", "stranger", "strange admin"]
)
ADMINS = st.sampled_from([*["admin"] * 5, "agent", "reporter", "stranger", "strange admin"])
# In upper case: the same people, their ids in upper case. Nobody has somebody's id.
REPORTERS = st.sampled_from([*["reporter", "other reporter", "agent", "REPORTER"] * 3, "somebody", "stranger"])
ASSIGNEES = st.sampled_from([*["agent", "admin", "AGENT", "nobody"] * 3, "somebody", "reporter", "strange admin"])
TAGS = st.lists(st.sampled_from(["vpn", " vpn ", "ü"]), max_size=2)
IF_MATCH = st.sampled_from([*[None] * 4, *["right"] * 3, "stale", "*", '"none"'])
# The first and the last of the moves that there are from where the ticket stands, or just any status.
TO = st.sampled_from(["first", "last"]) | STATUSES

CREATE = st.fixed_dictionaries(
    {"title": TEXTS, "description": TEXTS, "tags": TAGS},
    optional={
        "status": st.sampled_from(["NEW", "OPEN"]),
        "priority": PRIORITIES,
        "type": TYPES,
        "reporterId": REPORTERS,
        "assignedToId": ASSIGNEES,
    },
)
NEEDED_FOR_MOVES: dict[str, st.SearchStrategy[Any]] = {"resolution": TEXTS | st.none(), "assignedToId": ASSIGNEES}
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "title": TEXTS,
    "description": TEXTS,
    "priority": PRIORITIES,
    "type": TYPES,
    "reporterId": REPORTERS,
    "tags": TAGS,
    **NEEDED_FOR_MOVES,
}
REPLACE = st.fixed_dictionaries({}, optional={**FIELDS, "status": TO})


def _several(values: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    """One value of a filter, or a few."""
    return st.lists(values, min_size=1, max_size=3)


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "status": _several(STATUSES),
        "priority": _several(PRIORITIES),
        "type": _several(TYPES),
        "assignedToId": _several(st.sampled_from(["me", "none", "agent", "admin"])),
        "reporterId": _several(st.sampled_from(["me", "reporter", "agent"])),
    },
)
SORTS = st.sampled_from(["-updatedAt", "-updatedAt", "updatedAt", "number", "-number"])


SETTINGS = settings(
    # After ten sequences Hypothesis varies those that it has; fewer sequences from more seeds meet more.
    max_examples=sized(7, short=3),
    stateful_step_count=40,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


def _some(fields: dict[str, st.SearchStrategy[Any]], most: int) -> st.SearchStrategy[dict[str, Any]]:
    """A body of a few of the fields."""
    return st.lists(st.sampled_from(sorted(fields)), min_size=1, max_size=most, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: fields[name] for name in names})
    )


class AgainstTheModel(RuleBasedStateMachine):
    """Does everything twice: to the running API and to the model."""

    tickets: Bundle[Ticket] = Bundle("tickets")

    def __init__(self, callers: dict[str, Caller], clients: dict[str, Client]) -> None:
        super().__init__()
        self.callers, self.clients = callers, clients
        self.ids = IDS | {person: caller.id for person, caller in callers.items()}
        self.ids |= {person.upper(): caller.id.upper() for person, caller in callers.items()}
        self.model = Tickets(callers.values())
        # What is in the tenants from earlier sequences has another tag, and was made with other keys.
        self.tag = uuid4().hex
        self.agreed = True

    # --- Changes ---

    @initialize(target=tickets, body=CREATE, status=STATUSES)
    def start_with_a_ticket(self, body: dict[str, Any], status: str) -> Any:
        self.create("agent", body | {"reporterId": "reporter", "assignedToId": "nobody"}, None)
        (ticket,) = self.model.all
        for step in ROAD[: STATUS.index(status)]:
            if ticket.fields["status"] != step["status"]:
                self.update("agent", ticket, step, None)
        return ticket

    @rule(target=tickets, by=PEOPLE, body=CREATE, key=st.sampled_from([None, None, None, "one", "two"]))
    def create(self, by: str, body: dict[str, Any], key: str | None) -> Any:
        body = self._filled(body)
        headers = {"Idempotency-Key": f"{self.tag}-{key}"} if key else {}
        known = len(self.model.all)
        answer = self.model.create(self.callers[by], body, key)
        got = self._ask(by, answer, "POST", "/v1/tickets", json=body, headers=headers)
        if answer.ticket:
            assert got.headers["Location"] == f"/v1/tickets/{answer.ticket.id}"
        return multiple(*self.model.all[known:])

    @rule(
        by=PEOPLE,
        ticket=tickets,
        changes=REPLACE,
        left_out=st.sampled_from([None, None, "assignedToId", "tags", "resolution"]),
        if_match=IF_MATCH,
    )
    def replace(
        self, by: str, ticket: Ticket, changes: dict[str, Any], left_out: str | None, if_match: str | None
    ) -> None:
        body = ticket.fields | self._filled(changes, ticket)
        if left_out:
            del body[left_out]
        headers, expected = _conditional(ticket, if_match)
        answer = self.model.replace(self.callers[by], ticket, body, expected)
        self._ask(by, answer, "PUT", _url(ticket), json=body, headers=headers)

    @rule(by=PEOPLE, ticket=tickets, body=_some(FIELDS, 3), if_match=IF_MATCH)
    def update(self, by: str, ticket: Ticket, body: dict[str, Any], if_match: str | None) -> None:
        body = self._filled(body, ticket)
        headers, expected = _conditional(ticket, if_match)
        answer = self.model.update(self.callers[by], ticket, body, expected)
        self._ask(by, answer, "PATCH", _url(ticket), json=body, headers=headers)

    @rule(
        by=PEOPLE,
        ticket=tickets,
        body=st.fixed_dictionaries({"status": TO}, optional={**NEEDED_FOR_MOVES, "title": TEXTS, "tags": TAGS}),
        if_match=IF_MATCH,
    )
    def update_with_status(self, by: str, ticket: Ticket, body: dict[str, Any], if_match: str | None) -> None:
        self.update(by, ticket, body, if_match)

    @rule(
        by=PEOPLE,
        ticket=tickets,
        body=st.fixed_dictionaries({"to": TO}, optional={"resolution": TEXTS, "comment": TEXTS}),
        if_match=IF_MATCH,
    )
    def transition(self, by: str, ticket: Ticket, body: dict[str, Any], if_match: str | None) -> None:
        body = self._filled(body, ticket)
        headers, expected = _conditional(ticket, if_match)
        answer = self.model.transition(self.callers[by], ticket, body, expected)
        self._ask(by, answer, "POST", f"{_url(ticket)}/transitions", json=body, headers=headers)

    @rule(by=ADMINS, ticket=tickets, if_match=IF_MATCH, for_good=st.sampled_from([False, False, True]))
    def delete(self, by: str, ticket: Ticket, if_match: str | None, *, for_good: bool) -> None:
        headers, expected = _conditional(ticket, if_match)
        answer = self.model.delete(self.callers[by], ticket, expected)
        self._ask(by, answer, "DELETE", _url(ticket), headers=headers)
        if not for_good:
            self.restore("admin", ticket, None)

    @rule(by=ADMINS, ticket=tickets, if_match=IF_MATCH)
    def restore(self, by: str, ticket: Ticket, if_match: str | None) -> None:
        headers, expected = _conditional(ticket, if_match)
        answer = self.model.restore(self.callers[by], ticket, expected)
        self._ask(by, answer, "POST", f"{_url(ticket)}/restore", headers=headers)

    @rule(by=PEOPLE, ticket=tickets, visibility=st.sampled_from(["public", "public", "internal"]))
    def comment(self, by: str, ticket: Ticket, visibility: str) -> None:
        answer = self.model.comment(self.callers[by], ticket, visibility)
        body = {"body": "Any news?", "visibility": visibility}
        got = self._ask(by, answer, "POST", f"{_url(ticket)}/comments", json=body)
        if answer.code:
            return
        event, made = ticket.events[-1], got.json()
        event.comment_id = made["id"]
        if ticket.events[-2].at:  # else it has just reopened the ticket, at the state machine's time
            event.at = made["createdAt"]
            if visibility == "public":
                ticket.updated_at = made["createdAt"]
        if event.is_answer:
            ticket.first_responded_at = made["createdAt"]
        self.get(by, ticket, None)

    # --- Reads ---

    @rule(by=PEOPLE, ticket=tickets, known=st.sampled_from([None, "right", "stale"]))
    def get(self, by: str, ticket: Ticket, known: str | None) -> None:
        headers, version = _conditional(ticket, known, "If-None-Match")
        answer = self.model.get(self.callers[by], ticket, version)
        self._ask(by, answer, "GET", _url(ticket), headers=headers)

    @rule(by=PEOPLE, ticket=tickets, limit=st.integers(1, 5))
    def history(self, by: str, ticket: Ticket, limit: int) -> None:
        self._compare_history(by, ticket, limit)

    @rule(by=PEOPLE, ticket=tickets, limit=st.integers(1, 3))
    def comments(self, by: str, ticket: Ticket, limit: int) -> None:
        url, caller = f"{_url(ticket)}/comments", self.callers[by]
        answer = self.model.history(caller, ticket)
        if answer.code:
            self._ask(by, answer, "GET", url)
            return
        shown = self._pages(by, url, {"limit": str(limit)}, limit)
        expected = [event.comment_id for event in ticket.events_for(caller) if event.comment_id]
        assert [comment["id"] for comment in shown] == expected
        self.agreed = True

    @rule(by=PEOPLE, filters=FILTERS, limit=st.integers(1, 4), sort=SORTS)
    def list(self, by: str, filters: dict[str, Any], limit: int, sort: str) -> None:
        self._compare_list(by, filters, limit, sort)

    def teardown(self) -> None:
        """Compare everything, once more, unless something has failed already."""
        if not self.agreed:
            return
        for by in ("admin", "reporter", "stranger"):
            self._compare_list(by, {}, 100)
        for ticket in self.model.all:
            home = ticket.tenant == self.callers["admin"].tenant
            self._compare_history("admin" if home else "strange admin", ticket, 100)

    # --- Comparing ---

    def _ask(self, by: str, answer: Answer, method: str, url: str, **request: Any) -> httpx.Response:
        """Send the request, and hold what comes against the model's answer."""
        self.agreed = False
        got = self.clients[by].request(method, url, **request)
        assert (got.status_code, _code(got)) == (answer.status, answer.code), got.text
        if answer.code:
            assert got.json().get("details") == answer.details
        elif answer.ticket:
            self._learn(answer.ticket, got.json())
            assert got.json() == answer.ticket.shown_to(self.callers[by])
            assert got.headers["ETag"] == f'"{answer.ticket.version}"'
        self.agreed = True
        return got

    def _learn(self, ticket: Ticket, shown: dict[str, Any]) -> None:
        """Take over what the server chose, if it is plausible."""
        before = ticket.updated_at
        if not ticket.id:
            others = [each for each in self.model.all if each.tenant == ticket.tenant and each is not ticket]
            assert all(shown["number"] > each.number and shown["id"] != each.id for each in others)
            assert shown["createdAt"] == shown["updatedAt"]
        ticket.learn(shown)
        assert ticket.updated_at >= before

    def _compare_list(self, by: str, filters: dict[str, Any], limit: int, sort: str = "-updatedAt") -> None:
        caller = self.callers[by]
        me = self.ids | {"me": caller.id, "none": None}
        wanted = {
            name: [me.get(value, value) if name.endswith("Id") else value for value in values]
            for name, values in filters.items()
        }
        query = {
            name: ",".join(str(self.ids.get(value, value)) for value in values) for name, values in filters.items()
        }
        query |= {"tag": self.tag, "limit": str(limit), "sort": sort}
        shown = self._pages(by, "/v1/tickets", query, limit)
        assert shown == [each.shown_to(caller) for each in self.model.listed(caller, wanted, self.tag, sort)]
        self.agreed = True

    def _compare_history(self, by: str, ticket: Ticket, limit: int) -> None:
        url = f"{_url(ticket)}/history"
        answer = self.model.history(self.callers[by], ticket)
        if answer.code:
            self._ask(by, answer, "GET", url)
            return
        shown = self._pages(by, url, {"limit": str(limit)}, limit)
        times = [event["occurredAt"] for event in shown]
        assert times == sorted(times)
        assert len({event.pop("id") for event in shown}) == len(shown)
        caller = self.callers[by]
        for event, seen in zip(ticket.events_for(caller), shown, strict=False):
            event.at = event.at or seen["occurredAt"]
        assert shown == ticket.history(caller)
        self.agreed = True

    def _pages(self, by: str, url: str, query: dict[str, str], limit: int) -> Any:
        """Follow a list to its end."""
        self.agreed = False
        elements = []
        for page in self.clients[by].pages(url, **query):
            assert len(page) <= limit
            elements += page
        return elements

    def _filled(self, body: dict[str, Any], ticket: Ticket | None = None) -> dict[str, Any]:
        """Return a body with its placeholders filled in, and with the tag of this sequence among its tags."""
        ids = {name: self.ids[body[name]] for name in ("reporterId", "assignedToId") if name in body}
        tags = {"tags": [*body["tags"], self.tag]} if "tags" in body else {}
        moves = ticket.allows(self.callers["admin"]) if ticket else []
        named = {"first": moves[0], "last": moves[-1]} if moves else {}
        statuses = {name: named.get(body[name], body[name]) for name in ("status", "to") if name in body}
        return body | ids | tags | statuses


def _url(ticket: Ticket) -> str:
    return f"/v1/tickets/{ticket.id}"


def _code(got: httpx.Response) -> str | None:
    return str(got.json()["code"]) if got.is_error else None


def _conditional(ticket: Ticket, kind: str | None, header: str = "If-Match") -> tuple[dict[str, str], int | None]:
    """Return the header of a conditional request, and the version that it names: None for any, 0 for none."""
    versions = {"right": ticket.version, "stale": ticket.version - 1 or 7}
    if kind in versions:
        return {header: f'"{versions[kind]}"'}, versions[kind]
    return ({header: kind} if kind else {}), (None if kind in {None, "*"} else 0)


@pytest.mark.usefixtures("unpublished")
@pytest.mark.parametrize("number", range(sized(3, short=1)))
def test_the_api_does_what_the_model_does(callers: dict[str, Caller], clients: dict[str, Client], number: int) -> None:
    @seed(number)
    class Here(AgainstTheModel):
        def __init__(self) -> None:
            super().__init__(callers, clients)

    run_state_machine_as_test(Here, settings=SETTINGS)
