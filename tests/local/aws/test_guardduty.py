"""The scanner: what it finds, what it can't look into, and how it tells."""

import io
import json
import random
import tracemalloc
import zipfile
from typing import Any

import pytest

from local.aws import guardduty
from local.aws.guardduty import EICAR, TAG, scan
from tests.harness.bucket import Bucket, new_key, refused

BYTES = random.Random(7).randbytes(4096)  # noqa: S311 (no secret)


def zipped(*contents: bytes, **options: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **{"compression": zipfile.ZIP_DEFLATED, **options}) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.bin", content)
    return file.getvalue()


def nested(content: bytes, depth: int) -> bytes:
    for _ in range(depth):
        content = zipped(content)
    return content


def encrypted(content: bytes) -> bytes:
    """An archive whose files say that they are encrypted."""
    archive = bytearray(zipped(content))
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        archive[archive.index(signature) + place] |= 1
    return bytes(archive)


def damaged(content: bytes) -> bytes:
    archive = bytearray(zipped(content))
    archive[45] ^= 0xFF
    return bytes(archive)


def result(content: bytes) -> tuple[str, list[str]]:
    return scan(io.BytesIO(content))


@pytest.mark.parametrize(
    "content",
    [
        EICAR,
        BYTES + EICAR + BYTES,
        b"x" * (256 * 1024 - 10) + EICAR,  # across what is read at once
        zipped(EICAR),
        zipped(BYTES, EICAR),
        zipped(EICAR, compression=zipfile.ZIP_STORED),
        nested(EICAR, guardduty.MAX_DEPTH),
        b"\x89PNG\r\n" + BYTES + zipped(EICAR),  # a polyglot
        zipped(encrypted(BYTES), EICAR),
    ],
)
def test_malware_is_found(content: bytes) -> None:
    assert result(content) == ("THREATS_FOUND", [])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        BYTES,
        EICAR[:-1],
        EICAR.lower(),
        zipped(BYTES),
        zipped(),
        nested(BYTES, 3),
        BYTES + b"PK\5\6" + b"\xff" * 18,
    ],
)
def test_the_rest_is_clean(content: bytes) -> None:
    assert result(content) == ("NO_THREATS_FOUND", [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (encrypted(BYTES), "PASSWORD_PROTECTED"),
        (zipped(encrypted(BYTES)), "PASSWORD_PROTECTED"),
        (zipped(BYTES, compression=zipfile.ZIP_LZMA), "UNSUPPORTED_COMPRESSION"),
        (damaged(BYTES), "DAMAGED_ARCHIVE"),
        (nested(BYTES, guardduty.MAX_DEPTH + 1), "ARCHIVE_TOO_DEEP"),
        (nested(EICAR, guardduty.MAX_DEPTH + 1), "ARCHIVE_TOO_DEEP"),
        (zipped(*[b""] * (guardduty.MAX_FILES + 1)), "EXTRACTION_LIMIT_EXCEEDED"),
        (zipped(*[b""] * 12_000), "EXTRACTION_LIMIT_EXCEEDED"),  # whose list of files is too long to read
    ],
)
def test_what_can_not_be_looked_into(content: bytes, reason: str) -> None:
    assert result(content) == ("UNSUPPORTED", [reason])


def test_a_zip_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guardduty, "MAX_EXTRACTED", 20_000_000)
    bomb = zipped(*[zipped(b"\0" * 5_000_000)] * 10)
    assert result(bomb) == ("UNSUPPORTED", ["EXTRACTION_LIMIT_EXCEEDED"])


def test_memory_does_not_depend_on_the_size() -> None:
    large = io.BytesIO(BYTES * 10_000 + zipped(b"\0" * 30_000_000))
    tracemalloc.start()
    assert scan(large) == ("NO_THREATS_FOUND", [])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


@pytest.mark.parametrize(
    ("content", "status", "expected", "threats", "reasons"),
    [
        (BYTES, "COMPLETED", "NO_THREATS_FOUND", None, None),
        (EICAR, "COMPLETED", "THREATS_FOUND", [{"name": "EICAR-Test-File (not a virus)"}], None),
        (encrypted(BYTES), "SKIPPED", "UNSUPPORTED", None, ["PASSWORD_PROTECTED"]),
    ],
)
def test_a_result_is_a_tag_and_an_event(  # noqa: PLR0917 (cases)
    bucket: Bucket, content: bytes, status: str, expected: str, threats: object, reasons: object
) -> None:
    key = new_key()
    assert bucket.upload(key, content).status_code == 200
    event = bucket.event("Scans", key)
    (version,) = bucket.s3.list_object_versions(Bucket=bucket.name, Prefix=key)["Versions"]
    assert bucket.tags(key, version["VersionId"]) == {TAG: expected}
    formation = bucket.stack.client("cloudformation")
    (made,) = formation.describe_stacks(StackName=bucket.name)["Stacks"]
    assert event["resources"] == [made["Outputs"][0]["OutputValue"]]
    assert event["source"] == "aws.guardduty"
    assert event["detail"] == {
        "schemaVersion": "1.0",
        "scanStatus": status,
        "resourceType": "S3_OBJECT",
        "s3ObjectDetails": {
            "bucketName": bucket.name,
            "objectKey": key,
            "eTag": version["ETag"].strip('"'),
            "versionId": version["VersionId"],
            "s3Throttled": False,
        },
        "scanResultDetails": {"scanResultStatus": expected, "threats": threats, "statusReasons": reasons},
    }


def test_a_version_is_scanned_again_on_demand(bucket: Bucket) -> None:
    key = new_key()
    assert bucket.upload(key, BYTES).status_code == 200
    bucket.event("Scans", key)
    bucket.forget()
    scanner = bucket.stack.client("guardduty")
    scanner.send_object_malware_scan(S3Object={"Bucket": bucket.name, "Key": key})
    assert bucket.event("Scans", key)["detail"]["scanResultDetails"]["scanResultStatus"] == "NO_THREATS_FOUND"
    nothing = {"Bucket": bucket.name, "Key": new_key()}
    assert refused(scanner.send_object_malware_scan, S3Object=nothing) == "ResourceNotFoundException"
    elsewhere = {"Bucket": "no-bucket", "Key": key}
    assert refused(scanner.send_object_malware_scan, S3Object=elsewhere) == "BadRequestException"


def test_a_scanner_without_permission_says_so(bucket: Bucket) -> None:
    iam, role = bucket.stack.client("iam"), {"RoleName": "files-scanner", "PolicyName": "scan"}
    allowed = iam.get_role_policy(**role)["PolicyDocument"]
    (statement,) = allowed["Statement"]
    less = {**statement, "Action": ["s3:PutObjectVersionTagging"]}
    iam.put_role_policy(**role, PolicyDocument=json.dumps({"Statement": [less]}))
    try:
        key = new_key()
        assert bucket.upload(key, BYTES).status_code == 200
        detail = bucket.event("Scans", key)["detail"]
    finally:
        iam.put_role_policy(**role, PolicyDocument=json.dumps(allowed))
    assert (detail["scanStatus"], detail["scanResultDetails"]["scanResultStatus"]) == ("SKIPPED", "ACCESS_DENIED")
    assert bucket.tags(key, detail["s3ObjectDetails"]["versionId"]) == {TAG: "ACCESS_DENIED"}
