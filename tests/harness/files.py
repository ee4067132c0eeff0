"""Files on tickets, as clients send and fetch them: announced by the API, uploaded to and read from S3."""

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx

from local.aws.guardduty import EICAR
from local.settings import STACK_NAME
from tests.harness.client import TLS, Client
from tests.harness.postbox import until
from tests.harness.stack import Stack
from ticketing import clock, ids
from ticketing.access.roles import Role
from ticketing.attachments.models import REJECTED, Attachment, Reason, State
from ticketing.attachments.repository import usage_key
from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.tables import update_of
from ticketing.tickets.keys import ticket_partition
from ticketing.tickets.kinds import Visibility

__all__ = ["EICAR"]

CONTENT: Final = b"Every ten minutes, since this morning."
SECONDS_TO_SETTLE: Final = 60.0
_SECONDS: Final = 60.0

type File = dict[str, Any]


def announcement(content: bytes = CONTENT, **fields: Any) -> File:
    """Return the body that announces a file with this content."""
    body = {"fileName": "notes.txt", "contentType": "text/plain", "size": len(content)}
    return body | {"sha256": hashlib.sha256(content).hexdigest()} | fields


def announce(api: Client, ticket: str, content: bytes = CONTENT, *, key: str | None = None, **fields: Any) -> File:
    """Announce a file on a ticket, and return it with the address for its upload."""
    return api.create(f"{ticket}/attachments", announcement(content, **fields), key=key)


def upload(announced: File, content: bytes = CONTENT, **headers: str) -> httpx.Response:
    """Send a file's content to its address, with other headers than those that belong to it if any are given."""
    wanted: Mapping[str, str] = announced["upload"]["headers"]
    url, headers = announced["upload"]["url"], {**wanted, **headers}
    return httpx.put(url, content=content, headers=headers, timeout=_SECONDS, verify=TLS)


def attach(api: Client, ticket: str, content: bytes = CONTENT, *, state: str = "CLEAN", **fields: Any) -> File:
    """Announce a file, upload it, and return it once it is in a state."""
    announced = announce(api, ticket, content, **fields)
    upload(announced, content).raise_for_status()
    return settled(api, f"{ticket}/attachments/{announced['id']}", state)


def settled(api: Client, place: str, *states: str) -> File:
    """Return the file at a place once it is in one of these states; by default, the one that it ends in."""
    wanted = states or ("CLEAN", "INFECTED", "UNSCANNABLE")

    def look() -> File:
        found: File = api.get(place, expect=httpx.codes.OK).json()
        return found

    return until(look, lambda found: found["state"] in wanted, seconds=SECONDS_TO_SETTLE)


def address(api: Client, place: str) -> str:
    """Return the address of a file's content."""
    answer = api.get(f"{place}/content", headers={"Accept": "application/json"}, expect=httpx.codes.OK)
    return str(answer.json()["url"])


def fetched(url: str) -> httpx.Response:
    """Return what S3 answers at an address."""
    return httpx.get(url, timeout=_SECONDS, verify=TLS)


def checksum(content: bytes) -> str:
    """Return a content's SHA-256 as S3 has it in headers."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def write_file(
    stack: Stack,
    tenant_id: str,
    ticket: str,
    uploader_id: str,
    *,
    state: State = State.CLEAN,
    visibility: Visibility = Visibility.PUBLIC,
) -> str:
    """Write the row of a file that nobody has uploaded on a ticket, given by its path, and return where it is."""
    file = Attachment(
        id=ids.new_id(),
        tenant_id=tenant_id,
        ticket_id=ticket.rpartition("/")[2],
        **announcement(),
        state=state,
        visibility=visibility,
        announced_as=visibility,
        uploaded_by_id=uploader_id,
        uploaded_by_role=Role.AGENT,
        created_at=clock.timestamp(clock.now()),
        object_version="none" if state is State.CLEAN else None,
        reason=Reason.THREATS_FOUND if state in REJECTED else None,
    )
    partition = ticket_partition(tenant_id, file.ticket_id)
    dynamodb, table = stack.client("dynamodb"), stack.outputs["TicketsTableName"]
    row = {"PK": partition, "SK": f"ATTACHMENT#{file.id}"} | file.model_dump(mode="json", by_alias=True)
    dynamodb.put_item(TableName=table, Item=to_item(row))
    # What the rows are counted by, so that the file can be removed like any other.
    for key, counted in (
        ({"PK": partition, "SK": "ATTACHMENTS"}, {"internalFiles" if file.is_internal else "files": 1}),
        (usage_key(tenant_id), {"bytes": file.size}),
    ):
        ((name, number),) = counted.items()
        dynamodb.update_item(
            TableName=table,
            Key=to_item(key),
            UpdateExpression="ADD #name :number",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues=to_item({":number": number}),
        )
    return f"{ticket}/attachments/{file.id}"


@contextmanager
def scanner_denied(stack: Stack) -> Iterator[None]:
    """Let the scanner read nothing meanwhile."""
    iam, formation = stack.client("iam"), stack.client("cloudformation")
    found = formation.describe_stack_resource(StackName=STACK_NAME, LogicalResourceId="AttachmentScanRole")
    role = found["StackResourceDetail"]["PhysicalResourceId"]
    denial = {"Effect": "Deny", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [denial]})
    iam.put_role_policy(RoleName=role, PolicyName="Denied", PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="Denied")


def call(stack: Stack, function: str, event: Mapping[str, Any]) -> None:
    """Call a function, by its name in the template, as its schedule or stream does; it must not fail."""
    found = stack.client("cloudformation").describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=function)
    name = found["StackResourceDetail"]["PhysicalResourceId"]
    answer = stack.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    assert "FunctionError" not in answer, answer["Payload"].read()


def sweep(stack: Stack) -> None:
    """Run the sweep as its schedule does."""
    call(stack, "SweepAttachmentsFunction", {})


@contextmanager
def events_lost(stack: Stack) -> Iterator[None]:
    """Let nothing that S3 and the scanner tell arrive meanwhile."""
    formation, events = stack.client("cloudformation"), stack.client("events")
    names = [
        formation.describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=rule)["StackResourceDetail"][
            "PhysicalResourceId"
        ].rpartition("|")[2]
        for rule in ("ScansRule", "UploadsRule")
    ]
    for name in names:
        events.disable_rule(Name=name)
    try:
        yield
        time.sleep(0.5)  # the scanner tags what it has looked into, and tells a moment later
    finally:
        for name in names:
            events.enable_rule(Name=name)


def consumed(stack: Stack) -> list[dict[str, Any]]:
    """Return what those have logged who are told of uploads and of scans, an entry for each time."""
    lines = re.findall(r'({.*"message":"(?:receiveUpload|recordScan)".*})', stack.logged("functions.log"))
    return [json.loads(line) for line in lines]


def bytes_used(stack: Stack, tenant_id: str) -> int:
    """Return how many bytes a tenant's files are counted with."""
    key = {"TableName": stack.outputs["TicketsTableName"], "Key": to_item(usage_key(tenant_id))}
    found = stack.client("dynamodb").get_item(**key, ConsistentRead=True).get("Item", {})
    return int(found.get("bytes", {"N": "0"})["N"])


def change_row(stack: Stack, tenant_id: str, place: str, **values: str) -> None:
    """Change a file's row past the API."""
    _, _, _, ticket_id, _, attachment_id = place.split("/")
    key = {"PK": ticket_partition(tenant_id, ticket_id), "SK": f"ATTACHMENT#{attachment_id}"}
    stack.client("dynamodb").update_item(**update_of(stack.outputs["TicketsTableName"], key, values))


class Objects:
    """What is in the bucket, whatever the API says of it."""

    def __init__(self, stack: Stack) -> None:
        self._client = stack.client("s3")
        self._bucket = stack.outputs["AttachmentsBucketName"]

    def under(self, prefix: str) -> list[str]:
        """Return the keys under a prefix, once for each version, marks of deletions included."""
        found = self._client.list_object_versions(Bucket=self._bucket, Prefix=prefix)
        return [each["Key"] for kind in ("Versions", "DeleteMarkers") for each in found.get(kind, ())]

    def are_gone(self, prefix: str) -> bool:
        """Return whether nothing is under a prefix within the time in which it has to be."""
        deadline = time.monotonic() + SECONDS_TO_SETTLE
        while self.under(prefix):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def tags(self, key: str) -> dict[str, str]:
        """Return the tags of an object."""
        found = self._client.get_object_tagging(Bucket=self._bucket, Key=key)["TagSet"]
        return {each["Key"]: each["Value"] for each in found}

    def put(self, key: str, content: bytes = CONTENT) -> str:
        """Put an object there past the API, and return its version."""
        return str(self._client.put_object(Bucket=self._bucket, Key=key, Body=content)["VersionId"])
