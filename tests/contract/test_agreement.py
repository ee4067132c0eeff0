"""The document openapi/api.yaml and the layer: the same codes, limits, fields, and the same idea of what is good."""

import importlib
import inspect
import json
import pkgutil
import re
from enum import StrEnum
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import from_json

import ticketing
from tests.contract.document import (
    DOCUMENT,
    GATEWAY_RESPONSES,
    OPERATIONS,
    PUBLIC,
    SCHEMAS,
    problems,
    resolved,
    table_of_codes,
    walk,
)
from ticketing import errors
from ticketing.access.roles import Role
from ticketing.analytics import models as analytics
from ticketing.analytics.queries import ReportQuery, ReportTicketsQuery
from ticketing.api.bodies import PageQuery
from ticketing.api.request import BODY_LIMIT
from ticketing.attachments import models as attachments
from ticketing.attachments import operations as attachment_operations
from ticketing.attachments.models import AttachmentCreate, AttachmentQuery
from ticketing.calendars.models import (
    MOST_BYTES,
    MOST_CALENDARS,
    Calendar,
    CalendarCreate,
    CalendarUpdate,
    Holiday,
    Interval,
    WeeklyHours,
)
from ticketing.comments import operations as comment_operations
from ticketing.comments.models import (
    MOST_FILES,
    MOST_MENTIONS,
    Comment,
    CommentCreate,
    CommentQuery,
    CommentUpdate,
    ExpandCommentQuery,
)
from ticketing.people.repository import Person
from ticketing.search.models import SearchQuery, SuggestionQuery
from ticketing.search.port import Facet
from ticketing.tickets.events import Actor, TicketEvent
from ticketing.tickets.kinds import EventType, Priority, TicketType, Visibility
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import (
    ExpandQuery,
    HistoryQuery,
    Ticket,
    TicketCreate,
    TicketQuery,
    TicketReplace,
    TicketUpdate,
    TransitionRequest,
)
from ticketing.tickets.operations import _NOT_SHOWN
from ticketing.users import (
    api_keys,
    deletion,
    key_tokens,
    operations,
    tenant_operations,
)
from ticketing.users.models import InviteUser, MeUpdate, Notifications, NotificationsUpdate, UserQuery, UserUpdate
from ticketing.users.states import DeletionState, Kind, WhoMayCreate
from ticketing.users.tenant_models import (
    DeleteTenantQuery,
    SettingsUpdate,
    Targets,
    TenantCreate,
    TenantDeletion,
    TenantSettings,
    TenantUpdate,
)
from ticketing.views.counting import NOT_FOUND, QUERY_INVALID
from ticketing.views.models import MOST_COUNTED, MOST_OWN, MOST_SHARED, CountQuery, View, ViewCreate, ViewUpdate
from ticketing.webhooks import delivery_operations
from ticketing.webhooks import operations as webhook_operations
from ticketing.webhooks.models import (
    Attempt,
    Delivery,
    DeliveryQuery,
    DeliveryState,
    SecretRotation,
    Webhook,
    WebhookCreate,
    WebhookUpdate,
)

REQUEST_MODELS: dict[str, type[BaseModel]] = {
    model.__name__: model
    for model in (
        *(TicketCreate, TicketReplace, TicketUpdate, TransitionRequest),
        *(CommentCreate, CommentUpdate, AttachmentCreate),
        *(InviteUser, UserUpdate, MeUpdate, NotificationsUpdate),
        *(TenantCreate, TenantUpdate, SettingsUpdate, Targets, api_keys.ApiKeyCreate),
        *(WebhookCreate, WebhookUpdate, SecretRotation),
        *(ViewCreate, ViewUpdate),
        *(CalendarCreate, CalendarUpdate, WeeklyHours, Interval, Holiday),
    )
}
QUERY_MODELS: dict[str, type[BaseModel]] = {
    "getTicket": ExpandQuery,
    "listTickets": TicketQuery,
    "listTicketHistory": HistoryQuery,
    "listComments": CommentQuery,
    "getComment": ExpandCommentQuery,
    "listAttachments": AttachmentQuery,
    "listUsers": UserQuery,
    "searchTickets": SearchQuery,
    "suggestSearch": SuggestionQuery,
    "listApiKeys": PageQuery,
    "listAuditEvents": PageQuery,
    "deleteTenant": DeleteTenantQuery,
    "listDeliveries": DeliveryQuery,
    "countViews": CountQuery,
    "getReport": ReportQuery,
    "listReportTickets": ReportTicketsQuery,
}
PEOPLE = [role.value for role in Role if role not in {Role.NEWCOMER, Role.SYSTEM}]
"""The roles of those who belong to a tenant."""


def _errors_of_the_layer() -> list[type[errors.ApiError]]:
    """Return every error that an operation can answer; those of live updates go over the WebSocket."""
    modules = [errors] + [
        importlib.import_module(each.name)
        for each in pkgutil.walk_packages(ticketing.__path__, "ticketing.")
        if each.name.endswith(".errors") and each.name != "ticketing.live.errors"
    ]
    named = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    return [kind for kind in named if issubclass(kind, errors.ApiError)]


KINDS = _errors_of_the_layer()


def _codes_of_the_layer() -> dict[str, int]:
    return {kind.code: kind.status for kind in KINDS}


def test_error_codes_are_those_that_can_be_answered() -> None:
    of_the_gateway = {
        json.loads(response["responseTemplates"]["application/json"])["code"] for response in GATEWAY_RESPONSES.values()
    }
    assert set(SCHEMAS["Error"]["properties"]["code"]["enum"]) == _codes_of_the_layer().keys() | of_the_gateway
    for code, status in _codes_of_the_layer().items():
        assert code in table_of_codes()[str(status)]


def test_examples_tell_what_the_layer_tells() -> None:
    always_the_same: list[Any] = [kind for kind in KINDS if not inspect.signature(kind).parameters]
    messages = {kind.code: kind().message for kind in always_the_same}
    examples = [node for _, node in walk(DOCUMENT) if isinstance(node, dict) and isinstance(node.get("requestId"), str)]
    told = {(example["code"], example["message"]) for example in examples if example["code"] in messages}
    assert told == set(messages.items())


def test_body_limit_is_the_one_that_is_told() -> None:
    assert BODY_LIMIT == 256 * 1024
    assert str(BODY_LIMIT) in GATEWAY_RESPONSES["REQUEST_TOO_LARGE"]["responseTemplates"]["application/json"]


def test_limit_is_the_one_that_is_told() -> None:
    limit = resolved(DOCUMENT["components"]["parameters"]["Limit"])["schema"]
    assert limit["default"] == PageQuery().limit


@pytest.mark.parametrize(
    ("enumeration", "kind"),
    [
        (SCHEMAS["Status"], Status),
        (SCHEMAS["Priority"], Priority),
        (SCHEMAS["TicketType"], TicketType),
        (SCHEMAS["UserKind"], Kind),
        (SCHEMAS["WhoMayCreate"], WhoMayCreate),
        (SCHEMAS["Event"]["properties"]["type"], EventType),
        (SCHEMAS["Visibility"], Visibility),
        (SCHEMAS["AttachmentState"], attachments.State),
        (SCHEMAS["TenantDeletion"]["properties"]["state"], DeletionState),
        (SCHEMAS["EventType"], EventType),
        (SCHEMAS["DeliveryState"], DeliveryState),
        (SCHEMAS["ReportName"], analytics.ReportName),
        (SCHEMAS["ReportBy"], analytics.By),
        (SCHEMAS["ReportInterval"], analytics.Interval),
    ],
)
def test_enumerations_are_the_same(enumeration: dict[str, Any], kind: type[StrEnum]) -> None:
    assert enumeration["enum"] == [member.value for member in kind]


def test_roles_are_those_that_people_can_have() -> None:
    assert SCHEMAS["Role"]["enum"] == PEOPLE
    assert SCHEMAS["Actor"]["properties"]["role"]["enum"] == [*PEOPLE, Role.SYSTEM.value]


# --- What callers send ------------------------------------------------------------------------------------------------


def _properties(model: type[BaseModel]) -> tuple[set[str], set[str]]:
    """Return a model's properties, by their outside names: all, and those required."""
    fields = model.model_fields.items()
    return (
        {field.alias or name for name, field in fields},
        {field.alias or name for name, field in fields if field.is_required()},
    )


@pytest.mark.parametrize("name", REQUEST_MODELS)
def test_request_schemas_have_the_models_properties(name: str) -> None:
    everything, required = _properties(REQUEST_MODELS[name])
    schema = SCHEMAS[name]
    assert (schema["properties"].keys(), set(schema.get("required", []))) == (everything, required)
    assert schema["additionalProperties"] is False
    for field in REQUEST_MODELS[name].model_fields.values():
        described = schema["properties"][str(field.alias)]
        # In words: some generators make a field with a `default` one that must be given.
        assert "default" not in described
        told = re.search(r"Left out, it is (?:what [^`]+)?`(\w+)`", described.get("description", ""))
        by_default = json.dumps(field.default).strip('"') if isinstance(field.default, str | bool) else None
        assert (told and told[1]) == by_default


UUID = "3F0C5B9E-6a51-4d1c-9a57-0d2f6f1f2a11"
FUTURE = ("2999-01-31T09:30:00Z", "2999-01-31t09:30:00.1234567z", "2999-01-31T09:30:00+14:00")
NO_TIMES = ("2001-01-31T09:30:00Z", "2999-01-31T09:30:00", "2999-01-31 09:30:00Z", "2999-02-30T09:30:00Z", "2999-01-31")
HOURS = [{"from": "09:00", "to": "17:00"}]
PROBES: list[Any] = [
    *(None, "", " ", "\t\n", "x", " x ", "a\nb", "a\x00b", "\x00", "a\r\nb", "\U0001f600", "caf\u00e9", "me", "none"),
    *("a\tb\rc", "\x08", "a\x0b", "\x0ca", "a\x1b[0m", "\x1fb", "a\x7f", "\x80", "a\x9fb", "a\xa0b", "\u2028b"),
    *("x" * 50, "x" * 51, "x" * 100, "x" * 101, "x" * 200, "x" * 201, "x" * 10_000, "x" * 10_001, "\U0001f600" * 200),
    *(0, 1, 1.5, -1, 365, 366, True, False, "true", "false", "True", "1", {}, {"a": 1}),
    *([], ["x"], [""], [" "], [1], [None], ["x"] * 20, ["x"] * 21, ["x" * 50], ["x" * 51]),
    *(UUID, UUID.lower(), UUID[:-1], UUID + "0", UUID.replace("-", ""), f"{{{UUID}}}", f"urn:uuid:{UUID}"),
    *(*Status, "new", "DELETED", *Priority, "medium", *TicketType, "OTHER", *Role, "Admin", *WhoMayCreate, "NOBODY"),
    *(
        "a@b.example",
        " A.b+c@D-e.EXAMPLE ",
        "a@b",
        "a@b.",
        "a@.b",
        "a@-b.c",
        "@b.c",
        "a b@c.d",
        "a@b@c.d",
        "\u00e9@b.c",
    ),
    *(f"{'a' * 64}@b.c", f"{'a' * 65}@b.c", f"a@{'b' * 246}.example", f"a@{'b' * 245}.example"),
    *("en", "pt-PT", "zh-Hant-TW", "e", "engl", "en_US", "en-", "en-x", f"en{'-abcdefgh' * 4}"),
    *(
        "a/b",
        "A/B",
        " a/b",
        "a/b; c=d",
        "/b",
        "a/",
        f"{'a' * 63}/{'b' * 63}",
        f"{'a' * 64}/b",
        "..",
        ". .",
        "../x",
        ".\xa0.",
    ),
    *("aB" * 32, "ab" * 33, "g" * 64, [UUID] * 20, [UUID] * 21),
    *("Europe/Lisbon", "UTC", *FUTURE, *NO_TIMES),
    *(["b.example"], [" B.Example "], ["b"], ["-b.c"], ["b-.cd"], ["b..cd"], ["b.c"], ["@b.cd"], ["b.cd"] * 2),
    *(["b.example"] * 50, ["b.example"] * 51, [f"{'b' * 63}.example"], [f"{'b' * 64}.example"]),
    *(["*"], ["*", "TicketCreated"], ["TicketCreated"] * 12, ["TicketCreated"] * 13, ["ticketCreated"], *DeliveryState),
    *("whsec_", f"whsec_{'A' * 32}", f"whsec_{'A' * 43}=", f"whsec_{'A' * 86}==", f"whsec_{'A' * 28}", "A" * 32),
    *("00:00", "09:30", "23:59", "24:00", "9:30", "09:60", "-1:00", "09:30:00", "2026-12-24", "12-24", "02-29", "2-9"),
    *({"monday": HOURS}, {"monday": []}, {"montag": HOURS}, {"monday": [{"from": "9:00", "to": "17:00"}]}, HOURS),
    *({"monday": HOURS * 2}, HOURS * 10, HOURS * 11, [{"from": "22:00", "to": "06:00"}], [{"from": "09:00"}]),
    *([{"date": "12-24", "name": "x"}], [{"date": "12-24", "name": " "}], [{"date": "12-24", "name": "x"}] * 2),
    *({"commented": False}, {"commented": "no"}, {"autoCloseDays": None}, {"autoCloseDays": 0}, {"whoMayCreate": None}),
]

NARROWER: dict[str, Any] = {
    "timeZone": ("Europe/Lisbon", "UTC"),
    "hours": ({"monday": HOURS},),
    "holidays": ([], [{"date": "12-24", "name": "x"}]),
    "date": ("2026-12-24", "12-24", "02-29"),
    **dict.fromkeys(WeeklyHours.model_fields, (HOURS, [{"from": "22:00", "to": "06:00"}])),
    "expiresAt": FUTURE,
    "zone": ("Europe/Lisbon", "UTC"),
    "query": ("", "x", " x ", "x" * 200, "caf\u00e9", UUID, *Status),
}
"""Fields of which the document can't say all that is good, with values that are."""


def _accepts(model: type[BaseModel], body: Any) -> bool:
    try:
        model.model_validate(from_json(json.dumps(body)))  # as Request.body does
    except ValidationError:
        return False
    return True


def _least(name: str) -> dict[str, Any]:
    """The smallest body that a request schema takes."""
    ticket = {"title": "x", "description": "x", "status": "NEW", "priority": "LOW", "type": "QUESTION", "to": "OPEN"}
    file = {"fileName": "x", "contentType": "a/b", "size": 1, "sha256": "0" * 64}
    calendar = {"hours": {"monday": HOURS}, "date": "12-24", "from": "09:00"}
    values = (
        ticket
        | file
        | calendar
        | {"name": "x", "email": "a@b.example", "role": "agent", "eventTypes": ["*"], "query": "x"}
    )
    return {field: values.get(field, UUID) for field in SCHEMAS[name].get("required", [])}


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name in REQUEST_MODELS for field in [*SCHEMAS[name]["properties"], "colour"]]
)
def test_request_schemas_accept_what_the_models_accept(name: str, field: str) -> None:
    for probe in PROBES:
        body = _least(name) | {field: probe}
        accepted = _accepts(REQUEST_MODELS[name], body)
        if field in NARROWER and not accepted:
            assert probe not in NARROWER[field]
            continue
        assert accepted == (not problems(SCHEMAS[name], body)), probe


@pytest.mark.parametrize("name", REQUEST_MODELS)
def test_request_schemas_need_what_the_models_need(name: str) -> None:
    least = _least(name)
    incomplete = [{key: value for key, value in least.items() if key != missing} for missing in least]
    others: list[Any] = [{}, [], None, "x"]
    for body in [least, *incomplete, *others]:
        assert _accepts(REQUEST_MODELS[name], body) == (not problems(SCHEMAS[name], body)), body


def _read(schema: dict[str, Any], text: str) -> Any:
    """Return a query parameter's text as the value that its schema is about."""
    match schema["type"]:
        case "integer" if re.fullmatch(r"-?\d+", text):
            return int(text)
        case "boolean" if text in {"true", "false"}:
            return text == "true"
        case "array":
            return text.split(",")
    return text


NEEDED = {"listReportTickets": {"report": "volume", "figure": "created"}}
"""What a query needs that takes more than one parameter."""


@pytest.mark.parametrize("name", QUERY_MODELS)
def test_query_parameters_accept_what_the_models_accept(name: str) -> None:
    model = QUERY_MODELS[name]
    parameters = {p["name"]: p for p in OPERATIONS[name]["parameters"] if p["in"] == "query"}
    everything, required = _properties(model)
    assert parameters.keys() == everything
    assert {parameter for parameter, declared in parameters.items() if declared.get("required")} == required
    texts = [
        *(probe for probe in PROBES if isinstance(probe, str)),
        *("0", "1", "25", "100", "101", "-1", "1.5", "x" * 254, "x" * 255),
        *("reporter", "assignedTo", "reporter,assignedTo", "actor", "actor,actor", "reporter,", ",", "Reporter"),
    ]
    for parameter, declared in parameters.items():
        if parameter == "cursor":  # any text may be tried; only those that a list gave out are good
            continue
        for text in texts:
            try:
                model.model_validate(NEEDED.get(name, {}) | {parameter: text})
            except ValidationError:
                accepted = False
            else:
                accepted = True
            if parameter in NARROWER and not accepted:
                assert text not in NARROWER[parameter]
                continue
            value = _read(declared["schema"], text)
            assert accepted == (not problems(declared["schema"], value)), (parameter, text)


def test_operations_that_take_a_query_are_compared() -> None:
    takes = {name for name, operation in OPERATIONS.items() if any(p["in"] == "query" for p in operation["parameters"])}
    assert takes - PUBLIC == QUERY_MODELS.keys()  # a link that is not as it should be is not refused


def test_bodies_that_are_sent_are_compared() -> None:
    bodies = {
        content["schema"]["$ref"].rpartition("/")[2]
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
        for content in operation.get("requestBody", {}).get("content", {}).values()
    }
    assert bodies <= REQUEST_MODELS.keys()


# --- What is answered -------------------------------------------------------------------------------------------------


def test_ticket_shows_what_the_model_has() -> None:
    schema = SCHEMAS["Ticket"]
    fields = {str(field.alias): field for name, field in Ticket.model_fields.items() if name not in _NOT_SHOWN}
    always = {*fields, "allowedTransitions"}
    expanded = set(_expandable("listTickets"))
    assert set(schema["required"]) == always
    assert schema["properties"].keys() == always | expanded
    nullable = {name for name in always if schema["properties"][name].get("nullable")}
    assert nullable == {name for name, field in fields.items() if field.default is None}


def test_found_ticket_is_a_ticket_with_highlights() -> None:
    ticket, found = SCHEMAS["Ticket"], SCHEMAS["FoundTicket"]
    assert found["required"] == ticket["required"]
    assert found["properties"] == ticket["properties"] | {"highlights": SCHEMAS["Highlights"]}
    assert SCHEMAS["SearchResult"]["properties"]["facets"]["properties"].keys() == {*Facet}
    assert _expandable("searchTickets") == _expandable("listTickets")


def _expandable(operation: str) -> list[str]:
    (schema,) = [p["schema"] for p in OPERATIONS[operation]["parameters"] if p["name"] == "expand"]
    expandable: list[str] = schema["items"]["enum"]
    return expandable


def test_people_are_shown_as_they_are_known() -> None:
    shown = {to_camel(name) for name in Person.__dataclass_fields__}
    for schema in (SCHEMAS["PersonReference"], SCHEMAS["Ticket"]["properties"]["assignedTo"]):
        assert schema["properties"].keys() == shown == set(schema["required"])
    assert _expandable("getTicket") == _expandable("listTickets")


def test_event_shows_what_the_model_has() -> None:
    schema, actor = SCHEMAS["Event"], SCHEMAS["Actor"]
    shown = _properties(TicketEvent)[0] - {"ticket", "truncated"}  # for the bus: the ticket itself has the one
    assert schema["properties"].keys() == shown == set(schema["required"])
    assert set(actor["required"]) == _properties(Actor)[0]
    assert actor["properties"].keys() == {*actor["required"], *Person.__dataclass_fields__}


def test_comment_shows_what_the_model_has() -> None:
    schema = SCHEMAS["Comment"]
    always = {
        str(field.alias) for name, field in Comment.model_fields.items() if name not in comment_operations._NOT_SHOWN
    }
    assert set(schema["required"]) == always | {"edited"}
    assert schema["properties"].keys() == {*schema["required"], *_expandable("listComments")}
    assert schema["properties"]["author"] == SCHEMAS["PersonReference"]
    assert schema["properties"]["mentions"]["maxItems"] == MOST_MENTIONS
    assert schema["properties"]["attachmentIds"]["maxItems"] == MOST_FILES
    assert _expandable("getComment") == _expandable("listComments")


def test_attachment_shows_what_the_model_has() -> None:
    shown = _properties(attachments.Attachment)[0] - {to_camel(name) for name in attachment_operations._NOT_SHOWN}
    schema, new = SCHEMAS["Attachment"], SCHEMAS["NewAttachment"]
    assert schema["properties"].keys() == set(schema["required"]) == shown
    assert new["properties"].keys() == set(new["required"]) == shown | {"upload"}
    assert schema["properties"].items() <= new["properties"].items()


def test_tenant_shows_what_the_model_has() -> None:
    for name, shown in (("Tenant", tenant_operations._SHOWN), ("TenantSettings", TenantSettings.model_fields)):
        assert (
            SCHEMAS[name]["properties"].keys() == set(SCHEMAS[name]["required"]) == {to_camel(each) for each in shown}
        )
    settings = SCHEMAS["TenantSettings"]["properties"]
    assert settings == SCHEMAS["SettingsUpdate"]["properties"]
    defaults = json.loads(TenantSettings().model_dump_json(by_alias=True))
    assert not problems(SCHEMAS["TenantSettings"], defaults)


def test_user_shows_what_the_model_has() -> None:
    shown = {to_camel(name) for name in operations._SHOWN}
    assert SCHEMAS["User"]["properties"].keys() == shown
    of_self = {to_camel(name) for name in operations._SHOWN_TO_SELF}
    assert SCHEMAS["CurrentUser"]["properties"].keys() == shown | of_self


def test_webhook_shows_what_the_model_has() -> None:
    shown = _properties(Webhook)[0] - {to_camel(name) for name in webhook_operations._NOT_SHOWN}
    assert SCHEMAS["Webhook"]["properties"].keys() == set(SCHEMAS["Webhook"]["required"]) == shown
    assert SCHEMAS["NewWebhook"]["properties"].keys() == set(SCHEMAS["NewWebhook"]["required"]) == shown | {"secret"}
    assert set(SCHEMAS["EventTypes"]["items"]["enum"]) == {"*", *EventType}


def test_view_shows_what_the_model_has() -> None:
    schema, counts = SCHEMAS["View"], SCHEMAS["ViewCounts"]["properties"]["counts"]
    assert schema["properties"].keys() == set(schema["required"]) == _properties(View)[0] - {"tenantId"}
    (ids,) = OPERATIONS["countViews"]["parameters"]
    assert counts["maxItems"] == ids["schema"]["maxItems"] == MOST_COUNTED
    assert counts["items"]["properties"]["reason"]["enum"] == [NOT_FOUND, QUERY_INVALID, None]
    (sort,) = [each["schema"] for each in OPERATIONS["searchTickets"]["parameters"] if each["name"] == "sort"]
    assert SCHEMAS["ViewSort"]["enum"] == [*sort["enum"], None]
    listed = OPERATIONS["listViews"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert listed["maxItems"] == MOST_OWN + MOST_SHARED
    assert f"Of their own everybody may have {MOST_OWN}, and a tenant {MOST_SHARED}" in " ".join(
        OPERATIONS["createView"]["description"].split()
    )


def test_calendar_shows_what_the_model_has() -> None:
    schema = SCHEMAS["Calendar"]
    assert schema["properties"].keys() == set(schema["required"]) == _properties(Calendar)[0]
    listed = OPERATIONS["listCalendars"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert listed["maxItems"] == MOST_CALENDARS
    told = " ".join(OPERATIONS["createCalendar"]["description"].split())
    assert f"A tenant has {MOST_CALENDARS} calendars at most" in told
    assert f"each as JSON has {MOST_BYTES // 1024} KiB at most" in told


def test_delivery_shows_what_the_model_has() -> None:
    shown = _properties(Delivery)[0] - {to_camel(name) for name in delivery_operations._NOT_SHOWN}
    for name, more in (("Delivery", set[str]()), ("DeliveryWithPayload", {"payload"})):
        assert SCHEMAS[name]["properties"].keys() == set(SCHEMAS[name]["required"]) == shown | more
    assert SCHEMAS["Attempt"]["properties"].keys() == set(SCHEMAS["Attempt"]["required"]) == _properties(Attempt)[0]


def test_deletion_shows_what_the_model_has() -> None:
    schema = SCHEMAS["TenantDeletion"]
    shown = {to_camel(name) for name in TenantDeletion.model_fields if name not in deletion._NOT_SHOWN}
    assert schema["properties"].keys() == shown == set(schema["required"])


def test_notifications_are_those_of_the_model() -> None:
    everything = _properties(Notifications)[0]
    for name in ("Notifications", "NotificationsUpdate"):
        assert SCHEMAS[name]["properties"].keys() == everything
    assert set(SCHEMAS["Notifications"]["required"]) == everything


def test_current_user_is_a_user_with_more() -> None:
    user, current = SCHEMAS["User"], SCHEMAS["CurrentUser"]
    assert current["properties"] == user["properties"] | {
        "tenantId": SCHEMAS["TenantId"],
        "notifications": SCHEMAS["Notifications"],
        "mailOffReason": current["properties"]["mailOffReason"],
    }
    for schema in (user, current):
        assert schema["properties"].keys() == set(schema["required"])


def test_new_api_key_is_an_api_key_with_the_key() -> None:
    key, new = SCHEMAS["ApiKey"], SCHEMAS["NewApiKey"]
    assert key["properties"].keys() == {to_camel(name) for name in api_keys._SHOWN}
    assert new["properties"].keys() == set(new["required"])
    assert new["properties"].keys() - key["properties"].keys() == {"key"}
    assert key["properties"].items() <= new["properties"].items()
    token = key_tokens.make(key_tokens.KeyName("acme", UUID.lower()))
    assert re.fullmatch(new["properties"]["key"]["pattern"], token)
