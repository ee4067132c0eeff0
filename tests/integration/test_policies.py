"""The roles in the template against the AWS calls that the functions and the state machine really make.

The local AWS does not look at policies, AWS does. So the calls are recorded while the operations run, in the terms in
which IAM sees them, and held against the policies as deployed: nothing missing, nothing to spare.
"""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from tests.callers import TICKET, Tenant
from tests.stack import Stack

type Policies = dict[str, list[dict[str, Any]]]

MACHINE = "TicketLifecycle"
READERS = {"GetTicketFunction", "ListTicketsFunction", "ListTicketHistoryFunction"}
TICKET_FUNCTIONS = READERS | {
    "CreateTicketFunction",
    "ReplaceTicketFunction",
    "UpdateTicketFunction",
    "DeleteTicketFunction",
    "RestoreTicketFunction",
    "TransitionTicketFunction",
}
FUNCTIONS = TICKET_FUNCTIONS | {"AuthorizeFunction", "PreflightFunction"}
OWN_LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
# AWS has no resource to name for these (docs/decisions/0006-roles-by-hand.md).
UNSCOPABLE = {
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}
SOMEBODY = "22222222-2222-4222-8222-222222222222"
SOMEBODY_ELSE = "33333333-3333-4333-8333-333333333333"


@dataclass(frozen=True)
class Access:
    """One thing that a principal did, as IAM sees it."""

    principal: str
    action: str
    resource: str
    attributes: frozenset[str] = frozenset()
    enclosing: str | None = None
    leading: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def accesses(stack: Stack, acme: Tenant) -> set[Access]:
    """Do everything that the operations can do, then read what was recorded of it and of all tests before."""
    _do_everything(acme)
    lines = [json.loads(line) for line in stack.calls.read_text().splitlines()]
    return {
        Access(
            line["principal"],
            access["action"],
            access["resource"],
            frozenset(access.get("attributes", ())),
            access.get("enclosingOperation"),
            frozenset(access.get("leadingKeys", ())),
        )
        for line in lines
        for access in line["accesses"]
    }


def _do_everything(acme: Tenant) -> None:
    admin = acme.admin
    body = TICKET | {"tags": ["a"], "assignedToId": SOMEBODY, "reporterId": SOMEBODY}
    created = admin.post("/v1/tickets", json=body, headers={"Idempotency-Key": "policies"}).json()
    url = f"/v1/tickets/{created['id']}"
    everything = {
        "title": "T",
        "description": "D",
        "priority": "LOW",
        "type": "QUESTION",
        "reporterId": SOMEBODY_ELSE,
        "assignedToId": None,
        "tags": ["b"],
        "resolution": "R",
    }
    assert admin.patch(url, json=everything).status_code == 200
    replacement = {**everything, "title": "T2", "description": "D2", "priority": "HIGH", "type": "INCIDENT", "tags": []}
    replacement |= {"reporterId": SOMEBODY, "assignedToId": SOMEBODY, "resolution": None}
    assert admin.put(url, json=replacement | {"status": "NEW"}).status_code == 200
    assert admin.patch(url, json={**everything, "status": "OPEN"}).status_code == 200
    assert admin.put(url, json=replacement | {"status": "IN_PROGRESS"}).status_code == 200
    moves = [
        {"to": "RESOLVED", "resolution": "R", "comment": "C"},
        {"to": "OPEN"},
        {"to": "CLOSED"},
        {"to": "OPEN"},
    ]
    for move in moves:
        assert admin.post(f"{url}/transitions", json=move).status_code == 200
    assert admin.delete(url).status_code == 204
    assert admin.post(f"{url}/restore").status_code == 200
    for query in ({}, {"status": "OPEN"}, {"assignedToId": "me"}, {"reporterId": "me"}):
        assert admin.get("/v1/tickets", params=query).status_code == 200
    assert admin.get(url).status_code == 200
    assert admin.get(f"{url}/history").status_code == 200


@pytest.fixture(scope="module")
def policies(stack: Stack) -> Policies:
    """The statements of each principal's role, as deployed: names and ARNs are real."""
    cloudformation = stack.client("cloudformation")
    resources = cloudformation.describe_stack_resources(StackName="ticket-system-local")["StackResources"]
    ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    lambdas, machines, iam = stack.client("lambda"), stack.client("stepfunctions"), stack.client("iam")
    roles = {name: lambdas.get_function_configuration(FunctionName=ids[name])["Role"] for name in FUNCTIONS} | {
        MACHINE: machines.describe_state_machine(stateMachineArn=ids[MACHINE])["roleArn"]
    }

    def statements(role: str) -> list[dict[str, Any]]:
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        documents = [
            iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]
        return [statement for document in documents for statement in document["Statement"]]

    return {name: statements(arn.rpartition("/")[2]) for name, arn in roles.items()}


def _is_allowed(access: Access, policies: Policies) -> bool:
    context: dict[str, Any] = {}  # by keys in lower case, as the evaluator looks them up
    if access.attributes:
        context["dynamodb:attributes"] = sorted(access.attributes)
    if access.enclosing:
        context["dynamodb:enclosingoperation"] = [access.enclosing]
    if access.leading:
        context["dynamodb:leadingkeys"] = sorted(access.leading)
    request = EvalContext(
        principal_arn=f"arn:aws:sts::000000000000:assumed-role/{access.principal}/x",
        principal_type="AssumedRole",
        principal_account="000000000000",
        action=access.action,
        resource_arn=access.resource,
        region="us-east-1",
        service_context=context,
    )
    document = {"Version": "2012-10-17", "Statement": policies[access.principal]}
    return bool(evaluate(request, [parse_policy_document(document)]).decision == "Allow")


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_every_function_was_seen(accesses: set[Access]) -> None:
    assert {access.principal for access in accesses} == TICKET_FUNCTIONS | {MACHINE}


def test_nothing_is_missing(accesses: set[Access], policies: Policies) -> None:
    refused = [access for access in accesses if not _is_allowed(access, policies)]
    assert refused == []


def test_nothing_is_to_spare(accesses: set[Access], policies: Policies) -> None:
    spare = []
    for principal, statements in policies.items():
        mine = [access for access in accesses if access.principal == principal]
        for statement in statements:
            actions = set(_listed(statement["Action"]))
            if actions in (OWN_LOGS, UNSCOPABLE):
                continue
            for action in actions:
                used = [access for access in mine if access.action == action]
                spare += [
                    (principal, action, resource)
                    for resource in _listed(statement["Resource"])
                    if resource not in {access.resource for access in used}
                ]
                named = set().union(*(access.attributes for access in used))
                allowed = statement.get("Condition", {}).get("ForAllValues:StringEquals", {})
                spare += [
                    (principal, action, attribute)
                    for attribute in allowed.get("dynamodb:Attributes", ())
                    if attribute not in named
                ]
    assert spare == []


def test_each_function_writes_only_its_own_log(policies: Policies) -> None:
    logs = [
        statement["Resource"]
        for name in FUNCTIONS
        for statement in policies[name]
        if set(_listed(statement["Action"])) == OWN_LOGS
    ]
    assert len(logs) == len(FUNCTIONS)
    assert len(set(logs)) == len(FUNCTIONS)
    assert not [resource for resource in logs if resource.endswith("log-group:*")]


def test_no_resource_is_a_star_where_aws_can_scope(policies: Policies) -> None:
    starred = {
        action
        for statements in policies.values()
        for statement in statements
        if "*" in _listed(statement["Resource"])
        for action in _listed(statement["Action"])
    }
    assert starred == UNSCOPABLE
    assert not [s for statements in policies.values() for s in statements if "*" in str(s["Action"])]


def test_only_create_and_the_state_machine_may_write_the_status(stack: Stack, policies: Policies) -> None:
    table = f"arn:aws:dynamodb:us-east-1:000000000000:table/{stack.outputs['TicketsTableName']}"
    ticket = frozenset({"TENANT#t#TICKET#x"})

    def may(principal: str, action: str, attribute: str) -> bool:
        names = frozenset({"PK", "SK", "version", attribute})
        return _is_allowed(Access(principal, action, table, names, "TransactWriteItems", ticket), policies)

    for attribute in ("status", "statusKey"):
        assert {p for p in policies if may(p, "dynamodb:UpdateItem", attribute)} == {MACHINE}
        assert {p for p in policies if may(p, "dynamodb:PutItem", attribute)} == {MACHINE, "CreateTicketFunction"}


def test_readers_can_not_write(stack: Stack, policies: Policies) -> None:
    table = f"arn:aws:dynamodb:us-east-1:000000000000:table/{stack.outputs['TicketsTableName']}"
    for principal in READERS | {"TransitionTicketFunction", "AuthorizeFunction", "PreflightFunction"}:
        for action in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"):
            for enclosing in ("TransactWriteItems", None):
                access = Access(principal, f"dynamodb:{action}", table, frozenset({"PK"}), enclosing)
                assert not _is_allowed(access, policies)


def test_tickets_are_written_in_transactions_only(stack: Stack, policies: Policies) -> None:
    """A write outside of a transaction would be one without its event."""
    table = f"arn:aws:dynamodb:us-east-1:000000000000:table/{stack.outputs['TicketsTableName']}"
    key = frozenset({"TENANT#t#TICKET#x"})
    for principal in policies:
        for action in ("PutItem", "UpdateItem"):
            access = Access(principal, f"dynamodb:{action}", table, frozenset({"PK", "SK", "version"}), None, key)
            assert not _is_allowed(access, policies)
