"""An admin who was dismissed, in the minute for which API Gateway keeps the authorizer's answer."""

from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.conftest import Items
from tests.unit.support import ADMIN, ROOT, TICKET_ID, api_event, put_user, send
from ticketing.access.permissions import RECHECKED, Operation
from ticketing.access.roles import Role

_HANDLERS = {file.stem: file.parent.name for file in ROOT.glob("functions/*/*.py")}


def handler_of(operation: Operation) -> Any:
    name = "".join(f"_{each.lower()}" if each.isupper() else each for each in operation)
    return import_module(f"functions.{_HANDLERS[name]}.{name}").handler


@pytest.mark.parametrize("operation", sorted(RECHECKED))
@pytest.mark.parametrize(
    "now",
    [
        pytest.param({"active": False}, id="deactivated"),
        pytest.param({"user": replace(ADMIN, role=Role.AGENT)}, id="demoted"),
    ],
)
def test_a_dismissed_admin_gets_nothing_more_done(
    dynamodb: DynamoDBClient, items: Items, user_items: Items, operation: Operation, now: dict[str, Any]
) -> None:
    """Refused before the path, the query and the body are looked at, and nothing is written."""
    put_user(dynamodb, **{"user": ADMIN} | now)
    before = items() + user_items()
    event = api_event("POST", f"/v1/things/{TICKET_ID}?no=such", caller=ADMIN, body="{")
    assert send(handler_of(operation), event).error == (403, "forbidden")
    assert items() + user_items() == before


def test_one_read_of_the_row_is_all_that_it_takes(dynamodb: DynamoDBClient) -> None:
    put_user(dynamodb, ADMIN, active=False)
    asked: list[str] = []
    dynamodb.meta.events.register("before-call.dynamodb", lambda model, **_: asked.append(model.name))
    send(handler_of(Operation.DELETE_TICKET), api_event("DELETE", f"/v1/tickets/{TICKET_ID}", caller=ADMIN))
    assert asked == ["GetItem"]
