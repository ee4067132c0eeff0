"""What people without a tenant may ask for a day: each of them counts alone."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.conftest import Clock
from tests.unit.support import AGENT_ID, NEWCOMER, NOTIFICATIONS_TABLE, Answer, api_event, send
from ticketing.access.identity import Caller
from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.people.newcomers import REQUESTS_PER_DAY, newcomers

ANOTHER = replace(NEWCOMER, user_id=AGENT_ID)

pytestmark = pytest.mark.usefixtures("dynamodb", "time")


@endpoint(Operation.CREATE_TENANT)
def handler(request: Request) -> Response:
    return Response(200, request.grant.only_own)


def ask(caller: Caller = NEWCOMER) -> Answer:
    return send(handler, api_event("POST", "/v1/tenant", caller=caller))


def test_twenty_a_day_for_each() -> None:
    assert REQUESTS_PER_DAY == 20
    assert {ask().status for _ in range(REQUESTS_PER_DAY)} == {200}
    refused = ask()
    assert refused.error == (429, "too_many_requests")
    assert refused.headers["Retry-After"] == "3600"
    assert ask(ANOTHER).status == 200
    assert not newcomers().has_requests_left(NEWCOMER.user_id)
    assert newcomers().has_requests_left(ANOTHER.user_id)


def test_they_count_anew_at_midnight(time: Clock) -> None:
    time.set(datetime.fromisoformat("2026-02-02T23:59:59.999Z"))
    for _ in range(REQUESTS_PER_DAY + 1):
        last = ask()
    assert last.status == 429
    time.forward(milliseconds=1)
    assert newcomers().has_requests_left(NEWCOMER.user_id)
    assert ask().status == 200


def test_what_the_role_has_not_is_not_counted(dynamodb: DynamoDBClient) -> None:
    answer = send(
        endpoint(Operation.GET_ME)(lambda _: Response(200)), api_event("GET", "/v1/users/me", caller=NEWCOMER)
    )
    assert answer.error == (403, "forbidden")
    assert dynamodb.scan(TableName=NOTIFICATIONS_TABLE)["Count"] == 0


def test_a_counter_holds_a_number_and_goes_by_itself(dynamodb: DynamoDBClient, time: Clock) -> None:
    for _ in range(2):
        ask()
    (item,) = dynamodb.scan(TableName=NOTIFICATIONS_TABLE)["Items"]
    assert item == {
        "PK": {"S": f"NEWCOMER#{NEWCOMER.user_id}"},
        "SK": {"S": "DAY#2026-02-02"},
        "requests": {"N": "2"},
        "expiresAt": {"N": str(int((time.now + timedelta(days=2)).timestamp()))},
    }
