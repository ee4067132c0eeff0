"""Files: that their buckets are closed, and that nobody reads an attachment that was not scanned."""

from typing import TYPE_CHECKING, Final, Literal
from uuid import uuid4

import boto3
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from stack.smoke.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetPublicAccessBlockOutputTypeDef

_ATTEMPTS: Final = 10
_CONTENT: Final = b"A smoke test put this here, and takes it away again."


def the_buckets_are_closed(deployment: Deployment) -> list[str]:
    """Check that the buckets can't be opened to the public, and that the one of attachments keeps versions apart."""
    client, bucket = deployment.session.client("s3"), deployment.outputs["AttachmentsBucketName"]
    wrong = [*_open(client, bucket), *_open(client, deployment.outputs["SearchBucketName"])]
    if client.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        wrong.append(f"{bucket} keeps no versions: an upload could take the place of what was scanned.")
    return wrong


def _open(client: S3Client, bucket: str) -> list[str]:
    try:
        found: GetPublicAccessBlockOutputTypeDef = client.get_public_access_block(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            raise
        return [f"{bucket} can be opened to the public."]
    opened = sorted(name for name, closed in found["PublicAccessBlockConfiguration"].items() if not closed)
    return [f"{bucket} can be opened to the public: {name} is off." for name in opened]


def unscanned_files_are_not_read(deployment: Deployment) -> list[str]:
    """Check that S3 refuses a file that has no tag of the scanner to a role that may read it.

    It is the SmokeRole that puts the file there, tries to read it and takes it away: without the bucket's policy it
    could. A scanner that is faster than the next request is met with another file.
    """
    given = deployment.session.client("sts").assume_role(
        RoleArn=deployment.outputs["SmokeRoleArn"], RoleSessionName="smoke"
    )["Credentials"]
    region = deployment.session.region_name
    client = boto3.Session(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=region
    ).client("s3")
    bucket = deployment.outputs["AttachmentsBucketName"]
    for _ in range(_ATTEMPTS):
        match _tried(client, bucket):
            case "refused":
                return []
            case "read":
                return [f"A file in {bucket} can be read before it is scanned."]
    return [f"Files in {bucket} are scanned too fast to find out whether they can be read before."]


def _tried(client: S3Client, bucket: str) -> Literal["refused", "read", "scanned"]:
    """Return what becomes of an attempt to read a new file."""
    key = f"smoke/{uuid4()}"
    version = client.put_object(Bucket=bucket, Key=key, Body=_CONTENT).get("VersionId", "null")
    try:
        client.get_object(Bucket=bucket, Key=key)
        return "scanned" if client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] else "read"
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return "refused"
    finally:
        client.delete_object(Bucket=bucket, Key=key, VersionId=version)
