"""A table restored into a new one takes the place of the stack's (docs/restoring.md), and gives it back."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from local.settings import STACK_NAME
from local.stack.seed import TENANTS
from tests.harness.people import TICKET, signed_in
from tests.harness.stack import Stack


def deploy(running: Stack, **parameters: str) -> None:
    """Deploy the same template again, with these parameters."""
    cloudformation = running.client("cloudformation")

    def stack() -> dict[str, Any]:
        (found,) = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
        described: dict[str, Any] = found
        return described

    kept = [each["ParameterKey"] for each in stack()["Parameters"] if each["ParameterKey"] not in parameters]
    cloudformation.update_stack(
        StackName=STACK_NAME,
        UsePreviousTemplate=True,
        Parameters=[
            *({"ParameterKey": name, "UsePreviousValue": True} for name in kept),
            *({"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()),
        ],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    deadline = time.monotonic() + 60
    while stack()["StackStatus"] != "UPDATE_COMPLETE":
        assert time.monotonic() < deadline, stack()
        time.sleep(0.2)


@pytest.mark.long
def test_a_restored_table_takes_the_place_of_the_stacks(start: Callable[..., Stack]) -> None:
    running = start()
    own = running.outputs["TicketsTableName"]
    new = f"{STACK_NAME}-TicketsTable-restored"
    dynamodb = running.client("dynamodb")
    with signed_in(running, "agent@acme.example") as agent:
        before = agent.post("/v1/tickets", json=TICKET).json()
        dynamodb.restore_table_to_point_in_time(SourceTableName=own, TargetTableName=new, UseLatestRestorableTime=True)
        lost = agent.post("/v1/tickets", json=TICKET).json()
        dynamodb.update_table(
            TableName=new, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        )
        stream = dynamodb.describe_table(TableName=new)["Table"]["LatestStreamArn"]
        deploy(running, TicketsTableName=new, TicketsTableStreamArn=stream)
        assert agent.get(f"/v1/tickets/{before['id']}").json() == before
        assert agent.get(f"/v1/tickets/{lost['id']}").status_code == 404
        # Every writer writes there, the state machine included, and no role is left without its rights.
        moved = agent.post(f"/v1/tickets/{before['id']}/transitions", json={"to": "OPEN"})
        assert (moved.status_code, moved.json()["status"]) == (200, "OPEN")
        later = agent.post("/v1/tickets", json=TICKET).json()
        key = {"PK": {"S": f"TENANT#{TENANTS['acme']}#TICKET#{later['id']}"}, "SK": {"S": "TICKET"}}
        assert "Item" in dynamodb.get_item(TableName=new, Key=key)
        assert "Item" not in dynamodb.get_item(TableName=own, Key=key)
        (mapping,) = (
            each
            for each in running.client("lambda").list_event_source_mappings()["EventSourceMappings"]
            if "PublishEvents" in each["FunctionArn"]
        )
        assert mapping["EventSourceArn"] == stream
        # The way back.
        deploy(running, TicketsTableName="", TicketsTableStreamArn="")
        assert agent.get(f"/v1/tickets/{lost['id']}").json() == lost
