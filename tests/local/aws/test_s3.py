"""Buckets as templates describe them, what their policies and sessions refuse, and the events of their objects."""

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.guardduty import TAG
from tests.harness.bucket import SCANNER, Bucket, client, new_key, refused, template
from tests.harness.stack import Stack

CONTENT = b"A screenshot, a log, a contract."
CLEAN = {"TagSet": [{"Key": TAG, "Value": "NO_THREATS_FOUND"}]}
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}" + rb"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@pytest.fixture
def key() -> str:
    return new_key()


@pytest.fixture(scope="module")
def infected(bucket: Bucket) -> dict[str, str]:
    """A version that nobody may read."""
    key = new_key()
    assert bucket.upload(key, EICAR).status_code == 200
    version = bucket.event("Scans", key)["detail"]["s3ObjectDetails"]["versionId"]
    return {"Bucket": bucket.name, "Key": key, "VersionId": version}


def test_a_bucket_is_what_its_template_says(bucket: Bucket) -> None:
    s3, named = bucket.s3, {"Bucket": bucket.name}
    assert s3.get_bucket_versioning(**named)["Status"] == "Enabled"
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(**named)
    (encryption,) = s3.get_bucket_encryption(**named)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (ownership,) = s3.get_bucket_ownership_controls(**named)["OwnershipControls"]["Rules"]
    assert ownership == {"ObjectOwnership": "BucketOwnerEnforced"}
    assert all(s3.get_public_access_block(**named)["PublicAccessBlockConfiguration"].values())
    (rule,) = s3.get_bucket_lifecycle_configuration(**named)["Rules"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert rule["Expiration"] == {"ExpiredObjectDeleteMarker": True}


def test_a_bucket_changes_with_its_template_and_goes_when_it_is_empty(stack: Stack) -> None:
    made = Bucket(stack, "files-that-change")
    content = template(made.name)
    content["Resources"]["ScanRole"]["Properties"].pop("RoleName")
    made.deploy(content)
    properties = content["Resources"]["Bucket"]["Properties"]
    for setting in ("LifecycleConfiguration", "OwnershipControls", "VersioningConfiguration", "CorsConfiguration"):
        properties.pop(setting)
    content["Resources"].pop("Plan")
    content["Outputs"] = {"Name": {"Value": {"Ref": "Bucket"}}}
    made.deploy(content)
    named = {"Bucket": made.name}
    assert refused(made.s3.get_bucket_lifecycle_configuration, **named) == "NoSuchLifecycleConfiguration"
    assert refused(made.s3.get_bucket_cors, **named) == "NoSuchCORSConfiguration"
    assert made.s3.get_bucket_versioning(**named)["Status"] == "Suspended"
    made.s3.put_object(**named, Key="one", Body=CONTENT)
    assert made.tags("one", "null") == {}
    formation = stack.client("cloudformation")
    formation.delete_stack(StackName=made.name)
    with pytest.raises(Exception, match="DELETE_FAILED"):
        formation.get_waiter("stack_delete_complete").wait(StackName=made.name, WaiterConfig={"Delay": 1})
    made.s3.delete_object(**named, Key="one", VersionId="null")
    formation.delete_stack(StackName=made.name)
    formation.get_waiter("stack_delete_complete").wait(StackName=made.name, WaiterConfig={"Delay": 1})
    assert refused(made.s3.head_bucket, **named) == "404"


@pytest.mark.parametrize("named", [("Bucket", "Key"), ("Bucket", "Key", "VersionId")])
@pytest.mark.parametrize("call", ["get_object", "head_object"])
def test_nobody_reads_what_is_not_tagged_clean(
    bucket: Bucket, infected: dict[str, str], call: str, named: tuple[str, ...]
) -> None:
    """Not the account itself, no session, and no part of it: the head is read by the same permission."""
    session = client(bucket.stack.aws_endpoint, **_credentials(bucket.signer()))
    for caller in (bucket.s3, session):
        assert refused(getattr(caller, call), **{name: infected[name] for name in named}) in {"AccessDenied", "403"}


def _credentials(signer: Any) -> dict[str, str]:
    found = signer._request_signer._credentials
    return {"key": found.access_key, "secret": found.secret_key, "token": found.token}


def test_nobody_reads_it_by_an_address_or_as_a_copy(bucket: Bucket, infected: dict[str, str]) -> None:
    copy = {"Bucket": bucket.name, "Key": new_key(), "CopySource": infected}
    assert refused(bucket.s3.copy_object, **copy) == "AccessDenied"
    clean = new_key()
    assert bucket.upload(clean, CONTENT).status_code == 200
    version = bucket.event("Scans", clean)["detail"]["s3ObjectDetails"]["versionId"]
    assert refused(bucket.s3.copy_object, **{**copy, "Key": clean}) == "AccessDenied"
    source = {"Bucket": bucket.name, "Key": clean, "VersionId": version}
    assert refused(bucket.s3.copy_object, **{**copy, "CopySource": source}) == ""
    wanted = {**infected, "ObjectAttributes": ["Checksum"]}
    assert refused(bucket.s3.get_object_attributes, **wanted) == "AccessDenied"


def test_nobody_but_the_scanner_tags(bucket: Bucket, infected: dict[str, str]) -> None:
    assert refused(bucket.s3.put_object_tagging, **infected, Tagging=CLEAN) == "AccessDenied"
    latest = {name: infected[name] for name in ("Bucket", "Key")}
    assert refused(bucket.s3.put_object_tagging, **latest, Tagging=CLEAN) == "AccessDenied"
    tagged = {**latest, "Body": CONTENT, "Tagging": f"{TAG}=NO_THREATS_FOUND"}
    assert refused(bucket.s3.put_object, **tagged) == "AccessDenied"
    assert bucket.tags(infected["Key"], infected["VersionId"]) == {TAG: "THREATS_FOUND"}


def test_the_scanners_role_is_exempt(bucket: Bucket, infected: dict[str, str]) -> None:
    given = bucket.stack.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::000000000000:role/{SCANNER}", RoleSessionName="test"
    )["Credentials"]
    scanner = client(bucket.stack.aws_endpoint, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    assert scanner.get_object(**infected)["Body"].read() == EICAR
    # What its own policy does not allow, it may not.
    assert refused(scanner.delete_object, **infected) == "AccessDenied"


@pytest.mark.parametrize(
    ("call", "more"),
    [
        ("get_object_tagging", {}),
        ("delete_object", {}),
        ("list_object_versions", {"Key": None, "Prefix": "others/"}),
        ("list_objects_v2", {"Key": None}),
    ],
)
def test_a_session_is_held_to_its_policy(bucket: Bucket, key: str, call: str, more: dict[str, Any]) -> None:
    mine = key.partition("/")[0]
    policy = {
        "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket.name}/{mine}/*"},
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:ListBucketVersions"],
                "Resource": f"arn:aws:s3:::{bucket.name}",
                "Condition": {"StringLike": {"s3:prefix": f"{mine}/*"}},
            },
        ]
    }
    session = client(bucket.stack.aws_endpoint, **_credentials(bucket.signer(policy)))
    wanted = {name: value for name, value in {"Bucket": bucket.name, "Key": new_key(), **more}.items() if value}
    assert refused(getattr(session, call), **wanted) == "AccessDenied"
    assert session.list_object_versions(Bucket=bucket.name, Prefix=f"{mine}/x")["Prefix"] == f"{mine}/x"


def test_a_created_object_is_told_as_s3_tells_it(bucket: Bucket, key: str) -> None:
    assert bucket.upload(key, CONTENT).status_code == 200
    (version,) = bucket.versions(key)
    event = bucket.event("Uploads", key)
    assert (event["source"], event["detail-type"]) == ("aws.s3", "Object Created")
    assert event["resources"] == [f"arn:aws:s3:::{bucket.name}"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"])
    detail = event["detail"]
    assert (detail["version"], detail["reason"], detail["bucket"]) == ("0", "PutObject", {"name": bucket.name})
    sequencer = detail["object"].pop("sequencer")
    assert re.fullmatch(r"[0-9A-F]{18}", sequencer)
    etag = bucket.s3.list_object_versions(Bucket=bucket.name, Prefix=key)["Versions"][0]["ETag"].strip('"')
    assert detail["object"] == {"key": key, "size": len(CONTENT), "etag": etag, "version-id": version}


def test_a_second_upload_is_a_version_of_its_own(bucket: Bucket, key: str) -> None:
    first, second = (bucket.upload(key, content) for content in (CONTENT, CONTENT + b"2"))
    assert (first.status_code, second.status_code) == (200, 200)
    newest, oldest = bucket.versions(key)
    for version, content in ((oldest, CONTENT), (newest, CONTENT + b"2")):
        bucket.event("Scans", key, version)
        assert bucket.s3.get_object(Bucket=bucket.name, Key=key, VersionId=version)["Body"].read() == content


def test_a_condition_refuses_a_second_upload(bucket: Bucket, key: str) -> None:
    assert bucket.upload(key, CONTENT).status_code == 200
    with pytest.raises(ClientError, match="PreconditionFailed"):
        bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=CONTENT, IfNoneMatch="*")


def test_a_version_behind_a_delete_marker_has_its_tags(bucket: Bucket, key: str) -> None:
    assert bucket.upload(key, CONTENT).status_code == 200
    version = bucket.event("Scans", key)["detail"]["s3ObjectDetails"]["versionId"]
    bucket.s3.delete_object(Bucket=bucket.name, Key=key)
    assert bucket.tags(key, version) == {TAG: "NO_THREATS_FOUND"}
    answer = bucket.s3.get_object(Bucket=bucket.name, Key=key, VersionId=version)
    assert answer["Body"].read() == CONTENT


def test_all_versions_go_at_once(bucket: Bucket, key: str) -> None:
    for content in (CONTENT, CONTENT + b"2"):
        assert bucket.upload(key, content).status_code == 200
    bucket.s3.delete_object(Bucket=bucket.name, Key=key)
    found = bucket.s3.list_object_versions(Bucket=bucket.name, Prefix=key)
    ids = [each["VersionId"] for each in (*found["Versions"], *found["DeleteMarkers"])]
    named = [{"Key": key, "VersionId": each} for each in ids]
    bucket.s3.delete_objects(Bucket=bucket.name, Delete={"Objects": named})
    left = bucket.s3.list_object_versions(Bucket=bucket.name, Prefix=key)
    assert "Versions" not in left
    assert "DeleteMarkers" not in left
