"""Files' contents in S3: the keys of objects, their addresses, their versions, and what the scanner says of them.

No other module calls S3. The bucket is versioned, and its policy lets nobody read what the scanner has not found clean,
also not this backend: until then, a version is known by its size alone.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import batched
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from botocore.exceptions import ClientError

from ticketing import clock
from ticketing.access.identity import TENANT_ID
from ticketing.attachments.models import Place
from ticketing.attachments.rules import disposition, served_type
from ticketing.aws.presigning import presigned
from ticketing.deployment import DEPLOYMENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef

    from ticketing.attachments.models import Attachment
    from ticketing.aws.data import TenantFiles

UPLOAD_TIME: Final = timedelta(minutes=15)
"""How long an address for an upload is good."""

READING_TIME: Final = timedelta(minutes=5)
"""How long an address for reading is good."""

TAG: Final = "GuardDutyMalwareScanStatus"
"""The tag by which GuardDuty says what it found, and which the bucket's policy reads."""

_KEY: Final = re.compile(rf"({TENANT_ID.pattern})/([0-9a-f-]{{36}})/([0-9a-f-]{{36}})")

_AT_ONCE: Final = 1000
"""The most versions that one DeleteObjects deletes."""

_GONE: Final = frozenset({403, 404})
"""How S3 answers for what is not there: with 403 to who may not list objects (s3:ListBucket), and nobody may here."""


class ObjectsLeftError(Exception):
    """S3 has not deleted some versions of objects. A retry finds them again."""


class VersionGoneError(Exception):
    """S3 has a version no more that it has listed: whoever read its file's row has to read it again."""


class ScanResult(StrEnum):
    """What the scanner says of a version of an object, in its words."""

    NO_THREATS_FOUND = "NO_THREATS_FOUND"
    THREATS_FOUND = "THREATS_FOUND"
    UNSUPPORTED = "UNSUPPORTED"
    ACCESS_DENIED = "ACCESS_DENIED"
    FAILED = "FAILED"


FAILURES: Final = frozenset({ScanResult.ACCESS_DENIED, ScanResult.FAILED})
"""What the scanner says where it could not look into a version."""


@dataclass(frozen=True, slots=True)
class Address:
    """A URL that needs no credentials, the headers that have to be sent to it, and until when it is good."""

    url: str
    headers: Mapping[str, str]
    expires_at: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A version of an object; of a mark that the object was deleted, the size is None."""

    key: str
    version: str
    size: int | None
    at: datetime


def object_key(place: Place) -> str:
    """Return the key of a file's object. There is nothing in it that a user wrote, and nothing to be escaped."""
    return "/".join(place)


def place_of(key: str) -> Place | None:
    """Return the file that a key belongs to; None for the key of anything else, such as GuardDuty's own object."""
    found = _KEY.fullmatch(key)
    return Place(*found.groups()) if found else None


class FileObjects:
    """The objects of one tenant's files. Every key it asks for starts with the tenant's id."""

    def __init__(self, files: TenantFiles) -> None:
        self._files = files

    def upload_address(self, attachment: Attachment) -> Address:
        """Return the address for the upload of an announced file: whatever else is sent there, S3 refuses."""
        headers = {
            "Content-Type": attachment.content_type,
            "x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(attachment.sha256)).decode(),
        }
        # Clients send the length by themselves; a browser lets nobody set it.
        signed = {**headers, "Content-Length": str(attachment.size)}
        return self._address("PUT", self._url(attachment.place), UPLOAD_TIME, headers, signed)

    def reading_address(self, attachment: Attachment) -> Address:
        """Return the address for reading the version of a file that was scanned; it is saved, and never shown."""
        query = {
            "response-cache-control": "private, no-store",
            "response-content-disposition": disposition(attachment.file_name),
            "response-content-encoding": "identity",
            "response-content-type": served_type(attachment.content_type),
            "versionId": str(attachment.object_version),
        }
        url = f"{self._url(attachment.place)}?{urlencode(query, quote_via=quote)}"
        return self._address("GET", url, READING_TIME, {}, {})

    def versions(self, place: Place) -> list[Stored]:
        """Return all versions of a file's object, oldest first: one request, unless there are a thousand."""
        key = object_key(place)
        found = [stored for stored in self._under(key) if stored.key == key]
        # S3 lists the newest first, with times in seconds: of the same second, the last one here is the oldest.
        found.reverse()
        return sorted(found, key=lambda one: one.at)

    def all(self, ticket_id: str | None = None) -> Iterator[Stored]:
        """Yield all versions of the objects of a ticket's files, or of all: one request for each thousand."""
        return self._under(f"{self._files.tenant_id}/{f'{ticket_id}/' if ticket_id else ''}")

    def scan_result(self, stored: Stored) -> ScanResult | None:
        """Return what the scanner said of a version; None if it has said nothing usable.

        Raises
        ------
        VersionGoneError
            The version is gone.
        """
        said = self._said(stored)
        return ScanResult(said) if said is not None and said in ScanResult else None

    def mark_clean(self, stored: Stored) -> None:
        """Say in the scanner's place that a version may be read, where nothing is scanned.

        What a scanner has said of it before stays. It raises as `scan_result` does.
        """
        if self._said(stored) is None:
            self._client.put_object_tagging(
                Bucket=self._files.bucket,
                Key=stored.key,
                VersionId=stored.version,
                Tagging={"TagSet": [{"Key": TAG, "Value": ScanResult.NO_THREATS_FOUND.value}]},
            )

    def has_content(self, stored: Stored, attachment: Attachment) -> bool | None:
        """Return whether a version holds what was announced; None while the bucket's policy lets nobody read it."""
        try:
            head = self._client.head_object(
                Bucket=self._files.bucket, Key=stored.key, VersionId=stored.version, ChecksumMode="ENABLED"
            )
        except ClientError as error:
            if _status_of(error) in _GONE:
                return None
            raise
        announced = base64.b64encode(bytes.fromhex(attachment.sha256)).decode()
        return head["ContentLength"] == attachment.size and head.get("ChecksumSHA256") == announced

    def delete(self, stored: Iterable[Stored]) -> int:
        """Delete versions of objects for good, and return their number: one request for each thousand.

        Raises
        ------
        ObjectsLeftError
            S3 has left some.
        """
        deleted = 0
        for batch in batched(stored, _AT_ONCE, strict=False):
            answer = self._client.delete_objects(
                Bucket=self._files.bucket,
                Delete={"Objects": [{"Key": one.key, "VersionId": one.version} for one in batch], "Quiet": True},
            )
            if answer.get("Errors"):
                raise ObjectsLeftError
            deleted += len(batch)
        return deleted

    def delete_all(self, place: Place) -> int:
        """Delete all versions of a file's object for good, and return their number; raises as `delete` does."""
        return self.delete(self.versions(place))

    @property
    def _client(self) -> S3Client:
        return self._files.client()

    def _said(self, stored: Stored) -> str | None:
        try:
            answer = self._client.get_object_tagging(
                Bucket=self._files.bucket, Key=stored.key, VersionId=stored.version
            )
        except ClientError as error:
            if _status_of(error) in _GONE:
                raise VersionGoneError from error
            raise
        return next((tag["Value"] for tag in answer["TagSet"] if tag["Key"] == TAG), None)

    def _under(self, prefix: str) -> Iterator[Stored]:
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._files.bucket, Prefix=prefix)
        for page in pages:
            yield from _listed(page)

    def _url(self, place: Place) -> str:
        bucket, address = self._files.bucket, DEPLOYMENT.attachment_address
        if address:
            return f"{address.rstrip('/')}/{bucket}/{object_key(place)}"
        region = DEPLOYMENT.region
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"https://{bucket}.s3.{region}.{suffix}/{object_key(place)}"

    def _address(
        self, method: str, url: str, good: timedelta, headers: Mapping[str, str], signed: Mapping[str, str]
    ) -> Address:
        expires = clock.timestamp(clock.now() + good)
        signature = presigned(method, url, signed, self._files.credentials(), int(good.total_seconds()))
        return Address(signature, headers, expires)


def tenants_with_objects(client: S3Client, bucket: str) -> Iterator[str]:
    """Yield the ids of the tenants that have objects: what the keys begin with."""
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket, Delimiter="/")
    for page in pages:
        for found in page.get("CommonPrefixes", ()):
            tenant_id = found["Prefix"].removesuffix("/")
            if TENANT_ID.fullmatch(tenant_id):
                yield tenant_id


def _status_of(error: ClientError) -> int | None:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")


def _listed(page: ListObjectVersionsOutputTypeDef) -> Iterator[Stored]:
    """Yield the versions of one answer, and then the marks; each by key, newest first."""
    for one in page.get("Versions", ()):
        yield Stored(one["Key"], one["VersionId"], one["Size"], one["LastModified"])
    for mark in page.get("DeleteMarkers", ()):
        yield Stored(mark["Key"], mark["VersionId"], None, mark["LastModified"])
