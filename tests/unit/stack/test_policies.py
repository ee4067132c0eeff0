"""What the policies of template.yaml allow, for both values of AttributeConditions, and what the linter finds."""

import copy
from typing import Any

import pytest
import yaml
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from stack.policies.deployed import ACCOUNT, REGION, Policy, policies
from stack.policies.lint import EXPLAINED, Finding, linted, problems
from tests.unit.support import template

BOTH = pytest.mark.parametrize("conditions", ["ifPresent", "required"])
ATTRIBUTES = "dynamodb:Attributes"
TICKETS = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/TicketsTable"

BUCKET_POLICY = "AttachmentsBucketPolicy"

WRITES = {f"dynamodb:{action}" for action in ("ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem")}
"""What a transaction is made of."""

type Statement = dict[str, Any]


def allowed(statements: list[Statement], action: str, resource: str, keys: dict[str, Any], role: str = "role") -> bool:
    """Return whether statements allow an action; `keys` are the condition keys that the service hands over."""
    request = EvalContext(
        principal_arn=f"arn:aws:iam::{ACCOUNT}:role/{role}",  # what aws:PrincipalArn is in a session of the role
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=REGION,
        secure_transport=True,
        service_context={key.lower(): value for key, value in keys.items()},
    )
    document = {"Version": "2012-10-17", "Statement": statements}
    return bool(evaluate(request, [parse_policy_document(document)]).decision == "Allow")


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def condition(statement: Statement, key: str) -> list[str]:
    """Return the values that a statement lists for a key."""
    return [each for keys in statement.get("Condition", {}).values() for each in listed(keys.get(key, []))]


def fulfilled(statement: Statement) -> dict[str, Any]:
    """Return condition keys that a statement asks for, but for the attributes."""
    keys: dict[str, Any] = {}
    if leading := condition(statement, "dynamodb:LeadingKeys"):
        keys["dynamodb:LeadingKeys"] = [leading[0].replace("*", "x")]
    if "dynamodb:EnclosingOperation" in str(statement):
        keys["dynamodb:EnclosingOperation"] = "TransactWriteItems"
    if select := condition(statement, "dynamodb:Select"):
        keys["dynamodb:Select"] = select[0]
    return keys


def denials(deployed: list[Policy]) -> list[Statement]:
    """Return what the services' policies deny, which every function's role has one of."""
    return [
        each
        for policy in deployed
        for each in policy.statements
        if each["Effect"] == "Deny" and not policy.owner.endswith("BucketPolicy")
    ]


@BOTH
def test_a_call_may_name_the_attributes_that_its_role_lists_and_no_other(conditions: str) -> None:
    """Only the absence of the key is what the parameter changes: `required` denies writes then."""
    deployed, seen = policies(AttributeConditions=conditions), 0
    for policy in deployed:
        for statement in policy.statements if policy.owner != "SmokeRole" else ():
            if ATTRIBUTES in statement.get("Condition", {}).get("ForAllValues:StringEquals", {}):
                names, keys = condition(statement, ATTRIBUTES), fulfilled(statement)
                for action in listed(statement["Action"]):
                    outcomes = [
                        allowed([statement, *denials(deployed)], action, listed(statement["Resource"])[0], keys | named)
                        for named in ({ATTRIBUTES: names}, {ATTRIBUTES: [*names, "other"]}, {})
                    ]
                    assert outcomes == [True, False, conditions == "ifPresent" or action not in WRITES], policy.owner
                    seen += 1
    assert seen > 100


def test_what_all_functions_share_denies_what_is_required() -> None:
    assert not denials(policies())
    denying = [each for each in policies(AttributeConditions="required") if denials([each])]
    assert {each.owner for each in denying} == {"FunctionsPolicy"}


@pytest.mark.parametrize(
    ("conditions", "attributes"),
    [
        ("ifPresent", ["PK", "SK", "status", "version"]),
        ("required", ["PK", "SK", "status", "version"]),
        ("required", None),  # an AWS that does not hand over the key: nobody else writes at all
    ],
)
def test_only_the_state_machine_may_change_the_status(conditions: str, attributes: list[str] | None) -> None:
    keys: dict[str, Any] = {
        "dynamodb:EnclosingOperation": "TransactWriteItems",
        "dynamodb:LeadingKeys": ["TENANT#t#TICKET#x"],
    }
    if attributes:
        keys[ATTRIBUTES] = attributes
    deployed = policies(AttributeConditions=conditions)
    writers = set()
    for policy in deployed:
        denied = [] if policy.owner == "TicketLifecycle" else denials(deployed)
        if allowed([*policy.statements, *denied], "dynamodb:UpdateItem", TICKETS, keys):
            writers.add(policy.owner)
    assert writers == {"TicketLifecycle"}


def test_no_policy_depends_on_a_key_that_aws_may_leave_out() -> None:
    """`dynamodb:Select` where it is there; the source of every entry, as AWS prescribes it for several entries."""
    for policy in policies():
        for statement in policy.statements:
            conditions = statement.get("Condition", {})
            operators = {key: operator for operator, keys in conditions.items() for key in keys if operator != "Null"}
            assert operators.get("dynamodb:Select", "StringEqualsIfExists") == "StringEqualsIfExists", policy
            if statement["Action"] == "events:PutEvents":
                assert conditions == {
                    "ForAllValues:StringEquals": {"events:source": ["ticket-system.audit", "ticket-system.tickets"]},
                    "Null": {"events:source": "false"},
                }


# --- the bucket of attachments ----------------------------------------------------------------------------------------

READS = ("s3:GetObject", "s3:GetObjectVersion")
TAGS = tuple(f"s3:{action}Object{of}Tagging" for action in ("Delete", "Put") for of in ("", "Version"))
FILE = "arn:aws:s3:::AttachmentsBucket/tenant/ticket/file"
TAG = "s3:ExistingObjectTag/GuardDutyMalwareScanStatus"
SCANNER, RECEIVER, READER = "AttachmentScanRole", "ReceiveUploadRole", "GetAttachmentContentRole"
SWEEPER = "SweepAttachmentsRole"


def is_denied(scan: str, role: str, action: str, **keys: str) -> bool:
    """Return whether the bucket's policy denies an action, whatever the role's own policies say."""
    (policy,) = (each for each in policies(AttachmentScan=scan) if each.owner == BUCKET_POLICY)
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    return not allowed([everything, *policy.statements], action, FILE, keys, role)


@pytest.mark.parametrize("action", READS)
@pytest.mark.parametrize("scan", ["guardduty", "none"])
def test_nobody_but_the_scanner_reads_what_is_not_clean(scan: str, action: str) -> None:
    for tag in ({}, {TAG: "THREATS_FOUND"}, {TAG: "UNSUPPORTED"}, {TAG: "FAILED"}, {TAG: "ACCESS_DENIED"}):
        denied = {role for role in (SCANNER, RECEIVER, READER) if is_denied(scan, role, action, **tag)}
        assert denied == ({RECEIVER, READER} if scan == "guardduty" else {SCANNER, RECEIVER, READER})
    assert not any(is_denied(scan, role, action, **{TAG: "NO_THREATS_FOUND"}) for role in (SCANNER, RECEIVER, READER))


@pytest.mark.parametrize("action", TAGS)
@pytest.mark.parametrize(("scan", "writers"), [("guardduty", {SCANNER}), ("none", {RECEIVER, SWEEPER})])
def test_nobody_but_the_scanner_tags(scan: str, writers: set[str], action: str) -> None:
    roles = (SCANNER, RECEIVER, READER, SWEEPER)
    assert {role for role in roles if not is_denied(scan, role, action)} == writers


def test_the_bucket_takes_no_request_without_tls() -> None:
    (policy,) = (each for each in policies() if each.owner == BUCKET_POLICY)
    (statement,) = (each for each in policy.statements if each["Action"] == "s3:*")
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Resource"] == ["arn:aws:s3:::AttachmentsBucket", "arn:aws:s3:::AttachmentsBucket/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_whoever_signs_an_address_may_do_that_one_thing_with_objects() -> None:
    """An address can do what its signer may."""
    for role, action in (("CreateAttachmentRole", "s3:PutObject"), (READER, "s3:GetObjectVersion")):
        owners = {role, *template()["Resources"][role]["Properties"]["ManagedPolicyArns"]}
        statements = [each for policy in policies() if policy.owner in owners for each in policy.statements]
        found = {each for statement in statements for each in listed(statement["Action"])}
        assert {each for each in found if each.startswith("s3:")} == {action}


# --- the linter -------------------------------------------------------------------------------------------------------


def changed(owner: str, action: str, **changes: Any) -> list[Policy]:
    """Return a resource's policy of which the statement of an action has other values."""
    for policy in copy.deepcopy(policies()):
        for statement in policy.statements:
            if policy.owner == owner and statement["Action"] == action:
                statement.update(changes)
                return [policy]
    raise LookupError(owner, action)


UNKNOWN_KEY = "UNKNOWN_CONDITION_FOR_ACTION"


@pytest.mark.parametrize(
    ("policy", "issue", "about"),
    [
        pytest.param(
            changed(
                "CheckUserRolePolicy",
                "dynamodb:ConditionCheckItem",
                Condition={"ForAnyValue:StringEquals": {"dynamodb:EnclosingOperation": ["TransactWriteItems"]}},
            ),
            UNKNOWN_KEY,
            "Unknown condition dynamodb:EnclosingOperation for action dynamodb:ConditionCheckItem",
            id="the operation around a condition check",
        ),
        pytest.param(
            changed(
                "EraseTenantRole", "dynamodb:BatchWriteItem", Condition={"StringEquals": {"dynamodb:Select": "COUNT"}}
            ),
            UNKNOWN_KEY,
            "Unknown condition dynamodb:Select for action dynamodb:BatchWriteItem",
            id="what a write selects",
        ),
        pytest.param(
            changed("UpdateTicketRole", "states:StartSyncExecution", Action="states:StartSyncExecutions"),
            "UNKNOWN_ACTION",
            "Unknown action states:StartSyncExecutions",
            id="no such action",
        ),
        pytest.param(
            changed("UpdateTicketRole", "states:StartSyncExecution", Resource="*"),
            "RESOURCE_STAR",
            "['states:StartSyncExecution']",
            id="every resource",
        ),
        pytest.param(
            changed("UpdateTicketRole", "dynamodb:GetItem", Resource=f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"),
            "RESOURCE_MISMATCH",
            "[{'action': 'dynamodb:GetItem', 'required_format': 'arn:*:dynamodb:*:*:table/*'}]",
            id="another kind of resource",
        ),
    ],
)
def test_the_linter_finds_what_aws_does_not_know(policy: list[Policy], issue: str, about: str) -> None:
    assert Finding(policy[0].owner, issue, about) in linted(policy)


def test_a_finding_needs_an_explanation_and_an_explanation_a_finding() -> None:
    explained = yaml.safe_load(EXPLAINED.read_text())
    assert all(entry["why"] for entry in explained)
    known = [Finding(entry["where"], entry["finding"], entry["about"]) for entry in explained]
    assert problems(known, explained) == []
    star = Finding("GetTicketRole", "RESOURCE_STAR", "['dynamodb:GetItem']")
    assert problems([*known, star], explained) == ["GetTicketRole: RESOURCE_STAR: ['dynamodb:GetItem']"]
    (line,) = problems(known[1:], explained)
    assert line == f"findings.yaml: nothing finds {explained[0]['finding']} in {explained[0]['where']} any more"
