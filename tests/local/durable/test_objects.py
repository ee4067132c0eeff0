"""Objects outlive the process: whole, with versions, tags and metadata, or not at all."""

import resource
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from local.aws.guardduty import TAG
from tests.harness.bucket import Bucket, new_key, template
from tests.harness.stack import Stack, copy_state
from tests.local.conftest import Launch, starting
from tests.local.durable.test_durability import kill_everything

CONTENT = b"A screenshot, a log, a contract."


class Machine:
    """What one stack after the other runs on, with the same state and ports. All tests of this file share it."""

    def __init__(self, start: Launch) -> None:
        self._start = start
        self.stack = start()

    def restart(self, bucket: Bucket) -> Bucket:
        """Kill the processes that are left, start anew, and return the bucket as it is then."""
        kill_everything(self.stack)
        self.stack = self._start(port=self.stack.port, aws_port=self.stack.aws_port)
        return Bucket(self.stack, bucket.name)


@pytest.fixture(scope="module")
def machine(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    state = tmp_path_factory.mktemp("objects") / "state"
    copy_state(stack.state, state)
    with starting(state) as start:
        yield Machine(start)


@pytest.fixture
def made(machine: Machine) -> Bucket:
    """A bucket of a stack that may come to harm."""
    bucket = Bucket(machine.stack, f"files-{uuid.uuid4()}")
    bucket.deploy(template(bucket.name))
    return bucket


def files(bucket: Bucket) -> int:
    return len(list((bucket.stack.state / "s3").iterdir()))


@pytest.mark.long
def test_all_of_an_object_survives_kill_9(machine: Machine, made: Bucket) -> None:
    named, key = {"Bucket": made.name, "Key": new_key()}, new_key()
    signer = made.signer()
    versions = []
    for content in (CONTENT, CONTENT + b"2"):
        answer = made.s3.put_object(
            **named, Body=content, ContentType="text/plain", Metadata={"a": "b"}, ChecksumAlgorithm="SHA256"
        )
        versions.append(answer["VersionId"])
        made.event("Scans", named["Key"], answer["VersionId"])
    made.s3.delete_object(**named)
    assert made.upload(key, CONTENT, signer).status_code == 200
    made.event("Scans", key)
    gone = new_key()
    made.upload(gone, CONTENT, signer)
    made.s3.delete_object(Bucket=made.name, Key=gone, VersionId=made.versions(gone)[0])
    before = files(made)
    after = machine.restart(made)
    assert files(after) == before
    found = after.s3.list_object_versions(Bucket=made.name)
    assert [(each["Key"], each["IsLatest"]) for each in found["DeleteMarkers"]] == [(named["Key"], True)]
    assert {each["Key"] for each in found["Versions"]} == {named["Key"], key}
    for version, content in zip(versions, (CONTENT, CONTENT + b"2"), strict=True):
        assert after.tags(named["Key"], version) == {TAG: "NO_THREATS_FOUND"}
        answer = after.s3.get_object(**named, VersionId=version, ChecksumMode="ENABLED")
        assert answer["Body"].read() == content
        assert (answer["ContentType"], answer["Metadata"]) == ("text/plain", {"a": "b"})
        assert answer["ChecksumSHA256"]
    assert after.s3.get_object(Bucket=made.name, Key=key)["Body"].read() == CONTENT


@pytest.mark.long
def test_what_was_acknowledged_is_there_and_scanned(machine: Machine, made: Bucket) -> None:
    """The process is killed while files arrive, and while some wait for the scanner."""
    signer, acknowledged = made.signer(), list[str]()

    def upload(_number: int) -> None:
        key = new_key()
        try:
            if made.upload(key, CONTENT * 20_000, signer).status_code == 200:
                acknowledged.append(key)
        except httpx.TransportError:
            return

    with ThreadPoolExecutor(4) as callers:
        for number in range(200):
            callers.submit(upload, number)
        while len(acknowledged) < 20:
            time.sleep(0.01)
        kill_everything(made.stack)
    after = machine.restart(made)
    for key in acknowledged:
        (version,) = after.versions(key)
        deadline = time.monotonic() + 20
        while after.tags(key, version) != {TAG: "NO_THREATS_FOUND"}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert after.s3.get_object(Bucket=made.name, Key=key)["Body"].read() == CONTENT * 20_000


@pytest.mark.long
def test_a_full_disk_stores_nothing(machine: Machine, made: Bucket) -> None:
    """Files that may not grow stand for it."""
    signer, kept = made.signer(), new_key()
    assert made.upload(kept, CONTENT, signer).status_code == 200
    made.event("Scans", kept)
    before, pid = files(made), made.stack.process.pid
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    for limit, content in ((1_000_000, CONTENT * 100_000), (100, CONTENT)):  # no room for the bytes; for the journal
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, unlimited[1]))
        for key in (new_key(), kept):
            answer = made.upload(key, content, signer)
            assert answer.status_code == 500
            assert "<Code>InternalError</Code>" in answer.text
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
        assert len(made.versions(kept)) == 1
        assert files(made) == before
    later = new_key()
    assert made.upload(later, CONTENT, signer).status_code == 200
    made.event("Scans", later)
    after = machine.restart(made)
    assert {each["Key"] for each in after.s3.list_object_versions(Bucket=made.name)["Versions"]} == {kept, later}
    for key in (kept, later):
        assert after.s3.get_object(Bucket=made.name, Key=key)["Body"].read() == CONTENT
