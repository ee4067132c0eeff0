"""The roles in the template against the AWS calls that the functions and the state machines really make.

The local AWS does not look at policies, AWS does. So the calls are recorded while everything is done, in the terms in
which IAM sees them, and held against the policies as deployed: nothing missing, nothing to spare.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from local.settings import STACK_NAME
from tests.harness.people import Accounts, OwnTenant
from tests.harness.receiver import Receiver
from tests.harness.stack import Stack
from tests.integration.everything import Everything

type Policies = dict[str, list[dict[str, Any]]]

LIFECYCLE = "TicketLifecycle"
TICKET_READERS = {
    "GetCommentFunction",
    "GetTicketFunction",
    "ListCommentsFunction",
    "ListTicketHistoryFunction",
    "ListTicketsFunction",
    "ListReportTicketsFunction",
    "SearchTicketsFunction",
}
FILE_READERS = {"GetAttachmentContentFunction", "GetAttachmentFunction", "ListAttachmentsFunction"}
WEBHOOK_READERS = {"GetDeliveryFunction", "GetWebhookFunction", "ListDeliveriesFunction", "ListWebhooksFunction"}
CALENDAR_READERS = {"GetCalendarFunction", "ListCalendarsFunction"}
VIEW_READERS = {"GetViewFunction", "ListViewsFunction"}
USER_READERS = {
    "GetApiKeyFunction",
    "GetMeFunction",
    "GetTenantFunction",
    "GetUserFunction",
    "ListApiKeysFunction",
    "ListUsersFunction",
}
WITHOUT_CALLS = {"PreflightFunction", "ShowUnsubscribeFunction"}
# Policies for one thing that each function does a part of: an admin's change, following a file, a look into an index.
USED_TOGETHER = {"FollowAttachmentsPolicy", "ReadIndexPolicy", "WriteAuditEventPolicy"}
OWN_LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
# AWS has no resource to name for these (docs/decisions/0006-roles-by-hand.md).
LOG_DELIVERY = {
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}
UNSCOPABLE = LOG_DELIVERY | {"dynamodb:ListStreams", "guardduty:SendObjectMalwareScan"}
# What Lambda does in the name of the role: reading the stream, and putting aside what failed.
BY_LAMBDA = {
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
}
# What is needed when two requests about the same thing meet at a certain moment, or when telling an event fails: who,
# what, on which keys.
IN_RACES = {
    ("AcceptInvitationFunction", "dynamodb:UpdateItem", "TENANT#*#USER#*"),
    ("DeactivateUserFunction", "cognito-idp:AdminEnableUser"),
    ("DeleteTenantFunction", "dynamodb:UpdateItem", "TENANT#*#DELETION"),
    ("DispatchWebhooksFunction", "dynamodb:DeleteItem", "TENANT#*#ONCE"),
    ("DispatchWebhooksFunction", "dynamodb:GetItem", "TENANT#*#WEBHOOK#*"),
    ("MailEventsFunction", "dynamodb:DeleteItem", "TENANT#*#ONCE"),
    ("PushEventFunction", "dynamodb:DeleteItem", "TENANT#*#ONCE"),
    ("PushEventFunction", "dynamodb:UpdateItem", "TENANT#*#FEED"),
}


@dataclass(frozen=True)
class Access:
    """One thing that a principal did, as IAM sees it."""

    principal: str
    action: str
    resource: str
    attributes: frozenset[str] = frozenset()
    enclosing: str | None = None
    leading: frozenset[str] = frozenset()
    select: str | None = None
    source: str | None = None
    sender: str | None = None
    conditions: frozenset[tuple[str, str | tuple[str, ...]]] = frozenset()
    """Condition keys of S3 and their values."""


@pytest.fixture(scope="module")
def accesses(
    stack: Stack, receiver: Receiver, accounts: Accounts, found_tenant: Callable[[], OwnTenant]
) -> set[Access]:
    """Do everything that the system can do, then read what was recorded of it and of all tests before."""
    Everything(stack, accounts, found_tenant(), receiver).do()
    lines = [json.loads(line) for line in stack.calls.read_text().splitlines()]
    return {
        Access(
            line["principal"],
            access["action"],
            access["resource"],
            frozenset(access.get("attributes", ())),
            access.get("enclosingOperation"),
            frozenset(access.get("leadingKeys", ())),
            access.get("select"),
            access.get("source"),
            access.get("sender"),
            frozenset(
                (key, tuple(value) if isinstance(value, list) else value)
                for key, value in access.get("conditions", {}).items()
            ),
        )
        for line in lines
        for access in line["accesses"]
    }


@pytest.fixture(scope="module")
def roles(stack: Stack) -> dict[str, str]:
    """The name of each function's and state machine's role."""
    resources = stack.client("cloudformation").describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    ids = {
        kind: {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources if r["ResourceType"] == kind}
        for kind in ("AWS::Lambda::Function", "AWS::StepFunctions::StateMachine")
    }
    lambdas, machines = stack.client("lambda"), stack.client("stepfunctions")
    arns = {
        name: lambdas.get_function_configuration(FunctionName=physical_id)["Role"]
        for name, physical_id in ids["AWS::Lambda::Function"].items()
    } | {
        name: machines.describe_state_machine(stateMachineArn=physical_id)["roleArn"]
        for name, physical_id in ids["AWS::StepFunctions::StateMachine"].items()
    }
    return {name: arn.rpartition("/")[2] for name, arn in arns.items()}


@pytest.fixture(scope="module")
def policies(stack: Stack, roles: dict[str, str]) -> Policies:
    """The statements of each principal's role, as deployed: names and ARNs are real."""
    iam = stack.client("iam")
    managed: dict[str, dict[str, Any]] = {}

    def statements(role: str) -> list[dict[str, Any]]:
        documents = [
            iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]
        for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            arn = policy["PolicyArn"]
            if arn not in managed:
                version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
                managed[arn] = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
            # Who need not use all of a policy alone has the very same statements as the others.
            together = any(name in policy["PolicyName"] for name in USED_TOGETHER)
            documents.append(managed[arn] if together else copy.deepcopy(managed[arn]))
        return [statement for document in documents for statement in document["Statement"]]

    return {name: statements(role) for name, role in roles.items()}


def _is_allowed(access: Access, policies: Policies) -> bool:
    context: dict[str, Any] = {  # by keys in lower case, as the evaluator looks them up
        "dynamodb:attributes": sorted(access.attributes),
        "dynamodb:enclosingoperation": access.enclosing,
        "dynamodb:leadingkeys": sorted(access.leading),
        "dynamodb:select": access.select,
        "events:source": access.source,
        "ses:fromaddress": access.sender,
        **{key: list(value) if isinstance(value, tuple) else value for key, value in access.conditions},
    }
    request = EvalContext(
        principal_arn=f"arn:aws:sts::000000000000:assumed-role/{access.principal}/x",
        principal_type="AssumedRole",
        principal_account="000000000000",
        action=access.action,
        resource_arn=access.resource,
        region="us-east-1",
        service_context={key: value for key, value in context.items() if value},
    )
    document = {"Version": "2012-10-17", "Statement": policies[access.principal]}
    return bool(evaluate(request, [parse_policy_document(document)]).decision == "Allow")


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _conditions(statement: dict[str, Any], operator: str, key: str) -> list[str]:
    return _listed(statement.get("Condition", {}).get(operator, {}).get(key, []))


def _spare(principal: str, statement: dict[str, Any], action: str, mine: list[Access]) -> set[tuple[str, ...]]:
    """Return what a statement allows of an action that nothing has used."""
    patterns = _conditions(statement, "ForAllValues:StringLike", "dynamodb:LeadingKeys")
    if (principal, action, *patterns) in IN_RACES:
        return set()
    resources = _listed(statement["Resource"])
    used = [
        access
        for access in mine
        if access.action == action
        and any(fnmatchcase(access.resource, resource) for resource in resources)
        and all(any(fnmatchcase(key, pattern) for pattern in patterns or ["*"]) for key in access.leading)
    ]
    spare: set[tuple[str, ...]] = {
        (principal, action, resource)
        for resource in resources
        if not any(fnmatchcase(access.resource, resource) for access in used)
    }
    keys = {key for access in used for key in access.leading}
    spare |= {(principal, action, each) for each in patterns if not any(fnmatchcase(key, each) for key in keys)}
    named = set().union(*(access.attributes for access in used))
    attributes = _conditions(statement, "ForAllValues:StringEquals", "dynamodb:Attributes")
    if used:
        spare |= {(principal, action, attribute) for attribute in attributes if attribute not in named}
    return spare


@pytest.mark.long
def test_everybody_was_seen(accesses: set[Access], policies: Policies) -> None:
    assert {access.principal for access in accesses} == policies.keys() - WITHOUT_CALLS


@pytest.mark.long
def test_nothing_is_missing(accesses: set[Access], policies: Policies) -> None:
    refused = [access for access in accesses if not _is_allowed(access, policies)]
    assert not refused, "\n".join(map(str, refused))


@pytest.mark.long
def test_nothing_is_to_spare(accesses: set[Access], policies: Policies) -> None:
    spare = set[tuple[str, ...]]()
    for principal, statements in policies.items():
        for statement in statements:
            actions = set(_listed(statement["Action"]))
            if actions in (OWN_LOGS, LOG_DELIVERY):
                continue
            sharing = {name for name, theirs in policies.items() if any(each is statement for each in theirs)}
            used = [access for access in accesses if access.principal in sharing]
            for action in actions - BY_LAMBDA:
                spare |= _spare(principal, statement, action, used)
    assert not spare, "\n".join(map(str, sorted(spare)))


def test_each_function_writes_only_its_services_log(stack: Stack, policies: Policies) -> None:
    resources = stack.client("cloudformation").describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    lambdas = stack.client("lambda")
    for resource in resources:
        if resource["ResourceType"] == "AWS::Lambda::Function":
            (log,) = (
                statement["Resource"]
                for statement in policies[resource["LogicalResourceId"]]
                if "logs:PutLogEvents" in _listed(statement["Action"])
            )
            function = lambdas.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
            group = function["LoggingConfig"]["LogGroup"]
            assert log == f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"


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


def _table(stack: Stack, name: str) -> str:
    return f"arn:aws:dynamodb:us-east-1:000000000000:table/{stack.outputs[f'{name}TableName']}"


def test_only_create_and_the_state_machine_may_write_the_status(stack: Stack, policies: Policies) -> None:
    table = _table(stack, "Tickets")
    ticket = frozenset({"TENANT#t#TICKET#x"})

    def may(principal: str, action: str, attribute: str) -> bool:
        names = frozenset({"PK", "SK", "version", attribute})
        return _is_allowed(Access(principal, action, table, names, "TransactWriteItems", ticket), policies)

    for attribute in ("status", "statusKey"):
        assert {p for p in policies if may(p, "dynamodb:UpdateItem", attribute)} == {LIFECYCLE}
        assert {p for p in policies if may(p, "dynamodb:PutItem", attribute)} == {LIFECYCLE, "CreateTicketFunction"}


@pytest.mark.parametrize(
    ("attribute", "writers"),
    [
        ("role", {"InviteUserFunction", "ReconcileUsersFunction", "UpdateUserFunction"}),
        (
            "active",
            {
                "AcceptInvitationFunction",
                "DeactivateUserFunction",
                "InviteUserFunction",
                "ReconcileUsersFunction",
                "RevokeApiKeyFunction",
                "UpdateUserFunction",
            },
        ),
        ("kind", {"RevokeApiKeyFunction"}),  # as a condition, which IAM does not tell apart
        ("keyHash", set[str]()),
    ],
)
def test_nobody_else_may_change_who_somebody_is(
    stack: Stack, policies: Policies, attribute: str, writers: set[str]
) -> None:
    table, user = _table(stack, "Users"), frozenset({"TENANT#t#USER#x"})
    names = frozenset({"PK", "SK", "version", "updatedAt", attribute})

    def may(principal: str) -> bool:
        accesses = (
            Access(principal, "dynamodb:UpdateItem", table, names, enclosing, user)
            for enclosing in ("TransactWriteItems", None)
        )
        return any(_is_allowed(access, policies) for access in accesses)

    assert {principal for principal in policies if may(principal)} == writers


def test_readers_can_not_write(stack: Stack, policies: Policies) -> None:
    readers = CALENDAR_READERS | FILE_READERS | TICKET_READERS | USER_READERS | VIEW_READERS | WEBHOOK_READERS
    readers |= {
        "GetReportFunction",
        "GetWatchingFunction",
        "SuggestSearchFunction",
        "TransitionTicketFunction",
        "PreflightFunction",
    }
    for principal in readers:
        for action in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"):
            for enclosing in ("TransactWriteItems", None):
                for table in (_table(stack, name) for name in ("Notifications", "Tickets", "Users")):
                    access = Access(principal, f"dynamodb:{action}", table, frozenset({"PK"}), enclosing)
                    assert not _is_allowed(access, policies)


def test_the_functions_of_tickets_see_of_people_what_tickets_show(stack: Stack, policies: Policies) -> None:
    user = frozenset({"TENANT#t#USER#x"})
    shown = frozenset({"PK", "SK", "id", "name", "active"})
    for principal in TICKET_READERS:
        for names, select, expected in (
            (shown, "SPECIFIC_ATTRIBUTES", True),
            (shown | {"email"}, "SPECIFIC_ATTRIBUTES", False),
            (shown | {"keyHash"}, "SPECIFIC_ATTRIBUTES", False),
            (frozenset({"PK", "SK"}), "ALL_ATTRIBUTES", False),
        ):
            access = Access(principal, "dynamodb:BatchGetItem", _table(stack, "Users"), names, None, user, select)
            assert _is_allowed(access, policies) is expected


def test_only_who_signs_and_who_replaces_them_may_read_secrets(stack: Stack, policies: Policies) -> None:
    table, webhooks = _table(stack, "Notifications"), frozenset({"TENANT#t#WEBHOOKS"})

    def may(principal: str) -> bool:
        accesses = (
            Access(principal, f"dynamodb:{action}", table, names, None, webhooks, select)
            for action in ("GetItem", "Query", "BatchGetItem")
            for names, select in (
                (frozenset({"PK", "SK", "secrets"}), "SPECIFIC_ATTRIBUTES"),
                (frozenset({"PK", "SK"}), "ALL_ATTRIBUTES"),
            )
        )
        return any(_is_allowed(access, policies) for access in accesses)

    assert {principal for principal in policies if may(principal)} == {"DeliverWebhookFunction", "RotateSecretFunction"}


def test_tickets_are_written_in_transactions_only(stack: Stack, policies: Policies) -> None:
    """A write outside of a transaction would be one without its event."""
    key = frozenset({"TENANT#t#TICKET#x"})
    names = frozenset({"PK", "SK", "version"})
    for principal in policies:
        for action in ("PutItem", "UpdateItem"):
            access = Access(principal, f"dynamodb:{action}", _table(stack, "Tickets"), names, None, key)
            assert not _is_allowed(access, policies)
