"""The bodies and queries that callers send: what is taken, how it is trimmed, and what is refused and why."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from tests.unit.support import AGENT, a_ticket, api_event
from ticketing.access.permissions import Operation, grant
from ticketing.api.bodies import PageQuery
from ticketing.api.problems import problems
from ticketing.api.request import Request
from ticketing.errors import BadRequestError
from ticketing.tickets.models import (
    ExpandQuery,
    HistoryQuery,
    TicketCreate,
    TicketQuery,
    TicketReplace,
    TicketUpdate,
    TransitionRequest,
)

A_USER = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
CREATE = {"title": "VPN drops", "description": "Every ten minutes."}
REPLACE = CREATE | {"status": "OPEN", "priority": "HIGH", "type": "QUESTION", "reporterId": A_USER}

# What Unicode calls white space (property White_Space): all of it is trimmed.
SPACES = (
    "\t\n\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)


def read[M: BaseModel](model: type[M], raw: str | bytes) -> M:
    """Return the body of a request as the model takes it."""
    if isinstance(raw, bytes):
        event = api_event("POST", "/v1/tickets", body=base64.b64encode(raw).decode(), isBase64Encoded=True)
    else:
        event = api_event("POST", "/v1/tickets", body=raw)
    return Request(event, grant(Operation.CREATE_TICKET, AGENT)).body(model)


def taken(model: type[BaseModel], body: Any) -> dict[str, Any]:
    """Return a body as the model took it, by outside names."""
    return read(model, json.dumps(body)).model_dump(mode="json", by_alias=True)


def refused(model: type[BaseModel], body: Any) -> list[str]:
    """Return where something was found wrong with a body."""
    with pytest.raises(BadRequestError) as raised:
        read(model, body if isinstance(body, (bytes, str)) else json.dumps(body))
    return [problem.partition(":")[0] for problem in raised.value.details]


# --- what is taken ---------------------------------------------------------------------------------------------------


def test_a_new_tickets_defaults() -> None:
    assert taken(TicketCreate, CREATE) == {
        "title": "VPN drops",
        "description": "Every ten minutes.",
        "status": "NEW",
        "priority": "MEDIUM",
        "type": "INCIDENT",
        "reporterId": None,
        "assignedToId": None,
        "tags": [],
    }


def test_a_replacement_without_the_optional_fields_clears_them() -> None:
    assert taken(TicketReplace, REPLACE) == REPLACE | {"assignedToId": None, "tags": [], "resolution": None}


@pytest.mark.parametrize(
    ("model", "body"),
    [
        pytest.param(TicketCreate, CREATE | {"status": "OPEN"}, id="create OPEN"),
        pytest.param(TicketCreate, CREATE | {"assignedToId": None}, id="create for nobody"),
        pytest.param(TicketCreate, CREATE | {"title": "x" * 200}, id="title of 200"),
        pytest.param(TicketCreate, CREATE | {"title": "🎫" * 200}, id="title of 200 beyond the BMP"),
        pytest.param(TicketCreate, CREATE | {"description": "é" * 10_000}, id="description of 10,000"),
        pytest.param(TicketCreate, CREATE | {"tags": [f"tag {i}" for i in range(20)]}, id="20 tags"),
        pytest.param(TicketCreate, CREATE | {"tags": ["t" * 50]}, id="tag of 50"),
        pytest.param(TicketCreate, CREATE | {"description": "two\nlines\tand a tab"}, id="control characters"),
        pytest.param(TicketCreate, CREATE | {"title": "אבג \u202e עברית"}, id="right to left"),
        pytest.param(TicketReplace, REPLACE | {"resolution": "r" * 10_000}, id="resolution of 10,000"),
        pytest.param(TicketReplace, REPLACE | {"resolution": None, "assignedToId": None}, id="replace with nulls"),
        pytest.param(
            TransitionRequest, {"to": "RESOLVED", "resolution": "r", "comment": "c" * 10_000}, id="transition"
        ),
    ],
)
def test_what_the_contract_says_is_taken_as_it_came(model: type[BaseModel], body: dict[str, Any]) -> None:
    assert taken(model, body).items() >= body.items()


@pytest.mark.parametrize("name", ["assignedToId", "resolution"])
def test_an_update_may_clear_what_may_be_null(name: str) -> None:
    update = read(TicketUpdate, json.dumps({name: None}))
    assert update.model_dump(by_alias=True, exclude_unset=True) == {name: None}


def test_an_update_holds_only_what_was_sent() -> None:
    update = read(TicketUpdate, '{"tags": [], "priority": "LOW"}')
    assert update.model_dump(mode="json", by_alias=True, exclude_unset=True) == {"priority": "LOW", "tags": []}


@pytest.mark.parametrize("name", ["reporterId", "assignedToId"])
def test_ids_are_kept_in_lower_case(name: str) -> None:
    assert taken(TicketCreate, CREATE | {name: A_USER.upper()})[name] == A_USER


@given(
    text=st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\t\n"), min_size=1, max_size=50),
    before=st.text(SPACES, max_size=4),
    after=st.text(SPACES, max_size=4),
)
def test_texts_lose_the_space_at_their_ends_and_nothing_else(text: str, before: str, after: str) -> None:
    kept = f"<{text}>"
    body = dict.fromkeys(("title", "description"), before + kept + after) | {"tags": [before + kept[-50:] + after]}
    ticket = taken(TicketCreate, body)
    assert (ticket["title"], ticket["description"], ticket["tags"]) == (kept, kept, [kept[-50:].lstrip(SPACES)])


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"], ids=["Windows", "old Macs", "newline"])
def test_lines_end_with_a_newline_wherever_they_were_pasted_from(end: str) -> None:
    pasted = f"first{end}second{end}{end}third{end}"
    ticket = taken(TicketCreate, CREATE | {"description": pasted, "tags": [f"a{end}b"]})
    assert (ticket["description"], ticket["tags"]) == ("first\nsecond\n\nthird", ["a\nb"])


def test_the_limit_counts_what_is_left_after_trimming() -> None:
    assert taken(TicketCreate, CREATE | {"title": " " * 500 + "x" * 200 + " " * 500})["title"] == "x" * 200


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "body", "where"),
    [
        pytest.param(TicketCreate, {}, ["title", "description"], id="create: nothing"),
        pytest.param(TicketCreate, CREATE | {"status": "CLOSED"}, ["status"], id="create: a later status"),
        pytest.param(TicketCreate, CREATE | {"resolution": "done"}, ["resolution"], id="create: a resolution"),
        pytest.param(TicketCreate, CREATE | {"id": A_USER}, ["id"], id="create: an id"),
        pytest.param(TicketCreate, CREATE | {"number": 1}, ["number"], id="create: a number"),
        pytest.param(TicketCreate, CREATE | {"version": 1}, ["version"], id="create: a version"),
        pytest.param(TicketCreate, CREATE | {"tenantId": "globex"}, ["tenantId"], id="create: a tenant"),
        pytest.param(TicketCreate, CREATE | {"createdAt": "2026-01-01T00:00:00Z"}, ["createdAt"], id="create: a time"),
        pytest.param(TicketCreate, CREATE | {"reporterId": None}, ["reporterId"], id="create: reporter null"),
        pytest.param(TicketCreate, CREATE | {"reporter_id": A_USER}, ["reporter_id"], id="create: an inside name"),
        pytest.param(
            TicketUpdate, {"title": "t", "assigned_to_id": None}, ["assigned_to_id"], id="update: inside name"
        ),
        pytest.param(TicketCreate, CREATE | {"tags": None}, ["tags"], id="create: tags null"),
        pytest.param(TicketCreate, CREATE | {"status": None}, ["status"], id="create: status null"),
        pytest.param(TicketCreate, CREATE | {"priority": None}, ["priority"], id="create: priority null"),
        *(
            pytest.param(
                TicketReplace, {k: v for k, v in REPLACE.items() if k != name}, [name], id=f"replace: no {name}"
            )
            for name in REPLACE
        ),
        *(
            pytest.param(TicketReplace, REPLACE | {name: None}, [name], id=f"replace: {name} null")
            for name in (*REPLACE, "tags")
        ),
        pytest.param(TicketReplace, REPLACE | {"version": 3}, ["version"], id="replace: a version"),
        pytest.param(TicketReplace, REPLACE | {"resolution": ""}, ["resolution"], id="replace: an empty resolution"),
        pytest.param(TicketUpdate, {}, ["body"], id="update: nothing"),
        *(pytest.param(TicketUpdate, {name: None}, [name], id=f"update: {name} null") for name in (*REPLACE, "tags")),
        pytest.param(TicketUpdate, {"closedAt": None}, ["closedAt"], id="update: closedAt"),
        pytest.param(TransitionRequest, {}, ["to"], id="transition: nowhere"),
        pytest.param(TransitionRequest, {"to": None}, ["to"], id="transition: to null"),
        pytest.param(TransitionRequest, {"to": "OPEN", "resolution": None}, ["resolution"], id="transition: null"),
        pytest.param(TransitionRequest, {"to": "OPEN", "comment": None}, ["comment"], id="transition: comment null"),
        pytest.param(TransitionRequest, {"to": "OPEN", "comment": "x" * 10_001}, ["comment"], id="transition: long"),
        pytest.param(TransitionRequest, {"to": "OPEN", "status": "OPEN"}, ["status"], id="transition: a status"),
    ],
)
def test_a_body_that_does_not_fit_is_refused(model: type[BaseModel], body: dict[str, Any], where: list[str]) -> None:
    assert refused(model, body) == where


@pytest.mark.parametrize(
    ("name", "value", "where"),
    [
        pytest.param("title", "", "title", id="title empty"),
        pytest.param("title", SPACES, "title", id="title of all the spaces there are"),
        pytest.param("title", "x" * 201, "title", id="title of 201"),
        pytest.param("title", "🎫" * 201, "title", id="title of 201 beyond the BMP"),
        pytest.param("title", "a\x00b", "title", id="NUL in the title"),
        pytest.param("title", "\x00", "title", id="title of NUL"),
        pytest.param("title", 5, "title", id="title a number"),
        pytest.param("title", 10**4000, "title", id="title a number of 4,000 digits"),
        pytest.param("title", True, "title", id="title a boolean"),
        pytest.param("title", float("nan"), "title", id="title not a number"),
        pytest.param("title", ["a"], "title", id="title a list"),
        pytest.param("title", {"a": "b"}, "title", id="title an object"),
        pytest.param("description", "", "description", id="description empty"),
        pytest.param("description", "x" * 10_001, "description", id="description of 10,001"),
        pytest.param("description", "first\n\x00second", "description", id="NUL on the second line"),
        *(
            pytest.param("description", f"a{character}b", "description", id=f"U+{ord(character):04X}")
            for character in "\x01\x08\x0b\x0c\x0e\x1b\x1f\x7f\x80\x85\x9f"
        ),
        pytest.param("title", "a\x0c", "title", id="a form feed at the end"),
        pytest.param("status", "open", "status", id="status in lower case"),
        pytest.param("status", "DONE", "status", id="status unknown"),
        pytest.param("status", 1, "status", id="status a number"),
        pytest.param("priority", "URGENT", "priority", id="priority unknown"),
        pytest.param("priority", "", "priority", id="priority empty"),
        pytest.param("type", "BUG", "type", id="type unknown"),
        pytest.param("reporterId", "me", "reporterId", id="reporter me"),
        pytest.param("reporterId", "", "reporterId", id="reporter empty"),
        pytest.param("reporterId", 5, "reporterId", id="reporter a number"),
        pytest.param("reporterId", A_USER + "0", "reporterId", id="UUID too long"),
        pytest.param("reporterId", A_USER[:-1], "reporterId", id="UUID too short"),
        pytest.param("reporterId", A_USER.replace("-", ""), "reporterId", id="UUID without hyphens"),
        pytest.param("reporterId", "g" + A_USER[1:], "reporterId", id="UUID not hexadecimal"),
        pytest.param("reporterId", "{" + A_USER + "}", "reporterId", id="UUID in braces"),
        pytest.param("reporterId", "urn:uuid:" + A_USER, "reporterId", id="UUID as URN"),
        pytest.param("reporterId", A_USER + "\n", "reporterId", id="UUID with a line break"),
        pytest.param("reporterId", " " + A_USER, "reporterId", id="UUID with a space"),
        pytest.param("reporterId", A_USER.replace("1", "\uff11"), "reporterId", id="UUID with a full-width digit"),
        pytest.param("assignedToId", "none", "assignedToId", id="assignee none"),
        pytest.param("assignedToId", "", "assignedToId", id="assignee empty"),
        pytest.param("tags", "vpn", "tags", id="tags a text"),
        pytest.param("tags", {"0": "vpn"}, "tags", id="tags an object"),
        pytest.param("tags", ["t"] * 21, "tags", id="21 tags"),
        pytest.param("tags", ["ok", ""], "tags.1", id="tag empty"),
        pytest.param("tags", ["ok", " "], "tags.1", id="tag of space"),
        pytest.param("tags", ["x" * 51], "tags.0", id="tag of 51"),
        pytest.param("tags", ["ok", None], "tags.1", id="tag null"),
        pytest.param("tags", ["ok", 7], "tags.1", id="tag a number"),
        pytest.param("tags", ["a\x00"], "tags.0", id="NUL in a tag"),
    ],
)
@pytest.mark.parametrize(
    ("model", "base"),
    [(TicketCreate, CREATE), (TicketReplace, REPLACE), (TicketUpdate, {})],
    ids=["create", "replace", "update"],
)
def test_a_value_that_does_not_fit_is_refused(
    model: type[BaseModel], base: dict[str, Any], name: str, value: Any, where: str
) -> None:
    assert refused(model, base | {name: value}) == [where]


@pytest.mark.parametrize("name", ["unknown", "Title", "title ", "__proto__", "model_config", "", "a\u0000b"])
@pytest.mark.parametrize(
    ("model", "base"),
    [
        (TicketCreate, CREATE),
        (TicketReplace, REPLACE),
        (TicketUpdate, {"title": "t"}),
        (TransitionRequest, {"to": "NEW"}),
    ],
    ids=["create", "replace", "update", "transition"],
)
def test_unknown_fields_are_refused(model: type[BaseModel], base: dict[str, Any], name: str) -> None:
    assert refused(model, base | {name: 1}) == [name or "body"]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("", id="nothing"),
        pytest.param(" ", id="a space"),
        pytest.param("{", id="cut off"),
        pytest.param('{"title": "a",}', id="a comma too many"),
        pytest.param("{'title': 'a'}", id="single quotes"),
        pytest.param('{"title": "a"} {}', id="two bodies"),
        pytest.param('{"title": 1e}', id="half a number"),
        pytest.param("null", id="null"),
        pytest.param("[]", id="a list"),
        pytest.param('"title"', id="a text"),
        pytest.param("1", id="a number"),
        pytest.param("[" * 100_000, id="100,000 brackets"),
        pytest.param('{"a":' * 50_000, id="50,000 objects"),
        pytest.param('{"title": "\\ud800"}', id="a lone surrogate, escaped"),
        pytest.param('{"title": "\\udc00\\ud800"}', id="surrogates the wrong way round"),
        pytest.param('{"\\ud800": 1}', id="a lone surrogate in a name"),
        pytest.param(b'{"title": "\xed\xa0\x80"}', id="a lone surrogate as bytes"),
        pytest.param(b'{"title": "\xff"}', id="no UTF-8"),
        pytest.param('{"title": "a"}'.encode("utf-16"), id="UTF-16"),
        pytest.param('{"title": "a"}'.encode("utf-8-sig"), id="a byte order mark"),
        pytest.param('{"title": "a\x00"}', id="a raw NUL"),
        pytest.param('{"title": "a\nb"}', id="a raw line break in a text"),
    ],
)
@pytest.mark.parametrize("model", [TicketCreate, TicketReplace, TicketUpdate, TransitionRequest])
def test_what_is_no_json_object_is_refused(model: type[BaseModel], raw: str | bytes) -> None:
    assert refused(model, raw) == ["body"]


def test_problems_name_the_place_and_never_the_value() -> None:
    with pytest.raises(BadRequestError) as raised:
        read(TicketCreate, '{"title": "", "tags": ["secret\\u0000"], "password": "secret"}')
    assert sorted(raised.value.details) == [
        "description: is missing",
        "password: unknown field",
        "tags.0: must not contain the control character U+0000",
        "title: String should have at least 1 character",
    ]


# --- queries ---------------------------------------------------------------------------------------------------------


def test_a_querys_defaults() -> None:
    assert TicketQuery.model_validate({}).model_dump() == {
        "limit": 25,
        "cursor": None,
        "status": (),
        "priority": (),
        "type": (),
        "assigned_to_id": (),
        "reporter_id": (),
        "tag": (),
        "number": None,
        "updated_since": None,
        "sort": "-updatedAt",
        "expand": frozenset(),
    }


@pytest.mark.parametrize(
    ("model", "given_", "taken_"),
    [
        pytest.param(ExpandQuery, "reporter", {"reporter"}, id="one"),
        pytest.param(ExpandQuery, "reporter,assignedTo", {"reporter", "assignedTo"}, id="both"),
        pytest.param(TicketQuery, "assignedTo,reporter,assignedTo", {"reporter", "assignedTo"}, id="one twice"),
        pytest.param(HistoryQuery, "actor", {"actor"}, id="an actor"),
    ],
)
def test_what_expand_takes(model: type[BaseModel], given_: str, taken_: set[str]) -> None:
    assert model.model_validate({"expand": given_}).model_dump()["expand"] == taken_


@pytest.mark.parametrize(
    ("model", "given_", "problem"),
    [
        pytest.param(ExpandQuery, "", "expand.0: must be one of reporter, assignedTo", id="nothing"),
        pytest.param(ExpandQuery, "actor", "expand.0: must be one of reporter, assignedTo", id="of another operation"),
        pytest.param(ExpandQuery, "reporter,", "expand.1: must be one of reporter, assignedTo", id="a comma too many"),
        pytest.param(
            ExpandQuery, "reporter, assignedTo", "expand.1: must be one of reporter, assignedTo", id="a space"
        ),
        pytest.param(TicketQuery, "assigned_to", "expand.0: must be one of reporter, assignedTo", id="the inside name"),
        pytest.param(HistoryQuery, "reporter", "expand.0: must be one of actor", id="no actor"),
    ],
)
def test_what_expand_refuses(model: type[BaseModel], given_: str, problem: str) -> None:
    with pytest.raises(ValidationError) as raised:
        model.model_validate({"expand": given_})
    assert problems(raised.value) == [problem]


@pytest.mark.parametrize(
    ("given_", "name", "value"),
    [
        pytest.param({"limit": "1"}, "limit", 1, id="limit 1"),
        pytest.param({"limit": "100"}, "limit", 100, id="limit 100"),
        pytest.param({"assignedToId": "me"}, "assigned_to_id", ("me",), id="assignee me"),
        pytest.param({"assignedToId": "none,me"}, "assigned_to_id", ("none", "me"), id="assignee none or me"),
        pytest.param({"assignedToId": A_USER.upper()}, "assigned_to_id", (A_USER,), id="assignee in upper case"),
        pytest.param({"reporterId": "me"}, "reporter_id", ("me",), id="reporter me"),
        pytest.param({"tag": " vpn "}, "tag", ("vpn",), id="tag trimmed as it is stored"),
        pytest.param({"tag": "a, b"}, "tag", ("a", "b", "a, b"), id="tags, or one with a comma"),
        pytest.param({"tag": f"a,{'b' * 49}"}, "tag", ("a", "b" * 49), id="tags that are too long to be one"),
        pytest.param({"number": "0012"}, "number", 12, id="a number with zeros"),
        pytest.param({"sort": "-number"}, "sort", "-number", id="an order"),
        pytest.param(
            {"updatedSince": "2026-02-03t10:00:00.1239+01:00"}, "updated_since", "2026-02-03T09:00:00.123Z", id="a time"
        ),
    ],
)
def test_a_query_is_read(given_: dict[str, str], name: str, value: Any) -> None:
    assert getattr(TicketQuery.model_validate(given_), name) == value


@pytest.mark.parametrize(
    ("given_", "where"),
    [
        pytest.param({"limit": "0"}, {"limit"}, id="limit 0"),
        pytest.param({"limit": "101"}, {"limit"}, id="limit 101"),
        pytest.param({"limit": "-1"}, {"limit"}, id="limit negative"),
        pytest.param({"limit": "abc"}, {"limit"}, id="limit abc"),
        pytest.param({"limit": ""}, {"limit"}, id="limit empty"),
        pytest.param({"limit": "2.5"}, {"limit"}, id="limit a fraction"),
        pytest.param({"limit": "9" * 5000}, {"limit"}, id="limit of 5,000 digits"),
        pytest.param({"status": "open"}, {"status"}, id="status in lower case"),
        pytest.param({"priority": ""}, {"priority"}, id="priority empty"),
        pytest.param({"type": "BUG"}, {"type"}, id="type unknown"),
        pytest.param({"reporterId": "none"}, {"reporterId"}, id="reporter none"),
        pytest.param({"assignedToId": "you"}, {"assignedToId"}, id="assignee you"),
        pytest.param({"tag": ""}, {"tag"}, id="tag empty"),
        pytest.param({"tag": "a,"}, {"tag"}, id="tag empty after a comma"),
        pytest.param({"tag": ",".join("abcdef")}, {"tag"}, id="six tags"),
        pytest.param({"number": "9" * 5000}, {"number"}, id="number of 5,000 digits"),
        pytest.param({"updatedSince": "2026-02-30T10:00:00Z"}, {"updatedSince"}, id="no day"),
        pytest.param({"tag": "x" * 51}, {"tag"}, id="tag of 51"),
        pytest.param({"tag": "\x00"}, {"tag"}, id="NUL in the tag"),
        pytest.param({"tag": "\ud800"}, {"tag"}, id="a lone surrogate in the tag"),
        pytest.param({"page": "2"}, {"page"}, id="an unknown parameter"),
        pytest.param({"assigned_to_id": "me"}, {"assigned_to_id"}, id="an inside name"),
    ],
)
def test_a_query_that_does_not_fit_is_refused(given_: dict[str, str], where: set[str]) -> None:
    with pytest.raises(ValidationError) as raised:
        TicketQuery.model_validate(given_)
    assert {problem.split(":")[0].split(".")[0] for problem in problems(raised.value)} == where


def test_a_history_takes_no_filters() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        PageQuery.model_validate({"status": "OPEN"})


# --- the ticket ------------------------------------------------------------------------------------------------------


def test_what_a_caller_may_set_of_a_ticket_is_eight_fields() -> None:
    assert a_ticket(assigned_to_id=A_USER, tags=["vpn"]).editable() == {
        "title": "VPN drops",
        "description": "Every ten minutes.",
        "priority": "MEDIUM",
        "type": "INCIDENT",
        "reporterId": "11111111-1111-4111-8111-111111111111",
        "assignedToId": A_USER,
        "tags": ["vpn"],
        "resolution": None,
    }


@pytest.mark.parametrize(
    ("model", "body", "details"),
    [
        (TicketCreate, "[]", ["body: must be a JSON object"]),
        (TicketCreate, '{"title": "t", "description": "d", "status": "X"}', ["status: must be one of NEW, OPEN"]),
        (TicketUpdate, '{"priority": "X"}', ["priority: must be one of LOW, MEDIUM, HIGH, CRITICAL"]),
        (TicketUpdate, '{"assignedToId": "x"}', ["assignedToId: must be a UUID"]),
        (TicketUpdate, "{}", ["body: at least one field is needed"]),
    ],
)
def test_problems_speak_the_contracts_language(model: type[BaseModel], body: str, details: list[str]) -> None:
    with pytest.raises(BadRequestError) as raised:
        read(model, body)
    assert raised.value.details == details
