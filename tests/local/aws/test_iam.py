"""How IAM sees calls of DynamoDB and S3."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from ministack.core import iam_actions
from ministack.services import s3

from local.aws.iam import ObjectCalls, dynamodb_accesses

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/{}"
KEY = {"PK": {"S": "a"}, "SK": {"S": "b"}}


@pytest.mark.parametrize(
    ("action", "request_", "attributes"),
    [
        ("GetItem", {"Key": KEY}, ["PK", "SK"]),
        ("GetItem", {"Key": KEY, "ProjectionExpression": "title, #t[0].name"}, ["PK", "SK", "tags", "title"]),
        (
            "PutItem",
            {"Item": {**KEY, "status": {}}, "ConditionExpression": "attribute_not_exists (PK)"},
            ["PK", "SK", "status"],
        ),
        (
            "UpdateItem",
            {
                "Key": KEY,
                "UpdateExpression": "SET #s = :s, version = version + :one, a.b = list_append(a.b, :x) REMOVE closedAt",
                "ConditionExpression": "#v = :v AND NOT begins_with(title, :t) OR size(tags) BETWEEN :a AND :b",
            },
            ["PK", "SK", "a", "closedAt", "status", "tags", "title", "version"],
        ),
        (
            "Query",
            {
                "KeyConditionExpression": "tenantKey = :t AND begins_with(title, :a)",
                "FilterExpression": "#s IN (:a, :b)",
                "ExpressionAttributeValues": {":t": {"S": "a"}, ":a": {"S": "c"}},
                "ExclusiveStartKey": KEY,
            },
            ["PK", "SK", "status", "tenantKey", "title"],
        ),
    ],
)
def test_attributes(action: str, request_: dict[str, Any], attributes: list[str]) -> None:
    names = {"#s": "status", "#t": "tags", "#v": "version"}
    accesses = dynamodb_accesses(action, {"TableName": "T", "ExpressionAttributeNames": names, **request_}, ARN)
    assert [access["attributes"] for access in accesses] == [attributes]
    assert accesses[0]["action"] == f"dynamodb:{action}"
    assert accesses[0]["resource"] == ARN.format("T")
    assert accesses[0]["leadingKeys"] == ["a"]
    assert accesses[0]["enclosingOperation"] is None


@pytest.mark.parametrize(
    ("action", "request_", "select"),
    [
        ("GetItem", {}, "ALL_ATTRIBUTES"),
        ("GetItem", {"ProjectionExpression": "title"}, "SPECIFIC_ATTRIBUTES"),
        ("Query", {"IndexName": "byChange"}, "ALL_PROJECTED_ATTRIBUTES"),
        ("Query", {"IndexName": "byChange", "Select": "COUNT"}, "COUNT"),
        ("PutItem", {}, None),
    ],
)
def test_what_a_read_asks_for(action: str, request_: dict[str, Any], select: str | None) -> None:
    assert dynamodb_accesses(action, {"TableName": "T", **request_}, ARN)[0]["select"] == select


def test_a_scan_names_no_partition() -> None:
    assert dynamodb_accesses("Scan", {"TableName": "T"}, ARN)[0]["leadingKeys"] == []


def test_an_index_is_a_resource_of_its_own() -> None:
    accesses = dynamodb_accesses("Query", {"TableName": "T", "IndexName": "byChange"}, ARN)
    assert accesses[0]["resource"] == ARN.format("T") + "/index/byChange"


def test_a_transaction_is_its_members() -> None:
    members = [
        {"Update": {"TableName": "T", "Key": KEY, "UpdateExpression": "SET title = :t"}},
        {"Put": {"TableName": "T", "Item": KEY}},
        {"Delete": {"TableName": "U", "Key": KEY}},
        {"ConditionCheck": {"TableName": "T", "Key": KEY, "ConditionExpression": "version = :v"}},
    ]
    accesses = dynamodb_accesses("TransactWriteItems", {"TransactItems": members}, ARN)
    assert [access["action"] for access in accesses] == [
        "dynamodb:UpdateItem",
        "dynamodb:PutItem",
        "dynamodb:DeleteItem",
        "dynamodb:ConditionCheckItem",
    ]
    assert accesses[2]["resource"] == ARN.format("U")
    assert accesses[3]["attributes"] == ["PK", "SK", "version"]
    assert {access["enclosingOperation"] for access in accesses} == {"TransactWriteItems"}


def test_batches_are_one_access_per_table() -> None:
    other = {"PK": {"S": "c"}, "SK": {"S": "d"}}
    writes = {"T": [{"PutRequest": {"Item": {**KEY, "title": {}}}}, {"DeleteRequest": {"Key": other}}], "U": []}
    accesses = dynamodb_accesses("BatchWriteItem", {"RequestItems": writes}, ARN)
    assert [(access["resource"], access["attributes"]) for access in accesses] == [
        (ARN.format("T"), ["PK", "SK", "title"]),
        (ARN.format("U"), []),
    ]
    assert [access["leadingKeys"] for access in accesses] == [["a", "c"], []]
    reads = {"T": {"Keys": [KEY, other], "ProjectionExpression": "title"}}
    (access,) = dynamodb_accesses("BatchGetItem", {"RequestItems": reads}, ARN)
    assert access["attributes"] == ["PK", "SK", "title"]
    assert access["leadingKeys"] == ["a", "c"]
    assert access["select"] == "SPECIFIC_ATTRIBUTES"


DELETION = b"<Delete><Object><Key>a</Key></Object><Object><Key>b</Key><VersionId>1</VersionId></Object></Delete>"
TAGGING = b"<Tagging><TagSet><Tag><Key>Kind</Key><Value>x</Value></Tag></TagSet></Tagging>"
TAGGED = {"s3:requestobjecttag/kind": "x", "s3:requestobjecttagkeys": ["Kind"]}


@pytest.mark.parametrize(
    ("method", "path", "query", "more", "expected"),
    [
        ("PUT", "/b/k", {}, {}, [("PutObject", "b/k", {})]),
        (
            "PUT",
            "/b/k",
            {},
            {"headers": {"x-amz-tagging": "Kind=x"}},
            [("PutObject", "b/k", {}), ("PutObjectTagging", "b/k", TAGGED)],
        ),
        ("HEAD", "/b/t/k", {"versionId": ["1"]}, {}, [("GetObjectVersion", "b/t/k", {})]),
        ("GET", "/b", {"versions": [""], "prefix": ["t/"]}, {}, [("ListBucketVersions", "b", {"s3:prefix": "t/"})]),
        ("PUT", "/b/k", {"tagging": [""]}, {"body": TAGGING}, [("PutObjectTagging", "b/k", TAGGED)]),
        ("PUT", "/b/k", {"tagging": [""]}, {"body": b"<"}, [("PutObjectTagging", "b/k", {})]),
        (
            "POST",
            "/b",
            {"delete": [""]},
            {"body": DELETION},
            [("DeleteObject", "b/a", {}), ("DeleteObjectVersion", "b/b", {})],
        ),
        (
            "PUT",
            "/b/k",
            {},
            {"headers": {"x-amz-copy-source": "c/s?versionId=1"}},
            [("PutObject", "b/k", {}), ("GetObjectVersion", "c/s", {})],
        ),
    ],
)
def test_calls_of_s3(
    method: str, path: str, query: dict[str, list[str]], more: dict[str, Any], expected: list[tuple[str, str, object]]
) -> None:
    calls = ObjectCalls(cast("Any", SimpleNamespace(iam_actions=iam_actions, s3=s3)))
    accesses = calls.accesses(method, path, more.get("headers", {}), more.get("body", b""), query)
    assert accesses == [
        {"action": f"s3:{action}", "resource": f"arn:aws:s3:::{resource}", "conditions": conditions}
        for action, resource, conditions in expected
    ]
