"""Counting what views find: for whom, on which index, and what spoils no other count."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from functions.views import count_views as function
from tests.unit.support import ADMIN, AGENT, AGENT_ID, REPORTER, REPORTER_ID, SEARCH_TABLE, api_event, send
from tests.unit.views.conftest import Desk
from ticketing.access.identity import Caller
from ticketing.access.permissions import Operation, grant
from ticketing.dynamodb.attributes import to_item
from ticketing.search.errors import SearchUnavailableError
from ticketing.search.language import Field, OneOf, Term
from ticketing.search.port import Find, Found, IndexDamagedError, IndexMissingError, Scope
from ticketing.views.counting import count_views
from ticketing.views.models import MOST_COUNTED

AS_OF = "2026-02-02T08:15:00.000Z"
GONE = "019c1f0e-7a3b-7c41-9d2e-5f60718293a5"

pytestmark = pytest.mark.usefixtures("time")


@dataclass
class Index:
    """An index that finds as many tickets as a query has clauses, or fails."""

    error: type[Exception] | None = None
    complete: bool = True
    asked: list[Find] = field(default_factory=list)

    def find(self, find: Find) -> Found:
        self.asked.append(find)
        if self.error is not None:
            raise self.error
        number = len(find.query.clauses)
        return Found([], number, number < 3, {}, None, AS_OF, self.complete)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise NotImplementedError(name)


def count(caller: Caller, *view_ids: str, index: Index | None = None, reasons: list[str] | None = None) -> Any:
    rebuild = (reasons if reasons is not None else []).append
    return count_views(grant(Operation.COUNT_VIEWS, caller), view_ids, index or Index(), rebuild)


def test_each_is_counted_in_the_order_asked_for(desk: Desk) -> None:
    one = desk.made(query="printer")
    two = desk.made(ADMIN, query="printer jam status:OPEN", shared=True)
    assert count(AGENT, two, one, two) == {
        "counts": [
            {"id": two, "total": {"value": 3, "exact": False}, "reason": None},
            {"id": one, "total": {"value": 1, "exact": True}, "reason": None},
        ],
        "asOf": AS_OF,
        "complete": True,
    }


def test_each_caller_counts_what_they_may_see(desk: Desk) -> None:
    index, query = Index(), "reporter:me printer"
    count(REPORTER, desk.made(REPORTER, query=query), index=index)
    count(AGENT, desk.made(AGENT, query=query), index=index)
    reporters, agents = index.asked
    assert (reporters.scope, agents.scope) == (Scope(REPORTER_ID, internal=False), Scope(None, internal=True))
    for find, caller_id in ((reporters, REPORTER_ID), (agents, AGENT_ID)):
        assert OneOf(Field.REPORTER, (caller_id,), negated=False) in find.query.clauses
        assert any(isinstance(clause, Term) for clause in find.query.clauses)
        assert (find.limit, find.facets, find.after) == (1, (), None)


def test_what_the_caller_does_not_see_is_not_counted(desk: Desk) -> None:
    others, shared, own = desk.made(ADMIN), desk.made(ADMIN, shared=True, name="S"), desk.made(REPORTER)
    index = Index()
    counted = count(REPORTER, others, shared, GONE, own, index=index)["counts"]
    assert [each["reason"] for each in counted] == ["view_not_found"] * 3 + [None]
    assert [each["total"] for each in counted[:3]] == [None] * 3
    assert len(index.asked) == 1


def test_a_query_that_is_not_read_any_more_spoils_no_other(desk: Desk) -> None:
    old, good = desk.made(), desk.made(name="Good")
    desk.client.update_item(
        TableName=SEARCH_TABLE,
        Key=to_item({"PK": "TENANT#acme#VIEWS", "SK": f"USER#{AGENT_ID}#VIEW#{old}"}),
        UpdateExpression="SET #query = :query",
        ExpressionAttributeNames={"#query": "query"},
        ExpressionAttributeValues=to_item({":query": "colour:red"}),
    )
    first, second = count(AGENT, old, good)["counts"]
    assert first == {"id": old, "total": None, "reason": "query_invalid"}
    assert second["total"] == {"value": 2, "exact": True}
    assert desk.read(old).json["query"] == "colour:red"


def test_nothing_to_count(desk: Desk) -> None:  # noqa: ARG001 - it makes the tables
    nothing = {"counts": [{"id": GONE, "total": None, "reason": "view_not_found"}], "asOf": None, "complete": True}
    assert count(AGENT, GONE, index=Index(IndexDamagedError)) == nothing


def test_an_index_that_is_being_built(desk: Desk) -> None:
    counted = count(AGENT, desk.made(query="printer"), index=Index(complete=False))
    assert not counted["complete"]
    assert counted["counts"][0]["total"] == {"value": 1, "exact": False}


def test_reporters_are_not_told_when_something_changed(desk: Desk) -> None:
    assert count(REPORTER, desk.made(REPORTER))["asOf"] is None


def test_without_an_index_one_is_built_once(desk: Desk) -> None:
    reasons: list[str] = []
    views = [desk.made(name=name) for name in "ab"]
    counted = count(AGENT, *views, index=Index(IndexMissingError), reasons=reasons)
    assert [each["total"] for each in counted["counts"]] == [{"value": 0, "exact": False}] * 2
    assert (counted["asOf"], counted["complete"], reasons) == (None, False, ["missing"])


def test_a_damaged_index_is_built_again(desk: Desk) -> None:
    reasons: list[str] = []
    with pytest.raises(SearchUnavailableError):
        count(AGENT, desk.made(), index=Index(IndexDamagedError), reasons=reasons)
    assert reasons == ["damaged"]


@pytest.mark.parametrize(
    "query",
    ["", "?ids=", "?ids=7", f"?ids={GONE},", f"?ids={GONE}&limit=1", f"?ids={','.join([GONE] * (MOST_COUNTED + 1))}"],
)
def test_what_is_no_list_of_views(desk: Desk, query: str) -> None:  # noqa: ARG001 - it makes the tables
    event = api_event("GET", f"/v1/views/counts{query}", caller=AGENT)
    assert send(function.handler, event).error == (400, "bad_request")
