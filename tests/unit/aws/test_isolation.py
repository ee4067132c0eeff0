"""Strict isolation: what a tenant's session may reach, and how sessions are had. STS and the tables are moto's."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document
from moto.dynamodb.models import DynamoDBBackend

from local.aws.iam import dynamodb_accesses
from tests.unit.conftest import Clock
from tests.unit.support import (
    ADMIN,
    AGENT_ID,
    BUCKET,
    MOMENT,
    MOMENT_TEXT,
    NOTIFICATIONS_TABLE,
    SEARCH_BUCKET,
    SEARCH_TABLE,
    TABLE,
    TICKET_ID,
    USERS_TABLE,
    a_ticket,
    an_event,
    data_of,
    stored,
)
from ticketing.attachments.objects import READING_TIME, UPLOAD_TIME
from ticketing.aws import clients, isolation
from ticketing.aws.data import files_of_caller
from ticketing.aws.isolation import search_alias, session_policy, tenant_of_search_index
from ticketing.dynamodb.attributes import to_item
from ticketing.errors import ServiceUnavailableError
from ticketing.people.repository import People
from ticketing.tickets.queries import TicketFilter
from ticketing.tickets.repository import TicketRepository
from ticketing.users.api_keys import ApiKeyCreate, ApiKeyRepository, new_api_key
from ticketing.users.token_repository import TokenRepository

ROLE = "arn:aws:iam::123456789012:role/tickets-GetTicketRole-1A2B3C"
BUCKET_ARN = f"arn:aws:s3:::{BUCKET}"
SEARCH_BUCKET_ARN = f"arn:aws:s3:::{SEARCH_BUCKET}"
DOMAIN_ARN = "arn:aws:es:us-east-1:123456789012:domain/tickets-search"
ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/{}"

type Call = tuple[str, dict[str, Any]]


def allowed(tenant_id: str, action: str, request: dict[str, Any]) -> bool:
    """Return whether every access of a request is within what a tenant's session policy leaves of `*`."""
    verdicts = []
    for access in dynamodb_accesses(action, request, ARN):
        context = EvalContext(
            principal_arn="arn:aws:sts::123456789012:assumed-role/x/y",
            principal_type="AssumedRole",
            principal_account="123456789012",
            action=str(access["action"]),
            resource_arn=str(access["resource"]),
            region="us-east-1",
            service_context={"dynamodb:leadingkeys": access["leadingKeys"]} if access["leadingKeys"] else {},
        )
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        policies = [parse_policy_document(everything)]
        session = [parse_policy_document(session_policy(tenant_id))]
        verdicts.append(evaluate(context, policies, session).decision == "Allow")
    return all(verdicts)


def reaches(tenant_id: str, action: str, resource: str, prefix: str | None = None) -> bool:
    """Return whether a tenant's session policy allows an action of S3."""
    context = EvalContext(
        principal_arn="arn:aws:sts::123456789012:assumed-role/x/y",
        principal_type="AssumedRole",
        principal_account="123456789012",
        action=f"s3:{action}",
        resource_arn=f"{BUCKET_ARN}{resource}",
        region="us-east-1",
        service_context={} if prefix is None else {"s3:prefix": prefix},
    )
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    session = [parse_policy_document(session_policy(tenant_id, BUCKET_ARN))]
    return bool(evaluate(context, [parse_policy_document(everything)], session).decision == "Allow")


def searches(tenant_id: str, method: str, path: str) -> bool:
    """Return whether a tenant's session policy allows a request to OpenSearch."""
    context = EvalContext(
        principal_arn="arn:aws:sts::123456789012:assumed-role/x/y",
        principal_type="AssumedRole",
        principal_account="123456789012",
        action=f"es:ESHttp{method}",
        resource_arn=f"{DOMAIN_ARN}/{path}",
        region="us-east-1",
        service_context={},
    )
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    session = [parse_policy_document(session_policy(tenant_id, domain=DOMAIN_ARN))]
    return bool(evaluate(context, [parse_policy_document(everything)], session).decision == "Allow")


def recorded(client: Any) -> list[Call]:
    """Return the list that the client's calls from now on are put into."""
    calls: list[Call] = []

    def record(params: dict[str, Any], model: Any, **_kwargs: Any) -> None:
        calls.append((model.name, json.loads(params["body"])))

    client.meta.events.register("before-call.dynamodb", record)
    return calls


def do_everything(client: Any, tenant_id: str) -> list[Call]:
    """Do what the repositories do for a tenant, and return their calls."""
    tenant = {"PK": f"TENANT#{tenant_id}#TENANT", "SK": "TENANT", "state": "ACTIVE"}
    client.put_item(TableName=USERS_TABLE, Item=to_item(tenant))
    calls = recorded(client)
    tickets = TicketRepository(data_of(client, tenant_id))
    ticket = stored(client, a_ticket(tenant_id=tenant_id))
    tickets.get(TICKET_ID)
    later = ticket.model_copy(update={"title": "T", "version": 2})
    tickets.update(ticket, later, an_event(later))
    tickets.history(TICKET_ID, limit=1, cursor=None)
    for wanted in (TicketFilter(), TicketFilter(reporter_id=(AGENT_ID,)), TicketFilter(assigned_to_id=("none",))):
        tickets.list(wanted, limit=1, cursor=None)
    People(data_of(client, tenant_id)).known([AGENT_ID])
    caller = type(ADMIN)(ADMIN.user_id, tenant_id, ADMIN.role)
    api_keys = ApiKeyRepository(data_of(client, tenant_id))
    key, _ = new_api_key(ApiKeyCreate.model_validate({"name": "K", "role": "agent"}), caller, TICKET_ID)
    api_keys.create(key)
    api_keys.get(TICKET_ID)
    api_keys.list(limit=1, cursor=None)
    TokenRepository(data_of(client, tenant_id)).record_use(TICKET_ID, now=MOMENT)
    api_keys.revoke(TICKET_ID, now=MOMENT_TEXT)
    return calls


# --- the policy ------------------------------------------------------------------------------------------------------


def test_a_session_reaches_all_that_the_repositories_do_for_its_tenant(dynamodb: Any) -> None:
    calls = do_everything(dynamodb, "acme")
    assert {name for name, _ in calls} >= {"GetItem", "UpdateItem", "Query", "BatchGetItem", "TransactWriteItems"}
    assert [call for call in calls if not allowed("acme", *call)] == []


@pytest.mark.parametrize("other", ["globex", "acm", "acme1", "acme-", "ACME", "a", "cme"])
def test_a_session_reaches_nothing_of_another_tenant(dynamodb: Any, other: str) -> None:
    calls = do_everything(dynamodb, "acme")
    assert [call for call in calls if allowed(other, *call)] == []


GET = {"TableName": TABLE, "Key": {"PK": {"S": "TENANT#acme#TICKET#1"}, "SK": {"S": "TICKET"}}}


def transaction(*partitions: str) -> dict[str, Any]:
    tables = (TABLE, USERS_TABLE)
    writes = [
        {"Put": {"TableName": tables[i % 2], "Item": {"PK": {"S": partition}, "SK": {"S": "X"}}}}
        for i, partition in enumerate(partitions)
    ]
    return {"TransactItems": writes}


@pytest.mark.parametrize(
    ("partitions", "whole"),
    [
        (["TENANT#acme#TICKET#1", "TENANT#acme#USER#1"], True),
        (["TENANT#acme#TENANT", "NAME#globex"], True),
        (["ADDRESS#0a1b"], True),
        (["TENANT#acme#TICKET#1", "TENANT#globex#USER#1"], False),
        (["TENANT#globex#TICKET#1", "TENANT#acme#USER#1"], False),
        (["TENANT#acme#TENANT", "FOUNDER#1"], False),
        (["TENANT#acme"], False),
        (["TENANT#*#TICKET#1"], False),
        (["xTENANT#acme#TICKET#1"], False),
    ],
)
def test_each_member_of_a_transaction_counts(partitions: list[str], whole: bool) -> None:  # noqa: FBT001
    assert allowed("acme", "TransactWriteItems", transaction(*partitions)) is whole


def test_a_batch_is_refused_for_one_foreign_key() -> None:
    keys = [{"PK": {"S": f"TENANT#{tenant}#USER#1"}, "SK": {"S": "USER"}} for tenant in ("acme", "globex")]
    assert allowed("acme", "BatchGetItem", {"RequestItems": {USERS_TABLE: {"Keys": keys[:1]}}})
    assert not allowed("acme", "BatchGetItem", {"RequestItems": {USERS_TABLE: {"Keys": keys}}})


@pytest.mark.parametrize("index", [None, "byChange", "byName"])
def test_a_query_counts_by_the_key_of_the_index_it_asks(index: str | None) -> None:
    def query(partition: str) -> dict[str, Any]:
        values = {":p": {"S": partition}}
        named = {} if index is None else {"IndexName": index}
        asked = {"TableName": TABLE, "KeyConditionExpression": "tenantKey = :p", "ExpressionAttributeValues": values}
        return asked | named

    assert allowed("acme", "Query", query("TENANT#acme#TICKETS"))
    assert not allowed("acme", "Query", query("TENANT#globex#TICKETS"))
    assert not allowed("acme", "Query", query("PENDING"))


def test_what_names_no_key_is_refused() -> None:
    assert not allowed("acme", "Scan", {"TableName": TABLE})
    assert not allowed("acme", "Scan", {"TableName": TABLE, "IndexName": "byChange"})
    assert not allowed("acme", "Query", {"TableName": TABLE})  # DynamoDB takes none; IAM would be asked first


@pytest.mark.parametrize(
    ("action", "resource", "prefix", "allowed_to"),
    [
        ("PutObject", "/acme/t/a", None, {"acme"}),
        ("GetObjectVersion", "/acme/t/a", None, {"acme"}),
        ("DeleteObjectVersion", "/acme-2/t/a", None, {"acme-2"}),
        ("ListBucketVersions", "", "acme/t/a", {"acme"}),
        ("ListBucketVersions", "", "acme", set()),
        ("ListBucketVersions", "", None, set()),
        ("PutObjectVersionTagging", "/acme/t/a", None, set()),
        ("PutObject", "/t/acme/a", None, set()),
        ("DeleteBucket", "", None, set()),
    ],
)
def test_a_session_reaches_the_files_of_its_tenant(
    action: str, resource: str, prefix: str | None, allowed_to: set[str]
) -> None:
    assert {each for each in ("acme", "acme-2", "acm") if reaches(each, action, resource, prefix)} == allowed_to


@pytest.mark.parametrize(
    ("method", "path", "allowed_to"),
    [
        ("Post", "tickets-acme/_search", {"acme"}),
        ("Post", "tickets-acme/_search/point_in_time", {"acme"}),
        ("Post", "tickets-acme.1-x.building/_search", {"acme"}),
        ("Post", "tickets-acme-2/_search", {"acme-2"}),
        ("Post", "tickets-.41636d65/_search", {"Acme"}),
        ("Post", "_search", {"acme", "acme-2", "acm", "Acme"}),  # at a point in time
        ("Delete", "_search/point_in_time", {"acme", "acme-2", "acm", "Acme"}),
        ("Delete", "_search/point_in_time/_all", set()),
        ("Post", "tickets-globex/_search", set()),
        ("Post", "tickets-globex,tickets-acme/_search", set()),
        ("Post", "tickets-*/_search", set()),
        ("Post", "_msearch", set()),
        ("Post", "_bulk", set()),
        ("Put", "tickets-acme", set()),
        ("Get", "tickets-acme/_search", set()),
    ],
)
def test_a_session_searches_the_indexes_of_its_tenant(method: str, path: str, allowed_to: set[str]) -> None:
    assert {each for each in ("acme", "acme-2", "acm", "Acme") if searches(each, method, path)} == allowed_to


@pytest.mark.parametrize("tenant_id", ["acme", "Acme", "a-b_c", "0", "ACME", "x" * 64])
def test_an_index_is_known_to_be_its_tenants(tenant_id: str) -> None:
    name = search_alias(tenant_id)
    assert name == name.lower()
    assert tenant_of_search_index(f"{name}.1-0195") == tenant_id
    assert tenant_of_search_index(name) is None


@pytest.mark.parametrize("name", ["tickets-.1-x", "tickets-.zz.1", ".kibana_1", "other-acme.1", "tickets-"])
def test_other_indexes_are_nobodys(name: str) -> None:
    assert tenant_of_search_index(name) is None


def test_a_session_is_for_items_alone_where_there_are_no_files() -> None:
    items, key = json.loads(session_policy("acme"))["Statement"]
    assert {action.partition(":")[0] for action in items["Action"]} == {"dynamodb"}
    assert not {action for action in items["Action"] if "*" in action or "Table" in action or "Scan" in action}
    assert {action.partition(":")[0] for action in key["Action"]} == {"kms"}
    assert key["Condition"] == {"StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com"}}


@pytest.mark.parametrize("tenant_id", ["", "*", "a*", "a?", "a#b", "${aws:username}", "ä", "a\n", "x" * 65])
def test_what_is_no_tenants_id_gets_no_policy(tenant_id: str) -> None:
    with pytest.raises(ValueError, match="tenant"):
        session_policy(tenant_id)
    with pytest.raises(ValueError, match="tenant"):
        search_alias(tenant_id)


def test_the_longest_policy_is_well_below_what_sts_takes() -> None:
    """Functions that search have to do with one bucket."""
    bucket, domain = f"arn:aws:s3:::{'x' * 63}", f"arn:aws:es:ap-southeast-1:123456789012:domain/{'x' * 28}"
    assert len(session_policy("x" * 64, bucket, bucket)) < 2_048 * 0.75
    assert len(session_policy("x" * 64, bucket, domain=domain)) < 2_048 * 0.9


# --- the sessions ----------------------------------------------------------------------------------------------------


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch, moto_backend: DynamoDBBackend) -> list[dict[str, Any]]:
    """Switch strict isolation on, and return the list that each request to STS is put into."""
    assert set(moto_backend.tables) == {NOTIFICATIONS_TABLE, SEARCH_TABLE, TABLE, USERS_TABLE}
    asked: list[dict[str, Any]] = []
    monkeypatch.setenv("TENANT_ROLE", ROLE)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "tickets-GetTicketFunction-1A2B3C")
    clients.sts().meta.events.register("provide-client-params.sts.AssumeRole", lambda params, **_: asked.append(params))
    return asked


def token_of(client: Any) -> str:
    """Return the session token that a client sends with a call."""
    sent: list[Any] = []
    client.meta.events.register("before-send.dynamodb.GetItem", lambda request, **_: sent.append(request.headers))
    client.get_item(**GET)
    token: bytes = sent[0]["X-Amz-Security-Token"]
    return token.decode()


def test_without_a_tenant_role_all_tenants_share_one_client(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "sts", lambda: pytest.fail("nobody asked for strict isolation"))
    assert clients.dynamodb_for("acme") is clients.dynamodb_for("globex") is dynamodb


def test_a_tenants_client_has_credentials_of_its_own(strict: list[dict[str, Any]], dynamodb: Any) -> None:
    acme, globex = clients.dynamodb_for("acme"), clients.dynamodb_for("globex")
    assert len({id(client) for client in (acme, globex, dynamodb)}) == 3
    assert token_of(acme) != token_of(globex)
    assert [json.loads(request.pop("Policy")) for request in strict] == [
        json.loads(session_policy(tenant_id, BUCKET_ARN, SEARCH_BUCKET_ARN)) for tenant_id in ("acme", "globex")
    ]
    name = "tickets-GetTicketFunction-1A2B3C"
    assert strict == [{"RoleArn": ROLE, "RoleSessionName": name, "DurationSeconds": 2700}] * 2


def test_a_function_that_has_nothing_to_do_with_files_reaches_none(
    strict: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATTACHMENTS_BUCKET")
    monkeypatch.delenv("SEARCH_BUCKET")
    clients.dynamodb_for("acme")
    assert json.loads(strict[0]["Policy"]) == json.loads(session_policy("acme"))


def test_a_tenants_clients_and_addresses_have_the_same_credentials(strict: list[dict[str, Any]]) -> None:
    token = token_of(clients.dynamodb_for("acme"))
    files = files_of_caller(ADMIN)
    assert files.client() is clients.s3_for("acme") is not clients.s3()
    assert files.credentials().token == token
    assert len(strict) == 1


def test_credentials_outlive_every_address_that_they_sign() -> None:
    assert isolation.MARGIN > UPLOAD_TIME > READING_TIME


def test_credentials_are_kept_until_twenty_minutes_before_their_end(strict: list[dict[str, Any]], time: Clock) -> None:
    time.set(datetime.now(UTC))
    first = clients.dynamodb_for("acme")
    time.forward(minutes=24, seconds=55)
    assert clients.dynamodb_for("acme") is first
    time.forward(seconds=10)
    second = clients.dynamodb_for("acme")
    assert second is not first
    assert token_of(second) != token_of(first)
    assert len(strict) == 2


def test_the_tenant_not_used_for_longest_is_let_go(
    strict: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "MOST", 2)
    made = {tenant_id: clients.dynamodb_for(tenant_id) for tenant_id in ("a", "b")}
    assert clients.dynamodb_for("a") is made["a"]
    clients.dynamodb_for("c")
    assert clients.dynamodb_for("a") is made["a"]
    assert len(strict) == 3
    assert clients.dynamodb_for("b") is not made["b"]
    assert len(strict) == 4


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "No."}}, "AssumeRole"),
        ClientError({"Error": {"Code": "Throttling", "Message": "Rate exceeded"}}, "AssumeRole"),
        ConnectTimeoutError(endpoint_url="https://sts"),
    ],
    ids=str,
)
def test_without_credentials_nothing_falls_back_to_the_shared_client(
    strict: list[dict[str, Any]], failure: Exception
) -> None:
    failures = [failure]

    def fail(**_kwargs: Any) -> None:
        if failures:
            raise failures.pop()

    clients.sts().meta.events.register("before-call.sts.AssumeRole", fail)
    with pytest.raises(ServiceUnavailableError):
        clients.dynamodb_for("acme")
    assert clients.dynamodb_for("acme") is not clients.dynamodb()  # and the next one has a new try
    assert len(strict) == 2


def test_credentials_that_ran_out_are_not_used_when_there_are_no_new_ones(
    strict: list[dict[str, Any]], time: Clock
) -> None:
    time.set(datetime.now(UTC))
    clients.dynamodb_for("acme")

    def fail(**_kwargs: Any) -> None:
        raise ConnectTimeoutError(endpoint_url="https://sts")

    clients.sts().meta.events.register("before-call.sts.AssumeRole", fail)
    time.now += timedelta(minutes=46)
    with pytest.raises(ServiceUnavailableError):
        clients.dynamodb_for("acme")
    assert len(strict) == 2


def test_nobody_gets_credentials_for_what_is_no_tenant(strict: list[dict[str, Any]]) -> None:
    for tenant_id in ("", "*", "a#b"):
        with pytest.raises(ValueError, match="tenant"):
            clients.dynamodb_for(tenant_id)
    assert strict == []
