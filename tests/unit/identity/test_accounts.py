"""The authorizer and people's accounts: what Cognito knows of a user at this moment counts beside the token."""

import time
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from tests.unit.identity.support import API, POOL, USER, Accounts, authorized, effect, refused, token


@pytest.mark.parametrize("values", [{"tenant": None}, {"tenant": ""}, {"tenant": None, "groups": None}], ids=str)
def test_who_has_no_tenant_may_found_one_and_read_receipts(accounts: Accounts, values: dict[str, Any]) -> None:
    del accounts.attributes["custom:tenantId"]
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


def test_the_user_is_looked_up_in_the_pool_and_nowhere_else(accounts: Accounts) -> None:
    authorized(f"Bearer {token()}")
    assert accounts.asked == [{"UserPoolId": POOL, "Username": USER}]  # and the network is closed to all else


def test_a_user_who_is_gone(accounts: Accounts) -> None:
    accounts.failures = ["UserNotFoundException"]
    assert refused(f"Bearer {token()}")


def test_a_user_who_is_deactivated(accounts: Accounts) -> None:
    accounts.enabled = False
    assert refused(f"Bearer {token()}")


@pytest.mark.parametrize(
    ("claimed", "present"),
    [("acme", "globex"), ("acme", None), (None, "acme"), ("", "acme"), ("acme", "acm"), ("ACME", "acme")],
)
def test_a_user_who_has_changed_tenant(accounts: Accounts, claimed: str | None, present: str | None) -> None:
    accounts.attributes = {"sub": USER} | ({} if present is None else {"custom:tenantId": present})
    assert refused(f"Bearer {token(tenant=claimed)}")


@pytest.mark.parametrize(("age", "holds"), [(-60, True), (0, True), (1, False), (60, False)])
def test_a_token_from_before_the_user_was_changed(accounts: Accounts, age: int, holds: bool) -> None:  # noqa: FBT001
    now = int(time.time()) - 120
    accounts.attributes["custom:tokensValidFrom"] = str(now)
    header = f"Bearer {token(iat=now - age)}"
    assert effect(authorized(header)) == "Allow" if holds else refused(header)


@pytest.mark.parametrize(
    "failures",
    [
        pytest.param(["TooManyRequestsException"] * 2, id="throttled"),
        pytest.param(["InternalErrorException"] * 2, id="ill"),
        pytest.param([ConnectTimeoutError(endpoint_url="https://cognito")] * 2, id="unreachable"),
        pytest.param(["NotAuthorizedException"], id="not allowed to ask"),
        pytest.param(["ResourceNotFoundException"], id="no such pool"),
    ],
)
def test_cognitos_trouble_is_not_the_callers_fault_and_lets_nobody_in(
    accounts: Accounts, failures: list[Exception | str]
) -> None:
    accounts.failures = failures
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is, API Gateway must not take it for a 401
        authorized(f"Bearer {token()}")
    assert str(raised.value) != "Unauthorized"
    assert accounts.failures == []
    assert effect(authorized(f"Bearer {token()}")) == "Allow"


def test_cognito_throttling_once_is_not_noticed(accounts: Accounts) -> None:
    accounts.failures = ["TooManyRequestsException"]
    assert effect(authorized(f"Bearer {token()}")) == "Allow"
    assert len(accounts.asked) == 2
