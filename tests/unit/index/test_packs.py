"""Packs: written whole, read in parts, and never taken for what they are not."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError, ReadTimeoutError
from botocore.response import StreamingBody

from tests.unit.index.support import PACKS, Aws, Calls, Client
from ticketing.aws.data import TenantFiles
from ticketing.ids import new_id
from ticketing.index import packs as module
from ticketing.index.errors import IndexDamagedError, PacksLeftError
from ticketing.index.maps import Place
from ticketing.index.packs import Packs


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def packs(aws: Aws, calls: Calls) -> Packs:
    client: Any = Client(aws.s3, calls)
    credentials: Any = None
    return Packs(TenantFiles(lambda: client, credentials, PACKS, "acme"))


def place(pack: str, content: bytes, offset: int, length: int) -> Place:
    return Place(pack, offset, length, hashlib.sha256(content[offset : offset + length]).hexdigest())


def noise(length: int) -> bytes:
    return b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(length // 32 + 1))[:length]


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a request have a thousand bytes, and a gap be a hundred."""
    monkeypatch.setattr(module, "_PART", 1000)
    monkeypatch.setattr(module, "_GAP", 100)


def test_what_was_put_is_there(packs: Packs, tmp_path: Path, aws: Aws) -> None:
    one, other = new_id(), new_id()
    (tmp_path / "file").write_bytes(b"of a file")
    packs.put({one: b"some bytes", other: tmp_path / "file"})
    assert (packs.get(one), packs.get(other)) == (b"some bytes", b"of a file")
    assert packs.fetched == 19
    assert aws.packs() == {one: b"some bytes", other: b"of a file"}
    assert {stored.pack for stored in packs.all()} == {one, other}


def test_a_tenants_packs_are_not_anothers(packs: Packs, aws: Aws) -> None:
    aws.start(tenant_id="globex").write({"1": "theirs"})
    assert list(packs.all()) == []
    with pytest.raises(IndexDamagedError):
        packs.get(next(iter(aws.packs("globex"))))


@pytest.mark.usefixtures("parts")
def test_files_side_by_side_are_one_request_and_a_large_one_several(packs: Packs, calls: Calls, tmp_path: Path) -> None:
    content, pack = noise(6000), new_id()
    packs.put({pack: content})
    ranges = {"a": (0, 300), "b": (300, 0), "c": (350, 400), "large": (1000, 2500), "e": (5990, 10)}
    wanted = {tmp_path / name: place(pack, content, *found) for name, found in ranges.items()}
    calls.made.clear()
    packs.fetch(wanted, {})
    for name, (offset, length) in ranges.items():
        assert (tmp_path / name).read_bytes() == content[offset : offset + length], name
    # a to c; three of the large one; e. The gap of 50 is read, the one of 250 is not.
    assert calls.made == ["get_object"] * 5
    assert packs.fetched == 750 + 2500 + 10
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == set(ranges)


def test_nothing_is_asked_of_s3_that_is_known(packs: Packs, calls: Calls, tmp_path: Path) -> None:
    content, pack = noise(100), new_id()
    packs.fetch({tmp_path / "a": place(pack, content, 10, 20)}, {pack: content})
    assert (tmp_path / "a").read_bytes() == content[10:30]
    assert calls.made == []


def _flipped(content: bytes) -> bytes:
    return content[:1500] + bytes([content[1500] ^ 4]) + content[1501:]


def _cut(content: bytes) -> bytes:
    return content[:1501]


def _cut_before(content: bytes) -> bytes:
    return content[:900]


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("damage", [_flipped, _cut, _cut_before, None])
def test_a_damaged_pack_is_noticed_and_leaves_nothing(
    damage: Callable[[bytes], bytes] | None, packs: Packs, aws: Aws, tmp_path: Path
) -> None:
    content, pack = noise(6000), new_id()
    packs.put({pack: content})
    if damage:
        aws.alter(pack, damage(content))
    else:
        aws.lose(pack)
    wanted = {tmp_path / "a": place(pack, content, 0, 300), tmp_path / "b": place(pack, content, 1000, 2000)}
    with pytest.raises(IndexDamagedError):
        packs.fetch(wanted, {})
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


def test_who_may_not_list_is_told_that_a_missing_pack_is_forbidden(packs: Packs, calls: Calls) -> None:
    answer: Any = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}

    def denied(_name: str) -> Any:
        raise ClientError(answer, "GetObject")

    calls.decide = denied
    with pytest.raises(IndexDamagedError):
        packs.get(new_id())


def test_a_failure_of_s3_is_no_damage(packs: Packs, calls: Calls) -> None:
    answer: Any = {"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}

    def slow(_name: str) -> Any:
        raise ClientError(answer, "GetObject")

    calls.decide = slow
    with pytest.raises(ClientError):
        packs.get(new_id())


class Interrupted:
    """An answer of S3 that ends early, as often as it is said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.left = times
        self._real = StreamingBody.read
        monkeypatch.setattr(StreamingBody, "read", lambda body, amt=None: self._read(body, amt))

    def _read(self, body: Any, amt: int | None) -> bytes:
        if self.left:
            self.left -= 1
            raise ReadTimeoutError(endpoint_url="https://s3")
        return self._real(body, amt)


def test_an_interrupted_answer_is_asked_for_again(packs: Packs, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = new_id()
    packs.put({pack: b"some bytes"})
    Interrupted(monkeypatch, 2)
    assert packs.get(pack) == b"some bytes"


def test_answers_that_never_arrive_are_a_failure_that_passes(packs: Packs, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = new_id()
    packs.put({pack: b"some bytes"})
    Interrupted(monkeypatch, 3)
    with pytest.raises(HTTPClientError):
        packs.get(pack)


def test_packs_are_deleted(packs: Packs, aws: Aws) -> None:
    names = [new_id() for _ in range(3)]
    packs.put(dict.fromkeys(names, b""))
    assert packs.delete(names[:2]) == 2
    assert list(aws.packs()) == names[2:]
    assert packs.delete([]) == 0


def test_what_s3_leaves_is_told(packs: Packs, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "call", lambda _name, _real: {"Errors": [{"Key": "acme/1"}]})
    with pytest.raises(PacksLeftError):
        packs.delete(["1"])
