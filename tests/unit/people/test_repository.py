"""The people of a tenant as tickets name them, on moto: who may be named, and what they are called."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.support import (
    ADMIN,
    ADMIN_ID,
    AGENT,
    AGENT_ID,
    OTHER_ID,
    REPORTER,
    REPORTER_ID,
    STRANGER,
    USERS_TABLE,
    data_of,
    put_item,
    put_user,
    user_row,
)
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.errors import ServiceUnavailableError
from ticketing.ids import derived_id
from ticketing.people.repository import People, Person

NAMED = pytest.mark.parametrize(
    ("caller", "active", "as_reporter", "as_assignee"),
    [
        pytest.param(REPORTER, True, True, False, id="reporter"),
        pytest.param(AGENT, True, True, True, id="agent"),
        pytest.param(ADMIN, True, True, True, id="admin"),
        pytest.param(REPORTER, False, False, False, id="inactive reporter"),
        pytest.param(AGENT, False, False, False, id="inactive agent"),
        pytest.param(STRANGER, True, False, False, id="another tenant's admin"),
        pytest.param(None, True, False, False, id="nobody"),
    ],
)


@pytest.fixture
def acme_people(dynamodb: DynamoDBClient) -> People:
    return People(data_of(dynamodb, "acme"))


def passes(client: DynamoDBClient, people: People, person_id: str, *, agents_only: bool) -> bool:
    """Return whether a transaction with the check of a person is written."""
    put: Any = {"Put": {"TableName": USERS_TABLE, "Item": {"PK": {"S": "x"}, "SK": {"S": "x"}}}}
    try:
        client.transact_write_items(TransactItems=[put, people.check(person_id, agents_only=agents_only)])
    except client.exceptions.TransactionCanceledException:
        return False
    return True


@NAMED
def test_who_may_be_named(
    dynamodb: DynamoDBClient,
    acme_people: People,
    caller: Caller | None,
    *,
    active: bool,
    as_reporter: bool,
    as_assignee: bool,
) -> None:
    if caller is not None:
        put_user(dynamodb, caller, active=active)
    person_id = caller.user_id if caller else OTHER_ID
    for agents_only, expected in ((False, as_reporter), (True, as_assignee)):
        assert passes(dynamodb, acme_people, person_id, agents_only=agents_only) is expected
        assert acme_people.is_active(person_id, agents_only=agents_only) is expected


@pytest.mark.parametrize("role", [Role.NEWCOMER, Role.SYSTEM])
def test_only_agents_and_admins_are_assigned(dynamodb: DynamoDBClient, acme_people: People, role: Role) -> None:
    put_user(dynamodb, Caller(OTHER_ID, "acme", role))
    assert not passes(dynamodb, acme_people, OTHER_ID, agents_only=True)
    assert not acme_people.is_active(OTHER_ID, agents_only=True)


def test_a_look_at_one_person_is_consistent(dynamodb: DynamoDBClient, acme_people: People) -> None:
    with Stubber(dynamodb) as stubber:
        stubber.add_response(
            "get_item",
            {"Item": {"active": {"BOOL": True}, "role": {"S": "agent"}}},
            {
                "TableName": USERS_TABLE,
                "Key": {"PK": {"S": f"TENANT#acme#USER#{AGENT_ID}"}, "SK": {"S": "USER"}},
                "ConsistentRead": True,
                "ProjectionExpression": "PK, SK, #active, #role",
                "ExpressionAttributeNames": {"#active": "active", "#role": "role"},
            },
        )
        assert acme_people.is_active(AGENT_ID, agents_only=True)


@pytest.mark.usefixtures("people")
def test_people_are_known_by_name(dynamodb: DynamoDBClient, acme_people: People) -> None:
    put_user(dynamodb, REPORTER, name="Rita", active=False)
    put_user(dynamodb, Caller("55555555-5555-4555-8555-555555555555", "globex", Role.AGENT), name="Not yours")
    stranger = "55555555-5555-4555-8555-555555555555"
    assert acme_people.known([AGENT_ID, REPORTER_ID, stranger, AGENT_ID]) == {
        AGENT_ID: Person(AGENT_ID, "Anna", active=True),
        REPORTER_ID: Person(REPORTER_ID, "Rita", active=False),
        stranger: Person(stranger, None, active=False),
    }


def test_nobody_is_asked_for_without_a_request(dynamodb: DynamoDBClient, acme_people: People) -> None:
    with Stubber(dynamodb):
        assert acme_people.known([]) == {}


def test_people_are_read_a_hundred_at_a_time(dynamodb: DynamoDBClient, acme_people: People) -> None:
    ids = [derived_id(str(number)) for number in range(250)]
    for number, person_id in enumerate(ids):
        put_user(dynamodb, Caller(person_id, "acme", Role.REPORTER), name=f"Number {number}")
    sent: list[int] = []
    dynamodb.meta.events.register(
        "provide-client-params.dynamodb.BatchGetItem",
        lambda params, **_: sent.append(len(params["RequestItems"][USERS_TABLE]["Keys"])),
    )
    known = acme_people.known([*ids, *ids])
    assert [person.name for person in known.values()] == [f"Number {number}" for number in range(250)]
    assert sent == [100, 100, 50]


@pytest.mark.parametrize("consistent", [False, True])
def test_names_may_be_late_and_decisions_may_not(
    dynamodb: DynamoDBClient, acme_people: People, *, consistent: bool
) -> None:
    sent: list[bool] = []
    dynamodb.meta.events.register(
        "provide-client-params.dynamodb.BatchGetItem",
        lambda params, **_: sent.append(params["RequestItems"][USERS_TABLE]["ConsistentRead"]),
    )
    acme_people.known([AGENT_ID], consistent=consistent)
    assert sent == [consistent]


def answer(found: list[str], left: list[str]) -> dict[str, Any]:
    """Return a batch's answer: who was found, and whose keys were left out."""
    people = [{"id": {"S": each}, "name": {"S": each.upper()}, "active": {"BOOL": True}} for each in found]
    keys = [{"PK": {"S": f"TENANT#acme#USER#{each}"}, "SK": {"S": "USER"}} for each in left]
    unprocessed = {USERS_TABLE: {"Keys": keys, "ProjectionExpression": "as it was"}} if keys else {}
    return {"Responses": {USERS_TABLE: people}, "UnprocessedKeys": unprocessed}


def test_who_is_left_out_is_asked_for_again(
    dynamodb: DynamoDBClient, acme_people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("ticketing.dynamodb.tables.time.sleep", pauses.append)
    left = answer([], ["b", "c"])["UnprocessedKeys"]
    with Stubber(dynamodb) as stubber:
        stubber.add_response("batch_get_item", answer(["a"], ["b", "c"]))
        stubber.add_response("batch_get_item", answer(["c"], ["b"]), {"RequestItems": left})
        stubber.add_response("batch_get_item", answer(["b"], []))
        known = acme_people.known(["a", "b", "c"])
        stubber.assert_no_pending_responses()
    assert [person.name for person in known.values()] == ["A", "B", "C"]
    assert pauses == [0.05, 0.1]


def test_who_is_always_left_out_is_503(
    dynamodb: DynamoDBClient, acme_people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("ticketing.dynamodb.tables.time.sleep", pauses.append)
    with Stubber(dynamodb) as stubber:
        for _ in range(4):
            stubber.add_response("batch_get_item", answer([], ["a"]))
        with pytest.raises(ServiceUnavailableError):
            acme_people.known(["a"])
        stubber.assert_no_pending_responses()
    assert pauses == [0.05, 0.1, 0.2]


@pytest.mark.parametrize(
    ("address", "found"),
    [("anna@acme.example", AGENT_ID), ("ANNA@Acme.example ", AGENT_ID), ("ann", None), ("otto@globex.example", None)],
)
def test_people_are_found_by_their_whole_address(acme_people: People, address: str, found: str | None) -> None:
    for caller, email in ((AGENT, "anna@acme.example"), (STRANGER, "otto@globex.example")):
        keys = {"tenantKey": f"TENANT#{caller.tenant_id}#USERS", "nameKey": "anna", "emailKey": email}
        put_item(USERS_TABLE, user_row(caller) | {name: {"S": value} for name, value in keys.items()})
    assert acme_people.with_address(address) == found


@pytest.mark.parametrize(
    ("settings", "zone"),
    [
        (None, "UTC"),
        ({"M": {}}, "UTC"),
        ({"M": {"timeZone": {"S": "Asia/Tokyo"}, "whoMayCreate": {"S": "AGENTS"}}}, "Asia/Tokyo"),
    ],
)
def test_a_tenant_has_a_time_zone(acme_people: People, settings: dict[str, Any] | None, zone: str) -> None:
    assert acme_people.time_zone() == "UTC"
    item = {"PK": {"S": "TENANT#acme#TENANT"}, "SK": {"S": "TENANT"}}
    put_item(USERS_TABLE, item | ({"settings": settings} if settings else {}))
    assert acme_people.time_zone() == zone


def test_a_failure_is_left_to_the_frame(dynamodb: DynamoDBClient, acme_people: People) -> None:
    with Stubber(dynamodb) as stubber:
        stubber.add_client_error("batch_get_item", "ThrottlingException")
        with pytest.raises(ClientError, match="ThrottlingException"):
            acme_people.known([ADMIN_ID])


@pytest.mark.parametrize("tenant", ["", "acme#USER", "#"])
def test_there_are_no_people_without_a_tenant(dynamodb: DynamoDBClient, tenant: str) -> None:
    with pytest.raises(ValueError, match="tenant's id"):
        People(data_of(dynamodb, tenant))
