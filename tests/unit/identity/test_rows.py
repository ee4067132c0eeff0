"""The authorizer and people's rows: the token says who, the row says what they are at this moment."""

import time
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.identity.support import API, USER, Rows, authorized, effect, refused, token
from ticketing.access.roles import Role
from ticketing.people.newcomers import REQUESTS_PER_DAY, newcomers
from ticketing.users.states import Kind


@pytest.mark.parametrize("values", [{"tenant": None}, {"tenant": ""}, {"tenant": None, "groups": None}], ids=str)
def test_who_has_no_tenant_may_found_one_and_read_receipts(values: dict[str, Any]) -> None:
    assert authorized(f"Bearer {token(**values)}") == {
        "principalId": USER,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": [
                        f"{API}/api/{method}"
                        for method in (
                            *("POST/v1/tenant", "GET/v1/tenant-deletions/*"),
                            *("GET/v1/users/me/invitations", "POST/v1/users/me/invitations/*"),
                        )
                    ],
                }
            ],
        },
        "context": {"userId": USER, "role": "newcomer", "kind": "PERSON"},
        "usageIdentifierKey": "requests-of-newcomers-of-test",
    }


def test_a_newcomer_whose_requests_of_the_day_are_used_up_is_denied_everywhere(rows: Rows) -> None:
    """So API Gateway refuses the rest by itself: they use up nothing that other newcomers need."""
    header = f"Bearer {token(tenant=None)}"
    for _ in range(REQUESTS_PER_DAY):
        assert effect(authorized(header)) == "Allow"
        newcomers().count_request(USER)
    rows.asked.clear()
    assert authorized(header) == {
        "principalId": USER,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": [f"{API}/api/*"]}],
        },
        "context": {},
    }
    assert rows.asked == ["GetItem"]


def test_one_read_a_call_and_nothing_is_kept(rows: Rows) -> None:
    header = f"Bearer {token()}"
    for _ in range(2):
        authorized(header)
    assert rows.asked == ["GetItem"] * 2
    rows.put(active=False)
    assert refused(header)


@pytest.mark.parametrize("role", [Role.REPORTER, Role.AGENT, Role.ADMIN])
@pytest.mark.parametrize("groups", [None, ["admin"], ["reporter"]], ids=str)
def test_the_role_is_the_rows_whatever_the_token_says(rows: Rows, role: Role, groups: list[str] | None) -> None:
    rows.put(role=role)
    assert authorized(f"Bearer {token(groups=groups)}")["context"]["role"] == role


def test_a_user_without_a_row(rows: Rows) -> None:
    rows.delete()
    assert refused(f"Bearer {token()}")


def test_a_user_who_is_deactivated(rows: Rows) -> None:
    rows.put(active=False)
    assert refused(f"Bearer {token()}")


def test_an_invited_user_who_has_not_accepted(rows: Rows) -> None:
    rows.put(invited_until="2999-01-01T00:00:00.000Z")
    assert refused(f"Bearer {token()}")


def test_an_api_keys_row_is_no_persons(rows: Rows) -> None:
    rows.put(kind=Kind.API_KEY)
    assert refused(f"Bearer {token()}")


@pytest.mark.parametrize("claimed", ["globex", "acm", "ACME", "acme#1", "a*", "ä", "x" * 65])
def test_a_token_of_another_tenant_than_the_rows(claimed: str) -> None:
    assert refused(f"Bearer {token(tenant=claimed)}")


@pytest.mark.parametrize(("later", "counts"), [(-60, False), (-1, False), (0, True), (1, True), (60, True)], ids=str)
def test_from_when_tokens_count(rows: Rows, later: int, *, counts: bool) -> None:
    """A token of the marked second counts. Whatever ends tokens marks the next second, as tokens carry whole ones."""
    mark = int(time.time()) - 120
    rows.put(tokens_valid_from=mark)
    header = f"Bearer {token(iat=mark + later)}"
    assert effect(authorized(header)) == "Allow" if counts else refused(header)


def test_without_a_mark_no_token_counts(rows: Rows) -> None:
    rows.put(tokens_valid_from=None)
    assert refused(f"Bearer {token()}")


@pytest.mark.parametrize(
    "code", ["ProvisionedThroughputExceededException", "InternalServerError", "AccessDeniedException"]
)
def test_trouble_with_the_table_is_not_the_callers_fault_and_lets_nobody_in(
    dynamodb: DynamoDBClient, code: str
) -> None:
    with Stubber(dynamodb) as stubber:
        stubber.add_client_error("get_item", code)
        with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is, API Gateway must not take it for a 401
            authorized(f"Bearer {token()}")
        assert str(raised.value) != "Unauthorized"
    assert effect(authorized(f"Bearer {token()}")) == "Allow"


def test_a_table_that_is_out_of_reach(dynamodb: DynamoDBClient) -> None:
    def fail(**_: Any) -> None:
        raise ConnectTimeoutError(endpoint_url="https://dynamodb")

    dynamodb.meta.events.register("before-call.dynamodb.GetItem", fail)
    with pytest.raises(ConnectTimeoutError):
        authorized(f"Bearer {token()}")
