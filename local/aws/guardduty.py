"""GuardDuty's Malware Protection for S3, which the emulator does not have: plans, and a scanner behind them.

The scanner knows one piece of malware, the EICAR test file, anywhere in a file and in zip archives within zip archives.
What it finds is a tag of the object's version and an event on the default bus, as GuardDuty's are. It reads and tags as
the plan's role, so that its permissions and the bucket's policy count. It may be asked to scan again
(SendObjectMalwareScan), and at a start it scans what has no tag yet.
"""

import asyncio
import json
import logging
import queue
import tempfile
import threading
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, Literal
from xml.sax.saxutils import escape

from local.emulator.bodies import Body
from local.emulator.calls import Response
from local.emulator.loading import MiniStack
from local.emulator.patching import require
from local.settings import ACCOUNT_ID, REGION

type Result = Literal["NO_THREATS_FOUND", "THREATS_FOUND", "UNSUPPORTED", "ACCESS_DENIED", "FAILED"]
type Found = tuple[Result, list[str]]
"""A result, and the reasons of one that is neither yes nor no."""

TAG = "GuardDutyMalwareScanStatus"
# In two parts, or scanners of this machine would take this file for it.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}" + rb"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
MAX_DEPTH = 5
"""Archives within archives."""
MAX_FILES = 1000
"""Files of an archive and of all within it."""
MAX_EXTRACTED = 512 * 1024 * 1024
"""Bytes of them."""
_MAX_DIRECTORY = 1024 * 1024  # of the list of files at an archive's end, which is read whole
_CHUNK = 256 * 1024
_IN_MEMORY = 1024 * 1024
_STATUSES = {"NO_THREATS_FOUND": "COMPLETED", "THREATS_FOUND": "COMPLETED", "FAILED": "FAILED"}
_PLAN = "_malware_protection"  # of a bucket's record, with which it is kept
_KEY = "GuardDutyMalwareProtection"  # the access key of its sessions
_REFUSED, _FORBIDDEN = 400, 403

logger = logging.getLogger("local.guardduty")


class UnscannableError(Exception):
    """What can't be looked into; the text is GuardDuty's reason."""


@dataclass(frozen=True)
class _Version:
    """A version of an object."""

    bucket: str
    key: str
    id: str


class _Budget:
    """What is left of the limits of a scan."""

    def __init__(self) -> None:
        self._files, self._bytes = MAX_FILES, MAX_EXTRACTED

    def file(self) -> None:
        """Count a file."""
        self._files -= 1
        self._check()

    def extracted(self, size: int) -> None:
        """Count bytes."""
        self._bytes -= size
        self._check()

    def _check(self) -> None:
        if self._files < 0 or self._bytes < 0:
            message = "EXTRACTION_LIMIT_EXCEEDED"
            raise UnscannableError(message)


class _Careful:
    """A file of which nobody reads much at once: an archive's directory has the size that it says."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Read bytes.

        Raises
        ------
        UnscannableError
            If they are more than an archive within the limits needs.
        """
        content = self._file.read(size if 0 <= size <= _MAX_DIRECTORY else _MAX_DIRECTORY + 1)
        if len(content) > _MAX_DIRECTORY:
            message = "EXTRACTION_LIMIT_EXCEEDED"
            raise UnscannableError(message)
        return content


def scan(file: IO[bytes]) -> Found:
    """Look for malware in a file, which can be read from any place."""
    try:
        infected = _is_infected(file, _Budget(), MAX_DEPTH)
    except UnscannableError as error:
        return "UNSUPPORTED", [str(error)]
    return ("THREATS_FOUND" if infected else "NO_THREATS_FOUND"), []


def _is_infected(file: IO[bytes], budget: _Budget, depth: int) -> bool:
    """Return whether a file is malware or an archive with some.

    Raises
    ------
    UnscannableError
        If that is not known, as part of it can't be looked into.
    """
    file.seek(0)
    if any(EICAR in piece for piece in _overlapping(iter(lambda: file.read(_CHUNK), b""))):
        return True
    if not zipfile.is_zipfile(file):
        return False
    try:
        archive = zipfile.ZipFile(_Careful(file))
    except zipfile.BadZipFile:
        return False  # something else that ends like one
    if not depth:
        message = "ARCHIVE_TOO_DEEP"
        raise UnscannableError(message)
    unscannable: UnscannableError | None = None
    with archive:
        for member in archive.infolist():
            budget.file()
            try:
                if _holds_malware(archive, member, budget, depth):
                    return True
            except UnscannableError as error:
                if str(error) == "EXTRACTION_LIMIT_EXCEEDED":
                    raise
                unscannable = error  # there may be malware in the others
    if unscannable is not None:
        raise unscannable
    return False


def _holds_malware(archive: zipfile.ZipFile, member: zipfile.ZipInfo, budget: _Budget, depth: int) -> bool:
    if member.flag_bits & 1:
        message = "PASSWORD_PROTECTED"
        raise UnscannableError(message)
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        message = "UNSUPPORTED_COMPRESSION"
        raise UnscannableError(message)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as extracted:
        try:
            with archive.open(member) as content:
                while chunk := content.read(_CHUNK):
                    budget.extracted(len(chunk))
                    extracted.write(chunk)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            message = "DAMAGED_ARCHIVE"
            raise UnscannableError(message) from error
        return _is_infected(extracted, budget, depth - 1)


def _overlapping(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield chunks, each behind the end of the one before: what is looked for may lie across."""
    end = b""
    for chunk in chunks:
        yield end + chunk
        end = chunk[-(len(EICAR) - 1) :]


class Scanner:
    """Scans versions of objects, one after the other, in a thread of its own."""

    def __init__(self, emulator: MiniStack) -> None:
        self._s3, self._sts = emulator.s3, emulator.sts
        self._handlers = emulator.app.SERVICE_HANDLERS
        self._register = require(emulator.sts, "register_session", "access_key", "session")
        self._put_events = require(emulator.eventbridge, "_put_events", "data", "allow_aws_source")
        self._waiting = queue.SimpleQueue[_Version]()
        self._loop: asyncio.AbstractEventLoop | None = None

    def created(self, bucket: str, key: str, version: str) -> None:
        """Scan a new version, if a plan covers it."""
        plan = self._plan_of(bucket)
        if plan is not None and key.startswith(tuple(plan["prefixes"] or [""])):
            self._waiting.put(_Version(bucket, key, version))

    def start(self) -> None:
        """Scan from now on, what has no tag yet before all else; call in the loop, once the objects are there."""
        self._loop = asyncio.get_running_loop()
        for bucket, key in list(self._s3._object_versions):  # noqa: SLF001
            for version in self._s3._object_versions[bucket, key]:  # noqa: SLF001
                tags = self._s3._object_tags.get((bucket, key, version["version_id"]), {})  # noqa: SLF001
                if not version.get("is_delete_marker") and TAG not in tags:
                    self.created(bucket, key, version["version_id"])
        threading.Thread(target=self._run, name="guardduty", daemon=True).start()

    async def handle(
        self, method: str, path: str, _headers: dict[str, str], body: bytes, _query: dict[str, list[str]]
    ) -> Response:
        """Answer a call of GuardDuty: SendObjectMalwareScan is the only one there is."""
        await asyncio.sleep(0)
        if (method, path) != ("POST", "/object-malware-scan/send"):
            return _refusal(501, "NotImplementedException", "GuardDuty has no such call here.")
        named = json.loads(body or b"{}").get("s3Object") or {}
        bucket, key = named.get("bucket", ""), named.get("key", "")
        if self._plan_of(bucket) is None:
            return _refusal(400, "BadRequestException", "The bucket has no malware protection plan.")
        current = self._s3._buckets[bucket]["objects"].get(key) or {}  # noqa: SLF001
        version = named.get("versionId") or current.get("version_id") or "null"
        known = self._s3._object_versions.get((bucket, key)) or ()  # noqa: SLF001
        if version not in {each["version_id"] for each in known}:
            return _refusal(404, "ResourceNotFoundException", "There is no such version.")
        self._waiting.put(_Version(bucket, key, version))
        return 200, {"Content-Type": "application/json"}, b"{}"

    def _plan_of(self, bucket: str) -> dict[str, Any] | None:
        return (self._s3._buckets.get(bucket) or {}).get(_PLAN)  # noqa: SLF001

    def _run(self) -> None:
        while True:
            version = self._waiting.get()
            try:
                self._scan(version)
            except Exception:
                logger.exception("%s was not scanned", version)

    def _scan(self, version: _Version) -> None:
        plan = self._plan_of(version.bucket)
        if plan is None:
            return  # deleted meanwhile
        status, headers, content = self._call("GET", plan, version)
        if status == 404:  # noqa: PLR2004 (HTTP's)
            return
        if status == _FORBIDDEN:
            found: Found = "ACCESS_DENIED", ["UNAUTHORIZED_TO_GET_OBJECT"]
        elif status >= _REFUSED:
            found = "FAILED", []
        else:
            found = self._look_into(content.body)
        if plan["tagging"]:
            tag = f"<Tag><Key>{TAG}</Key><Value>{found[0]}</Value></Tag>"
            kept = "".join(
                f"<Tag><Key>{escape(name)}</Key><Value>{escape(value)}</Value></Tag>"
                for name, value in self._tags_of(version).items()
                if name != TAG
            )
            document = f"<Tagging><TagSet>{kept}{tag}</TagSet></Tagging>".encode()
            status, _, _ = self._call("PUT", plan, version, {"tagging": [""]}, document)
            if status >= _REFUSED:
                logger.error("%s can't be tagged: %s", version, status)
        self._tell(plan, version, headers.get("ETag", "").strip('"'), found)

    def _tags_of(self, version: _Version) -> dict[str, str]:
        named = None if version.id == "null" else version.id
        tags: dict[str, str] = self._s3._object_tags.get((version.bucket, version.key, named), {})  # noqa: SLF001
        return tags

    @staticmethod
    def _look_into(body: Body) -> Found:
        try:
            with body.path.open("rb") as file:
                return scan(file)
        except OSError:  # deleted meanwhile, or no room to extract its archives
            logger.exception("%s can't be read", body.path)
            return "FAILED", []

    def _call(
        self,
        method: str,
        plan: dict[str, Any],
        version: _Version,
        query: dict[str, list[str]] | None = None,
        body: bytes = b"",
    ) -> tuple[int, dict[str, str], Any]:
        """Call S3 as the plan's role."""
        key = f"{_KEY}-{plan['id']}"
        arn = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{plan['role']}/{_KEY}"
        # Nobody of the stack has assumed it.
        self._register(key, {"Arn": arn, "PrincipalType": "AssumedRole", "SourceAccessKeyId": ""})
        headers = {"authorization": f"AWS4-HMAC-SHA256 Credential={key}/20260101/{REGION}/s3/aws4_request"}
        named = {} if version.id == "null" else {"versionId": [version.id]}
        call = self._handlers["s3"](
            method, f"/{version.bucket}/{version.key}", headers, body, {**(query or {}), **named}
        )
        if self._loop is None:
            message = "not started"
            raise RuntimeError(message)
        answer: tuple[int, dict[str, str], Any] = asyncio.run_coroutine_threadsafe(call, self._loop).result()
        return answer

    def _tell(self, plan: dict[str, Any], version: _Version, etag: str, found: Found) -> None:
        result, reasons = found
        detail = {
            "schemaVersion": "1.0",
            "scanStatus": _STATUSES.get(result, "SKIPPED"),
            "resourceType": "S3_OBJECT",
            "s3ObjectDetails": {
                "bucketName": version.bucket,
                "objectKey": version.key,
                "eTag": etag,
                "versionId": version.id,
                "s3Throttled": False,
            },
            "scanResultDetails": {
                "scanResultStatus": result,
                "threats": [{"name": "EICAR-Test-File (not a virus)"}] if result == "THREATS_FOUND" else None,
                "statusReasons": reasons or None,
            },
        }
        entry = {
            "Source": "aws.guardduty",
            "DetailType": "GuardDuty Malware Protection Object Scan Result",
            "Detail": json.dumps(detail),
            "Resources": [plan_arn(plan["id"])],
        }
        self._put_events({"Entries": [entry]}, allow_aws_source=True)


def patch(emulator: MiniStack) -> Scanner:
    """Add plans to CloudFormation and GuardDuty to the services, and return its scanner.

    Raises
    ------
    EmulatorError
        If what this builds on is not there.
    """
    scanner = Scanner(emulator)
    emulator.app.SERVICE_HANDLERS["guardduty"] = scanner.handle
    emulator.app.SERVICE_REGISTRY["guardduty"] = {"module": "guardduty"}
    emulator.router.SERVICE_PATTERNS["guardduty"] = {"credential_scope": "guardduty"}
    emulator.provisioners._RESOURCE_HANDLERS["AWS::GuardDuty::MalwareProtectionPlan"] = _plans(emulator)  # noqa: SLF001
    return scanner


def plan_arn(plan_id: str) -> str:
    """Return the ARN of a plan."""
    return f"arn:aws:guardduty:{REGION}:{ACCOUNT_ID}:malware-protection-plan/{plan_id}"


def _plans(emulator: MiniStack) -> dict[str, Any]:
    buckets = emulator.s3._buckets  # noqa: SLF001

    def put(plan_id: str, props: dict[str, Any]) -> tuple[str, dict[str, str]]:
        protected = props["ProtectedResource"]["S3Bucket"]
        if protected["BucketName"] not in buckets:
            message = f"The bucket of a malware protection plan does not exist: {protected['BucketName']}"
            raise ValueError(message)
        buckets[protected["BucketName"]][_PLAN] = {
            "id": plan_id,
            "role": props["Role"].rpartition("/")[2],
            "prefixes": protected.get("ObjectPrefixes") or [],
            "tagging": ((props.get("Actions") or {}).get("Tagging") or {}).get("Status") == "ENABLED",
        }
        return plan_id, {
            "Arn": plan_arn(plan_id),
            "CreatedAt": datetime.now(UTC).isoformat(timespec="seconds"),
            "MalwareProtectionPlanId": plan_id,
            "Status": "ACTIVE",
        }

    def create(_logical_id: str, props: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
        return put(uuid.uuid4().hex[:20], props)

    def update(physical_id: str, old: dict[str, Any], props: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
        delete(physical_id, old)
        return put(physical_id, props)

    def delete(_physical_id: str, props: dict[str, Any]) -> None:
        buckets.get(props["ProtectedResource"]["S3Bucket"]["BucketName"], {}).pop(_PLAN, None)

    return {"create": create, "update": update, "delete": delete}


def _refusal(status: int, code: str, message: str) -> Response:
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return status, headers, json.dumps({"message": message, "__type": code}).encode()
