"""What the tests of attachments share: the handlers as functions, a bucket that refuses as its policy does."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import ClientError, EndpointConnectionError
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from mypy_boto3_s3 import S3Client

from functions.attachments import (
    create_attachment,
    delete_attachment,
    get_attachment,
    get_attachment_content,
    list_attachments,
    receive_upload,
    record_scan,
    sweep_attachments,
)
from tests.unit.support import AGENT, BUCKET, REPORTER, TICKET_ID, Answer, Context, api_event, send
from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.attachments.objects import TAG

TICKET_PATH: Final = f"/v1/tickets/{TICKET_ID}"
PATH: Final = f"{TICKET_PATH}/attachments"
CONTENT: Final = b"\x89PNG, or so."


def body(content: bytes = CONTENT, **values: Any) -> dict[str, Any]:
    """Return the body of createAttachment for a content."""
    plain = {
        "fileName": "screen.png",
        "contentType": "image/png",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return plain | values


def announce(caller: Caller = REPORTER, *, path: str = TICKET_PATH, key: str = "", **values: Any) -> Answer:
    headers = {"Idempotency-Key": key} if key else {}
    event = api_event("POST", f"{path}/attachments", caller=caller, body=body(**values), headers=headers)
    return send(create_attachment.handler, event)


def _one(method: str, attachment_id: str, caller: Caller, rest: str = "", accept: str = "*/*") -> dict[str, Any]:
    event = api_event(method, f"{PATH}/{attachment_id}{rest}", caller=caller, headers={"Accept": accept})
    event["pathParameters"] = {"id": TICKET_ID, "attachmentId": attachment_id}
    return event


def read(attachment_id: str, caller: Caller = REPORTER) -> Answer:
    return send(get_attachment.handler, _one("GET", attachment_id, caller))


def content(attachment_id: str, caller: Caller = REPORTER, accept: str = "*/*") -> Answer:
    return send(get_attachment_content.handler, _one("GET", attachment_id, caller, "/content", accept))


def remove(attachment_id: str, caller: Caller = REPORTER) -> Answer:
    return send(delete_attachment.handler, _one("DELETE", attachment_id, caller))


def listed(caller: Caller = REPORTER, query: str = "") -> Answer:
    return send(list_attachments.handler, api_event("GET", f"{PATH}{query}", caller=caller))


def state(attachment_id: str) -> str:
    return str(read(attachment_id, AGENT).json["state"])


def key_of(attachment_id: str, tenant_id: str = "acme") -> str:
    return f"{tenant_id}/{TICKET_ID}/{attachment_id}"


def message(detail: dict[str, Any]) -> dict[str, Any]:
    """Return a message of SQS that holds an event of EventBridge."""
    return {"messageId": "m1", "body": json.dumps({"detail": detail})}


def noticed(key: str, version: str = "") -> list[str]:
    """Let S3 tell of an object; return the messages that are wanted again."""
    detail = {"bucket": {"name": BUCKET}, "object": {"key": key, "version-id": version, "size": 1}}
    return retried(receive_upload.handler({"Records": [message(detail)]}, Context()))


def scanned(key: str, version: str, result: str) -> list[str]:
    """Let GuardDuty tell what it has found; return the messages that are wanted again."""
    detail = {
        "scanStatus": "COMPLETED",
        "s3ObjectDetails": {"bucketName": BUCKET, "objectKey": key, "versionId": version},
        "scanResultDetails": {"scanResultStatus": result},
    }
    return retried(record_scan.handler({"Records": [message(detail)]}, Context()))


def swept(left: Context | None = None) -> None:
    sweep_attachments.handler({}, left or Context(left=iter([600_000] * 1000)))


def retried(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@dataclass
class Bucket:
    """A versioned bucket, in which nobody reads what is not tagged clean."""

    client: S3Client
    calls: list[str] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    """The names of the functions' calls that fail."""
    denies: set[str] = field(default_factory=set)
    """The names of the functions' calls that they may not make."""
    puts: int = 0
    before: dict[str, Callable[[], object]] = field(default_factory=dict)
    """What is done, once, right before the functions' next call of a name."""

    def put(self, key: str, content: bytes = CONTENT, at: datetime | None = None) -> str:
        """Put an object there as who has its address does, now unless it is said; return its version."""
        checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
        # moto keeps a checksum only of an algorithm that is named.
        named: Any = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": checksum}
        version = self.client.put_object(Bucket=BUCKET, Key=key, Body=content, **named)["VersionId"]
        self.puts += 1
        # S3 tells whole seconds, and the order within one; moto takes the order from the times.
        at = (at or clock.now()).replace(microsecond=self.puts * 1000, tzinfo=None)
        for each in moto_buckets()[BUCKET].keys.getlist(key):
            if each.version_id == version:
                each.last_modified = at
        return version

    def tag(self, key: str, version: str, result: str) -> None:
        """Tag a version as the scanner does, if it is there."""
        if version not in self.versions(key):
            return
        tags: Any = {"TagSet": [{"Key": TAG, "Value": result}]}
        self.client.put_object_tagging(Bucket=BUCKET, Key=key, VersionId=version, Tagging=tags)

    def versions(self, key: str = "") -> list[str]:
        """Return all versions that are there, and marks of deletions, of one object or of all."""
        answer = self.client.list_object_versions(Bucket=BUCKET, Prefix=key)
        return [one["VersionId"] for one in (*answer.get("Versions", ()), *answer.get("DeleteMarkers", ()))]

    def policy(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        """Refuse what the bucket's policy refuses: reading what is not tagged clean."""
        self.calls.append(model.name)
        self.before.pop(model.name, _nothing)()
        if model.name in self.fails:
            raise EndpointConnectionError(endpoint_url="https://s3")
        if model.name in self.denies:
            raise _denied(model.name)
        if model.name not in {"HeadObject", "GetObject"}:
            return
        version = params["query_string"]["versionId"]
        key = params["url_path"].removeprefix(f"/{BUCKET}/").removeprefix("/")
        tags = self.client.get_object_tagging(Bucket=BUCKET, Key=key, VersionId=version)["TagSet"]
        if {"Key": TAG, "Value": "NO_THREATS_FOUND"} not in tags:
            raise _denied(model.name)


def _denied(operation: str) -> ClientError:
    answer: Any = {"Error": {"Code": "403"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    return ClientError(answer, operation)


def _nothing() -> None:
    pass


def moto_buckets() -> Any:
    """Return moto's buckets, past its API."""
    return get_backend("s3")[DEFAULT_ACCOUNT_ID]["aws"].buckets
