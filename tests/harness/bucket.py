"""A bucket as that of the attachments is, in a stack of its own beside the deployed one: policy, plan, events."""

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws.guardduty import TAG
from local.settings import REGION
from tests.harness.client import TLS
from tests.harness.stack import Stack

ORIGIN = "https://app.example"
SCANNER = "files-scanner"
ROLE = "arn:aws:iam::000000000000:role/files-user"
_WAIT_SECONDS = 20.0
_EVENTS = {
    "Uploads": {"source": ["aws.s3"], "detail-type": ["Object Created"]},
    "Scans": {"source": ["aws.guardduty"], "detail-type": ["GuardDuty Malware Protection Object Scan Result"]},
}


def template(name: str, **more: object) -> dict[str, Any]:
    """A template with a bucket of this name, which has these properties in the place of its own."""
    objects, scanner = f"arn:aws:s3:::{name}/*", f"arn:aws:iam::000000000000:role/{SCANNER}"
    everybody_but_the_scanner = {"ArnNotEquals": {"aws:PrincipalArn": scanner}}
    unless_clean = {"StringNotEquals": {f"s3:ExistingObjectTag/{TAG}": "NO_THREATS_FOUND"}}
    statements: list[dict[str, Any]] = [
        {"Action": "s3:*", "Resource": objects, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": objects,
            "Condition": everybody_but_the_scanner | unless_clean,
        },
        {
            "Action": ["s3:PutObjectTagging", "s3:PutObjectVersionTagging"],
            "Resource": objects,
            "Condition": everybody_but_the_scanner,
        },
    ]
    allowed = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectVersionTagging", "s3:PutObjectVersionTagging"]
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "malware-protection-plan.guardduty.amazonaws.com"}}]
    }
    rules: dict[str, Any] = {}
    for event, pattern in _EVENTS.items():
        named = {"bucket": {"name": [name]}} if event == "Uploads" else {"s3ObjectDetails": {"bucketName": [name]}}
        target = {"Id": "queue", "Arn": {"Fn::GetAtt": [f"{event}Queue", "Arn"]}}
        rules[f"{event}Queue"] = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"{name}-{event}"}}
        rules[f"{event}Rule"] = {
            "Type": "AWS::Events::Rule",
            "Properties": {"EventPattern": pattern | {"detail": named}, "Targets": [target]},
        }
    return {
        "Resources": {
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "Properties": {
                    "BucketName": name,
                    "VersioningConfiguration": {"Status": "Enabled"},
                    "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
                    "CorsConfiguration": {
                        "CorsRules": [
                            {
                                "AllowedOrigins": [ORIGIN],
                                "AllowedMethods": ["GET", "HEAD", "PUT"],
                                "AllowedHeaders": ["*"],
                            }
                        ]
                    },
                    "BucketEncryption": {
                        "ServerSideEncryptionConfiguration": [
                            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                        ]
                    },
                    "LifecycleConfiguration": {
                        "Rules": [
                            {
                                "Id": "expire",
                                "Status": "Enabled",
                                "ExpiredObjectDeleteMarker": True,
                                "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                            }
                        ]
                    },
                    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                    "PublicAccessBlockConfiguration": dict.fromkeys(
                        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
                    ),
                    **more,
                },
            },
            "Policy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {
                    "Bucket": {"Ref": "Bucket"},
                    "PolicyDocument": {
                        "Statement": [{"Effect": "Deny", "Principal": "*", **each} for each in statements]
                    },
                },
            },
            "ScanRole": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": SCANNER,
                    "AssumeRolePolicyDocument": trust,
                    "Policies": [
                        {
                            "PolicyName": "scan",
                            "PolicyDocument": {
                                "Statement": [{"Effect": "Allow", "Action": allowed, "Resource": objects}]
                            },
                        }
                    ],
                },
            },
            "Plan": {
                "Type": "AWS::GuardDuty::MalwareProtectionPlan",
                "Properties": {
                    "Role": {"Fn::GetAtt": ["ScanRole", "Arn"]},
                    "ProtectedResource": {"S3Bucket": {"BucketName": {"Ref": "Bucket"}}},
                    "Actions": {"Tagging": {"Status": "ENABLED"}},
                },
            },
            **rules,
        },
        "Outputs": {"PlanArn": {"Value": {"Fn::GetAtt": ["Plan", "Arn"]}}},
    }


class Bucket:
    """The bucket, and what a client and our functions do with it."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.stack, self.name = stack, name
        self.s3 = stack.client("s3")
        self._told: dict[str, list[dict[str, Any]]] = {"Uploads": [], "Scans": []}

    def deploy(self, content: dict[str, Any]) -> None:
        """Make the stack of this bucket, or change it."""
        formation = self.stack.client("cloudformation")
        known = [each["StackName"] for each in formation.describe_stacks()["Stacks"]]
        change, done = (
            ("update_stack", "stack_update_complete")
            if self.name in known
            else ("create_stack", "stack_create_complete")
        )
        getattr(formation, change)(
            StackName=self.name, TemplateBody=json.dumps(content), Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        formation.get_waiter(done).wait(StackName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})

    def signer(self, policy: Mapping[str, Any] | None = None, *, seconds: int = 3600) -> Any:
        """A client of S3 that signs addresses on the API's port as a session, which may have a policy of its own."""
        more = {} if policy is None else {"Policy": json.dumps(policy)}
        given = self.stack.client("sts").assume_role(
            RoleArn=ROLE, RoleSessionName="test", DurationSeconds=seconds, **more
        )["Credentials"]
        return client(self.stack.base_url, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def address(self, key: str, content: bytes, signer: Any = None, **more: object) -> tuple[str, dict[str, str]]:
        """An address to upload something to, and the headers that go with it."""
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        wanted = {"Bucket": self.name, "Key": key, "ContentLength": len(content), "ContentType": "text/plain"}
        parameters = {**wanted, "ChecksumSHA256": digest, **more}
        url = (signer or self.signer()).generate_presigned_url("put_object", parameters, ExpiresIn=900)
        return url, {"Content-Type": "text/plain", "x-amz-checksum-sha256": digest}

    def upload(self, key: str, content: bytes, signer: Any = None) -> httpx.Response:
        """Upload as a client does."""
        url, headers = self.address(key, content, signer)
        return httpx.put(url, content=content, headers=headers, timeout=60, verify=TLS)

    def versions(self, key: str) -> list[str]:
        """The ids of the versions of a key, the newest first."""
        found = self.s3.list_object_versions(Bucket=self.name, Prefix=key).get("Versions", [])
        return [each["VersionId"] for each in found]

    def tags(self, key: str, version: str) -> dict[str, str]:
        """The tags of a version."""
        answer = self.s3.get_object_tagging(Bucket=self.name, Key=key, VersionId=version)
        return {each["Key"]: each["Value"] for each in answer["TagSet"]}

    def event(self, kind: str, key: str, version: str | None = None) -> dict[str, Any]:
        """The event of a key, `Uploads` or `Scans`, once it is there."""
        sqs = self.stack.client("sqs")
        url = sqs.get_queue_url(QueueName=f"{self.name}-{kind}")["QueueUrl"]
        deadline = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < deadline:
            for each in self._told[kind]:
                detail = each["detail"]
                named = detail.get("object", {}).get("key"), detail.get("object", {}).get("version-id")
                scanned = detail.get("s3ObjectDetails", {})
                if scanned:
                    named = scanned["objectKey"], scanned["versionId"]
                if named[0] == key and version in {None, named[1]}:
                    return each
            for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10).get(
                "Messages", []
            ):
                self._told[kind].append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        message = f"no event of {kind} for {key}"
        raise TimeoutError(message)

    def forget(self) -> None:
        """Look at no event again."""
        self._told = {"Uploads": [], "Scans": []}


def client(endpoint: str, key: str, secret: str, token: str | None = None) -> Any:
    """A client of S3 with these credentials, which names buckets in the path."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def new_key() -> str:
    """A key as that of an attachment is."""
    return "/".join(str(uuid.uuid4()) for _ in range(3))


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """The status of a refusal and S3's name for it."""
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]


def refused(call: Any, **parameters: object) -> str:
    """The code of the error that a call ends with; an empty text if it does not."""
    try:
        call(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""
