"""The events' published schemas: as the models are, kept by whoever writes events, enough for whoever reads them."""

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import ValidationError
from referencing import Registry, Resource

from docs.events.generate import HERE, schemas
from tests.harness.bus import BusProbe
from tests.harness.client import Client
from tests.harness.contract import closed
from tests.harness.people import TICKET, Tenant
from tests.harness.stack import Stack
from ticketing.access.roles import Role
from ticketing.dynamodb.attributes import to_item
from ticketing.ids import new_id
from ticketing.tickets.events import SCHEMA_VERSION, Actor, TicketEvent, TicketSummary
from ticketing.tickets.kinds import EventType, Priority, TicketType, Visibility
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.outbox import item_of

type Json = dict[str, Any]

TYPES = [kind.value for kind in EventType]
COMMENTS = {EventType.COMMENT_ADDED, EventType.COMMENT_UPDATED, EventType.COMMENT_DELETED}
FILES = {EventType.ATTACHMENT_ADDED, EventType.ATTACHMENT_REJECTED, EventType.ATTACHMENT_REMOVED}
ENVELOPE = f"Envelope.v{SCHEMA_VERSION}.json"
SCHEMAS: dict[str, Json] = {name: json.loads(text) for name, text in schemas().items()}
_REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(closed(schema))) for name, schema in SCHEMAS.items()
)


def example(kind: str) -> Json:
    """Return the published example of a type."""
    content: Json = json.loads((HERE / "examples" / f"{kind}.json").read_text(encoding="utf-8"))
    return content


@cache
def _validator(name: str) -> Any:
    return Draft202012Validator(closed(SCHEMAS[name]), registry=_REGISTRY)


def problems(value: Json, name: str) -> list[str]:
    """Return what is wrong with an event (or its envelope) by a schema, unknown fields included."""
    return [f"{error.json_path}: {error.message}" for error in _validator(name).iter_errors(value)]


def problems_of(event: Json) -> list[str]:
    return problems(event, f"{event['type']}.v{event['schemaVersion']}.json")


# --- The documents ----------------------------------------------------------------------------------------------------


def test_the_schemas_are_up_to_date() -> None:
    """Otherwise: make schemas."""
    found = {path.name: path.read_text(encoding="utf-8") for path in HERE.glob(f"*.v{SCHEMA_VERSION}.json")}
    assert found == schemas()


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_type_has_an_example() -> None:
    assert {path.stem for path in (HERE / "examples").iterdir()} == set(TYPES)


# --- Whoever reads: the examples are what they have to cope with ------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
def test_an_example_fits_its_schema(kind: str) -> None:
    assert problems_of(example(kind)) == []


@pytest.mark.parametrize("kind", TYPES)
def test_a_reader_keeps_all_of_an_example(kind: str) -> None:
    event = TicketEvent.model_validate(example(kind))
    assert event.type == kind
    assert event.model_dump(mode="json", by_alias=True, exclude_none=True) == example(kind)


@pytest.mark.parametrize("kind", TYPES)
def test_a_reader_passes_over_what_it_does_not_know(kind: str) -> None:
    """That is what makes a new field a compatible change."""
    known = example(kind)
    newer = known | {"newField": {"a": [1]}, "ticket": known["ticket"] | {"newField": 1}}
    newer["actor"] = known["actor"] | {"newField": None}
    assert TicketEvent.model_validate(newer) == TicketEvent.model_validate(known)


@pytest.mark.parametrize(
    "change",
    [{"type": "TicketEaten"}, {"schemaVersion": SCHEMA_VERSION + 1}, {"ticket": None, "actor": None}, {"version": "x"}],
)
def test_a_reader_refuses_what_it_can_not_understand(change: Json) -> None:
    """So the event stays in the consumer's queue, and ends among its dead letters."""
    with pytest.raises(ValidationError):
        TicketEvent.model_validate(example("TicketUpdated") | change)


def test_no_example_of_a_comment_or_file_holds_its_text_or_name() -> None:
    for kind in COMMENTS | FILES:
        assert "comment" not in example(kind)
        assert "body" not in json.dumps(example(kind))
        assert "fileName" not in json.dumps(example(kind))


# --- Whoever writes ---------------------------------------------------------------------------------------------------


TEXTS = st.text(max_size=20)
SUMMARIES = st.builds(
    TicketSummary,
    number=st.integers(1),
    title=TEXTS,
    status=st.sampled_from(Status),
    priority=st.sampled_from(Priority),
    type=st.sampled_from(TicketType),
    reporter_id=st.uuids().map(str),
    assigned_to_id=st.none() | st.uuids().map(str),
)


@given(
    kind=st.sampled_from(sorted(COMMENTS | FILES)),
    tied=st.booleans(),
    summary=SUMMARIES,
    role=st.sampled_from(Role),
    visibility=st.sampled_from(Visibility),
    mentions=st.none() | st.lists(st.uuids().map(str), max_size=3),
)
def test_events_of_comments_and_files_fit(
    kind: EventType,
    summary: TicketSummary,
    role: Role,
    visibility: Visibility,
    mentions: list[str] | None,
    *,
    tied: bool,
) -> None:
    of_comment = kind in COMMENTS
    event = TicketEvent(
        id=new_id(),
        type=kind,
        tenant_id="acme",
        ticket_id=new_id(),
        version=1,
        occurred_at="2026-02-02T08:15:04.120Z",
        actor=Actor(id=new_id(), role=role),
        changes={},
        ticket=summary,
        comment_id=new_id() if of_comment or tied else None,
        attachment_id=None if of_comment else new_id(),
        visibility=visibility,
        mentions=mentions if of_comment else None,
    )
    assert problems_of(event.model_dump(mode="json", by_alias=True, exclude_none=True)) == []


@pytest.fixture(scope="module")
def written(stack: Stack, acme: Tenant) -> list[Json]:
    """What is on the bus, in its envelope, after every kind of change by the handlers and the state machine."""
    with BusProbe(stack) as bus:
        agent, admin, reporter = acme.agent, acme.admin, acme.reporter
        me = agent.id
        ticket = reporter.post("/v1/tickets", json=TICKET | {"tags": ["a"]}).json()
        url = f"/v1/tickets/{ticket['id']}"
        comments, moves = f"{url}/comments", f"{url}/transitions"

        def tell(by: Client, method: str, path: str, **body: Any) -> str:
            answer = by.request(method, path, json=body or None)
            assert answer.is_success, answer.text
            return answer.json().get("id", "") if answer.content else ""

        tell(agent, "PATCH", url, title="T", tags=[], assignedToId=me, priority="HIGH", type="QUESTION")
        tell(agent, "PATCH", url, status="OPEN", description="D", assignedToId=None)
        aside = tell(agent, "POST", comments, body=f"@[{me}]", visibility="internal")
        tell(agent, "PATCH", f"{comments}/{aside}", body="Another.")
        tell(agent, "DELETE", f"{comments}/{aside}")
        tell(agent, "POST", comments, body="The first answer.")
        tell(agent, "POST", moves, to="RESOLVED", resolution="R", comment="C")
        tell(reporter, "POST", comments, body="Not at all.")  # reopens it, so there are two events
        tell(admin, "DELETE", url)
        tell(admin, "POST", f"{url}/restore")
        bus.events_of(ticket["id"], 12)
        return [each for each in bus.envelopes if each["detail"]["ticketId"] == ticket["id"]]


def test_all_types_were_written(written: list[Json]) -> None:
    assert {each["detail"]["type"] for each in written} == set(TYPES) - FILES


def test_what_is_on_the_bus_fits_and_holds_nothing_beyond(written: list[Json]) -> None:
    assert [found for each in written if (found := problems_of(each["detail"]))] == []
    assert [found for each in written if (found := problems(each, ENVELOPE))] == []
    assert all(each["detail-type"] == each["detail"]["type"] for each in written)


def test_what_is_on_the_bus_is_what_is_in_the_table(stack: Stack, written: list[Json]) -> None:
    for each in written:
        item = to_item(item_of(TicketEvent.model_validate(each["detail"])))
        key = {name: item[name] for name in ("PK", "SK")}
        answer = stack.client("dynamodb").get_item(TableName=stack.outputs["TicketsTableName"], Key=key)
        assert answer["Item"] == item


def test_times_and_ids_are_as_the_schemas_tell(written: list[Json]) -> None:
    uuid: Callable[[str], Any] = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
    for event in (each["detail"] for each in written):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["occurredAt"])
        assert all(map(uuid, (event["id"], event["tenantId"], event["ticketId"], event["actor"]["id"])))
    versions = [each["detail"]["version"] for each in written]
    assert versions == sorted(versions)
    assert set(versions) == set(range(1, max(versions) + 1))
