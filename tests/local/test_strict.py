"""A stack deployed with TenantIsolation=strict: functions reach their caller's tenant only, and all works as usual.

Sessions are held to the policies of their roles, so it is also deployed with AttributeConditions=required.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import httpx
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from local.settings import ACCOUNT_ID, REGION, STACK_NAME
from tests.harness.client import Client
from tests.harness.deliveries import write_delivery
from tests.harness.files import CONTENT, address, attach, fetched
from tests.harness.people import signed_in
from tests.harness.sockets import opened
from tests.harness.stack import RECEIVER_PORT, Stack, copy_state, launch
from ticketing.aws.isolation import session_policy

pytestmark = pytest.mark.long

# They serve nobody's tenant yet, the one in the path, or all; or make no call of DynamoDB.
NOT_OF_A_TENANT = {
    "AcceptInvitationFunction",
    "AuthorizeConnectionFunction",
    "AuthorizeFunction",
    "CloseResolvedTicketsFunction",
    "CreateTenantFunction",
    "DeliverWebhookFunction",
    "DispatchWebhooksFunction",
    "EraseTenantFunction",
    "GetTenantDeletionFunction",
    "IndexTenantFunction",
    "ListInvitationsFunction",
    "MailEventsFunction",
    "NoteForSearchFunction",
    "PreflightFunction",
    "PublishEventsFunction",
    "PushEventFunction",
    "PurgeTicketFunction",
    "ReceiveUploadFunction",
    "ReconcileUsersFunction",
    "RecordMailFeedbackFunction",
    "RecordScanFunction",
    "ReindexTenantsFunction",
    "ResendEventsFunction",
    "ShowUnsubscribeFunction",
    "SweepAttachmentsFunction",
    "SweepIndexesFunction",
    "TransitionTicketFunction",
    "UnsubscribeFunction",
}
SESSION_TOKEN = "FwoGZX"
"""How the emulator's session tokens begin, as those of AWS do."""
TICKET = {"title": "VPN drops", "description": "Every ten minutes."}


@pytest.fixture(scope="module")
def strict(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack on which nothing but two parameters was changed."""
    state = tmp_path_factory.mktemp("strict") / "state"
    copy_state(stack.state, state)
    running = launch(state)
    try:
        running.wait_until_ready()
        isolate(running)
        yield running
    finally:
        running.stop()


def isolate(running: Stack) -> None:
    """Update a deployed stack to strict isolation, with attributes required."""
    changed = {"AttributeConditions": "required", "TenantIsolation": "strict"}
    cloudformation = running.client("cloudformation")

    def stack() -> dict[str, Any]:
        (found,) = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
        described: dict[str, Any] = found
        return described

    kept = [
        {"ParameterKey": parameter["ParameterKey"], "UsePreviousValue": True}
        for parameter in stack()["Parameters"]
        if parameter["ParameterKey"] not in changed
    ]
    cloudformation.update_stack(
        StackName=STACK_NAME,
        UsePreviousTemplate=True,
        Parameters=[*kept, *({"ParameterKey": key, "ParameterValue": value} for key, value in changed.items())],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    deadline = time.monotonic() + 60
    while stack()["StackStatus"] != "UPDATE_COMPLETE":
        assert time.monotonic() < deadline, stack()
        time.sleep(0.2)


@pytest.fixture(scope="module")
def callers(strict: Stack) -> Iterator[list[Client]]:
    """An admin of each demo tenant."""
    with ExitStack() as clients:
        yield [clients.enter_context(signed_in(strict, f"admin@{tenant}.example")) for tenant in ("acme", "globex")]


def functions(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return the configuration of each function, by its name in the template."""
    resources = stack.client("cloudformation").describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    client = stack.client("lambda")
    return {
        resource["LogicalResourceId"]: client.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
        for resource in resources
        if resource["ResourceType"] == "AWS::Lambda::Function"
    }


def use_all_of(strict: Stack, caller: Client) -> None:
    """Call the operations that read and write a tenant's data."""
    me = caller.id
    ticket = caller.post("/v1/tickets", json=TICKET | {"assignedToId": me}).json()
    url = f"/v1/tickets/{ticket['id']}"
    key = caller.post("/v1/api-keys", json={"name": "K", "role": "agent"}).json()
    name = caller.get("/v1/tenant").json()["name"]
    comments = f"{url}/comments"
    comment = f"{comments}/{caller.post(comments, json={'body': 'First'}).json()['id']}"
    use_files_of(caller, url)
    hook = caller.post("/v1/webhooks", json={"url": f"http://localhost:{RECEIVER_PORT}/", "eventTypes": ["*"]})
    webhook = hook.headers["Location"]
    answers = [
        caller.get(comments, params={"expand": "author"}),
        caller.get(comment, params={"expand": "author"}),
        caller.patch(comment, json={"body": f"@[{key['id']}]"}),
        caller.delete(comment),
        caller.post(f"{url}/watchers/me"),
        caller.get(f"{url}/watchers/me"),
        caller.delete(f"{url}/watchers/me"),
        caller.get(url, params={"expand": "reporter"}),
        caller.get("/v1/tickets", params={"expand": "assignedTo"}),
        caller.patch(url, json={"title": "Changed", "assignedToId": None}),
        caller.patch(url, json={"status": "OPEN", "assignedToId": me}),
        caller.put(url, json=TICKET | {"status": "OPEN", "priority": "LOW", "type": "INCIDENT", "reporterId": me}),
        caller.post(f"{url}/transitions", json={"to": "CLOSED"}),
        caller.get(f"{url}/history", params={"expand": "actor"}),
        caller.delete(url),
        caller.post(f"{url}/restore"),
        caller.get("/v1/users/me"),
        caller.get("/v1/audit-events"),
        caller.patch("/v1/users/me", json={"locale": "pt"}),
        caller.get("/v1/users", params={"name": "a"}),
        caller.get(f"/v1/users/{key['id']}"),
        caller.patch("/v1/tenant", json={"name": f"{name} & Co.", "settings": {"defaultPriority": "HIGH"}}),
        caller.patch("/v1/tenant", json={"name": name}),
        caller.get("/v1/api-keys"),
        caller.get(f"/v1/api-keys/{key['id']}"),
        caller.delete(f"/v1/api-keys/{key['id']}"),
        hook,
        caller.get("/v1/webhooks"),
        caller.get(webhook),
        caller.get(f"{webhook}/deliveries"),
        caller.patch(webhook, json={"description": "W"}),
        caller.post(f"{webhook}/secret", json={}),
        caller.get("/v1/search/tickets", params={"q": f"vpn created>-7d reporter:{me}"}),
        caller.get("/v1/search/suggestions", params={"q": "v"}),
        caller.get("/v1/reports/volume", params={"q": f"created>-7d -reporter:{me}", "by": "reporter"}),
        caller.get("/v1/reports/tickets", params={"report": "volume", "figure": "created"}),
    ]
    view = caller.post("/v1/views", json={"name": f"Mine {me}", "query": "vpn"})
    place = view.headers["Location"]
    answers += [
        view,
        caller.get("/v1/views"),
        caller.get("/v1/views/counts", params={"ids": view.json()["id"]}),
        caller.get(place),
        caller.patch(place, json={"query": "vpn status:OPEN"}),
        caller.delete(place),
    ]
    hours = {"monday": [{"from": "09:00", "to": "17:00"}]}
    calendar = caller.post("/v1/calendars", json={"name": f"Mine {me}", "hours": hours})
    place = calendar.headers["Location"]
    answers += [
        calendar,
        caller.get("/v1/calendars"),
        caller.get(place),
        caller.patch(place, json={"timeZone": "Europe/Berlin"}),
        caller.delete(place),
    ]
    delivery = write_delivery(strict, caller.get("/v1/tenant").json()["id"], webhook)
    answers += [caller.get(delivery), caller.post(f"{delivery}/redeliver"), caller.delete(webhook)]
    invited = caller.post("/v1/users", json={"email": f"strict-{me}@example.com", "role": "reporter"})
    user = f"/v1/users/{invited.json()['id']}"
    answers += [invited, caller.patch(user, json={"role": "agent"}), caller.delete(user)]
    assert [answer.text for answer in answers if not answer.is_success] == []


def use_files_of(caller: Client, url: str) -> None:
    """Call the operations on files, and send and fetch some."""
    mine, tied = attach(caller, url), attach(caller, url)
    caller.get(f"{url}/attachments", expect=200)
    assert fetched(address(caller, f"{url}/attachments/{mine['id']}")).content == CONTENT
    caller.delete(f"{url}/attachments/{mine['id']}", expect=204)
    comment = caller.create(f"{url}/comments", {"body": "See there.", "attachmentIds": [tied["id"]]})
    caller.delete(f"{url}/comments/{comment['id']}", expect=204)


def test_every_function_of_a_tenant_may_assume_its_own_role_and_no_other(strict: Stack) -> None:
    iam, deployed = strict.client("iam"), functions(strict)
    roles = {
        name: function["Environment"]["Variables"]["TENANT_ROLE"]
        for name, function in deployed.items()
        if "TENANT_ROLE" in function["Environment"]["Variables"]
    }
    assert set(deployed) - set(roles) == NOT_OF_A_TENANT
    assert roles == {name: deployed[name]["Role"] for name in roles}

    def assumed_by(role: str) -> set[str]:
        """Return the functions whose own policies and the role's trust both let them assume it."""
        trust = iam.get_role(RoleName=role.rpartition("/")[2])["Role"]["AssumeRolePolicyDocument"]
        return {name for name, own in roles.items() if _may(own, role) and _trusts(trust, own)}

    def _may(principal: str, role: str) -> bool:
        name = principal.rpartition("/")[2]
        documents = [
            iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]
        for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            documents.append(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
        asked = EvalContext(principal, "AssumedRole", ACCOUNT_ID, "sts:AssumeRole", role, REGION)
        return bool(evaluate(asked, [parse_policy_document(one) for one in documents]).decision == "Allow")

    def _trusts(trust: dict[str, Any], principal: str) -> bool:
        of_people = [one for one in trust["Statement"] if "AWS" in one["Principal"]]
        asked = EvalContext(principal, "AssumedRole", ACCOUNT_ID, "sts:AssumeRole", "*", REGION)
        document = {"Version": "2012-10-17", "Statement": of_people}
        return bool(evaluate(asked, [parse_policy_document(document)]).decision == "Allow")

    assert {name: assumed_by(role) for name, role in roles.items()} == {name: {name} for name in roles}


def test_no_call_for_a_tenant_is_made_with_the_functions_own_credentials(strict: Stack, callers: list[Client]) -> None:
    before = len(strict.calls.read_text().splitlines())
    for caller in callers:
        use_all_of(strict, caller)
    with signed_in(strict, "reporter@acme.example") as leaving:
        leaving.post("/v1/users/me/sign-out", expect=204)
    with opened(strict, strict.token("admin@acme.example")) as socket:
        assert socket.say(action="subscribe", topic="queue")["type"] == "subscribed"
    deadline = time.monotonic() + 30
    closing = '"DisconnectFunction", "service": "dynamodb"'
    while closing not in "".join(seen := strict.calls.read_text().splitlines()[before:]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    lines = [json.loads(line) for line in seen]
    calls = {
        (line["principal"], line.get("session", False))
        for line in lines
        if line["service"] in {"dynamodb", "s3"} and line["principal"].endswith("Function")
    }
    of_tenants = set(functions(strict)) - NOT_OF_A_TENANT - {"DeleteTenantFunction"}
    assert {name for name, in_session in calls if in_session} == of_tenants
    assert {name for name, in_session in calls if not in_session} <= NOT_OF_A_TENANT


def test_a_session_is_refused_what_is_another_tenants(strict: Stack, callers: list[Client]) -> None:
    acme, globex = (caller.get("/v1/users/me").json() for caller in callers)
    role = functions(strict)["GetUserFunction"]["Environment"]["Variables"]["TENANT_ROLE"]
    credentials = strict.client("sts").assume_role(
        RoleArn=role, RoleSessionName="test", Policy=session_policy(acme["tenantId"])
    )["Credentials"]
    assert credentials["SessionToken"].startswith(SESSION_TOKEN)
    dynamodb = boto3.session.Session().client(
        "dynamodb",
        endpoint_url=strict.aws_endpoint,
        region_name=REGION,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )

    def read(user: dict[str, Any]) -> Any:
        key = {"PK": {"S": f"TENANT#{user['tenantId']}#USER#{user['id']}"}, "SK": {"S": "USER"}}
        return dynamodb.get_item(TableName=strict.outputs["UsersTableName"], Key=key, ConsistentRead=True)

    assert read(acme)["Item"]["id"] == {"S": acme["id"]}
    with pytest.raises(ClientError, match="AccessDenied"):
        read(globex)


def test_an_address_leads_to_no_other_tenants_files(strict: Stack, callers: list[Client]) -> None:
    """Signed as the function signs, with credentials of one tenant, for a file of the other."""
    acme, globex = callers
    place = globex.post("/v1/tickets", json=TICKET, expect=201).headers["Location"]
    file = attach(globex, place)
    key = f"{globex.me['tenantId']}/{place.rpartition('/')[2]}/{file['id']}"
    bucket = strict.outputs["AttachmentsBucketName"]
    for function, method in (("GetAttachmentContentFunction", "GET"), ("CreateAttachmentFunction", "PUT")):
        role = functions(strict)[function]["Environment"]["Variables"]["TENANT_ROLE"]

        def address_by(tenant: Client, role: str = role, method: str = method) -> str:
            given = strict.client("sts").assume_role(
                RoleArn=role,
                RoleSessionName="test",
                Policy=session_policy(tenant.me["tenantId"], f"arn:aws:s3:::{bucket}"),
            )["Credentials"]
            credentials = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
            query = f"?versionId={_version(strict, bucket, key)}" if method == "GET" else ""
            request = AWSRequest(method, f"{strict.base_url}/{bucket}/{key}{query}")
            S3SigV4QueryAuth(credentials, "s3", REGION, expires=60).add_auth(request)
            return str(request.url)

        assert httpx.request(method, address_by(acme)).status_code == httpx.codes.FORBIDDEN
        assert httpx.request(method, address_by(globex)).status_code == httpx.codes.OK


def _version(stack: Stack, bucket: str, key: str) -> str:
    """Return the oldest version of an object."""
    found = stack.client("s3").list_object_versions(Bucket=bucket, Prefix=key)
    return str(found["Versions"][-1]["VersionId"])


def test_no_credentials_of_a_session_are_logged(strict: Stack, callers: list[Client]) -> None:
    """Secrets are looked for everywhere by tests/integration/test_secrets.py; sessions are here alone."""
    assert [caller.get("/v1/tickets/x").status_code for caller in callers] == [404, 404]
    logs = "".join(file.read_text(errors="replace") for file in (strict.state / "logs").iterdir())
    assert "getTicket" in logs
    assert SESSION_TOKEN not in logs
