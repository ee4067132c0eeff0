"""What the tests of indexes share: a small index of tantivy's, AWS as it may fail, and the bucket as it is stored."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import tantivy
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from tests.unit.attachments.support import moto_buckets
from tests.unit.support import NOTIFICATIONS_TABLE, TABLE, USERS_TABLE
from ticketing import clock
from ticketing.aws.data import TenantData, TenantFiles
from ticketing.deployment import Tables
from ticketing.index.errors import LostRaceError
from ticketing.index.folders import Folders
from ticketing.index.heads import Pointer, Ref, Slot
from ticketing.index.store import IndexStore

INDEX_TABLE: Final = "indexes"
PACKS: Final = "index-packs"

GIGABYTE: Final = 10**9


# --- the engine -------------------------------------------------------------------------------------------------------


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", fast=True)
    builder.add_text_field("text", stored=True)
    return builder.build()


_SCHEMA: Final = _schema()


def commit(folder: Path, changes: Mapping[str, str | None]) -> None:
    """Write documents to the index in a folder, each over the one with its id; None deletes it."""
    index = tantivy.Index(_SCHEMA, str(folder))
    writer = index.writer(15_000_000, 1)
    for name, text in changes.items():
        writer.delete_documents_by_term("id", name)
        if text is not None:
            document = tantivy.Document()
            document.add_text("id", name)
            document.add_text("text", text)
            writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()


def opening(folder: Path) -> tantivy.Index:
    return tantivy.Index.open(str(folder))


def found(index: tantivy.Index, segment: int | None = None) -> dict[str, str]:
    """Return all documents, or those of a segment: texts by their ids, each of which may be there once."""
    searcher = index.searcher()
    hits = searcher.search(tantivy.Query.all_query(), limit=10_000).hits
    values = [
        searcher.doc(address).to_dict() for _, address in hits if segment is None or address.segment_ord == segment
    ]
    texts = {value["id"][0]: value["text"][0] for value in values}
    assert len(texts) == len(values)
    return texts


# --- AWS as it may fail -----------------------------------------------------------------------------------------------


class Fault(StrEnum):
    """What becomes of a call."""

    NONE = "it succeeds"
    REFUSED = "it does not land"
    LOST = "it lands, and its answer is lost"
    REPEATED = "it lands, its answer is lost, and botocore repeats it"
    DIES_BEFORE = "the process is killed before it lands"
    DIES_AFTER = "the process is killed after it has landed"


class KilledError(BaseException):
    """The process is killed: nothing in it goes on."""


type Decide = Callable[[str], Fault]
"""What becomes of the call of a name."""


@dataclass
class Calls:
    """AWS for one process: every call is decided upon before it is made."""

    decide: Decide = lambda _name: Fault.NONE
    made: list[str] = field(default_factory=list)
    alive: bool = True

    def call(self, name: str, real: Callable[[], Any]) -> Any:
        self._live()
        self.made.append(name)
        fault = self.decide(name)
        self._live()  # it may have been killed while it waited for its turn
        if fault is Fault.REFUSED:
            raise EndpointConnectionError(endpoint_url="https://aws")
        if fault is Fault.DIES_BEFORE:
            self.kill()
        answer = real()
        if fault is Fault.REPEATED:
            answer = real()
        if fault is Fault.DIES_AFTER:
            self.kill()
        if fault is Fault.LOST:
            raise ReadTimeoutError(endpoint_url="https://aws")
        return answer

    def kill(self) -> None:
        self.alive = False
        raise KilledError

    def _live(self) -> None:
        if not self.alive:
            raise KilledError


@dataclass
class Client:
    """A client of AWS whose calls are decided upon. S3's times are the clock's."""

    real: Any
    calls: Calls

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.real, name)
        return lambda *args, **kwargs: self.calls.call(name, lambda: self._called(name, method, args, kwargs))

    @staticmethod
    def _called(name: str, method: Any, args: Any, kwargs: Any) -> Any:
        answer = method(*args, **kwargs)
        if name == "put_object":
            moto_buckets()[PACKS].keys[kwargs["Key"]].last_modified = clock.now().replace(tzinfo=None)
        return answer


# --- processes --------------------------------------------------------------------------------------------------------


@dataclass
class Process:
    """A process with a disk of its own, as functions have it."""

    store: IndexStore
    folders: Folders
    root: Path
    calls: Calls

    def write(self, changes: Mapping[str, str | None]) -> Pointer:
        """Write to the index that is served, once."""
        return self.write_read(lambda: changes)

    def write_read(self, read: Callable[[], Mapping[str, str | None]]) -> Pointer:
        """Write what is read, in the order that is right, to the index that is served."""
        pointer = self.store.pointer()
        changes = read()
        with self.store.writing(pointer.serving.ref if pointer.serving else None) as writing:
            commit(writing.folder, changes)
            ref = writing.put()
        slot = Slot(1, ref, clock.timestamp(clock.now()), complete=True)
        return self.store.replace(pointer, serving=slot, building=pointer.building)

    def write_twice(self, read: Callable[[], Mapping[str, str | None]]) -> None:
        """Write what is read, once more after a lost race. The second may be lost, too, which leaves all as it was."""
        with suppress(LostRaceError):
            self.write_read(read)
            return
        self.write_read(read)

    def ref(self) -> Ref:
        """Return the state that is served."""
        slot = self.store.pointer().serving
        assert slot is not None
        assert slot.ref is not None
        return slot.ref

    def found(self, ref: Ref | None = None) -> dict[str, str]:
        return found(self.store.open(ref or self.ref(), opening))

    def bytes(self) -> int:
        """Return how many bytes the files of its packs have."""
        return sum(path.stat().st_size for path in self.root.glob("*/packs/*/*"))


type Start = Callable[..., Process]
"""What starts a process: `start()`, `start(decide)`, `start(tenant_id="globex")`, `start(most_bytes=1000)`."""


@dataclass
class Aws:
    """The table and the bucket, and processes that use them."""

    dynamodb: Any
    s3: Any
    disks: Path
    started: Iterator[int]

    def start(self, decide: Decide | None = None, *, tenant_id: str = "acme", most_bytes: int = GIGABYTE) -> Process:
        calls = Calls(decide) if decide else Calls()
        dynamodb, s3 = Client(self.dynamodb, calls), Client(self.s3, calls)
        tables = Tables(TABLE, USERS_TABLE, NOTIFICATIONS_TABLE, INDEX_TABLE)
        data = TenantData(dynamodb, tables, tenant_id)  # type: ignore[arg-type]
        files = TenantFiles(lambda: s3, _no_credentials, PACKS, tenant_id)  # type: ignore[arg-type, return-value]
        root = self.disks / f"process-{next(self.started)}"
        root.mkdir()
        folders = Folders(root, most_bytes)
        return Process(IndexStore(data, files, folders), folders, root, calls)

    def packs(self, tenant_id: str = "acme") -> dict[str, bytes]:
        """Return all packs of a tenant, as they are stored."""
        keys = moto_buckets()[PACKS].keys
        prefix = f"{tenant_id}/"
        return {key.removeprefix(prefix): keys[key].value for key in keys if key.startswith(prefix)}

    def alter(self, pack: str, content: bytes) -> None:
        """Store something else in place of a pack."""
        key = moto_buckets()[PACKS].keys[f"acme/{pack}"]
        at = key.last_modified
        key.value = content
        key.last_modified = at

    def lose(self, pack: str) -> None:
        """Let a pack be gone."""
        del moto_buckets()[PACKS].keys[f"acme/{pack}"]

    def forget(self) -> None:
        """Lose everything: for a test that begins many times."""
        moto_buckets()[PACKS].keys.clear()
        self.forget_pointer()

    def forget_pointer(self) -> None:
        """Lose the table's items."""
        for key in self.dynamodb.scan(TableName=INDEX_TABLE, ProjectionExpression="PK, SK")["Items"]:
            self.dynamodb.delete_item(TableName=INDEX_TABLE, Key=key)


def _no_credentials() -> Any:
    raise AssertionError


# --- several processes at once ----------------------------------------------------------------------------------------


class Actor:
    """A process whose calls wait until it is their turn: what one does between two calls of AWS is one step."""

    def __init__(self, run: Callable[[Decide], None]) -> None:
        self._turn = threading.Semaphore(0)
        self._waits = threading.Semaphore(0)
        self._fault = Fault.NONE
        self.over = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=[run], daemon=True)
        self._thread.start()
        self._waits.acquire()

    def step(self, fault: Fault = Fault.NONE) -> None:
        """Let its next call happen, as it is said, and everything up to the one after."""
        self._fault = fault
        self._turn.release()
        self._waits.acquire()

    def _decide(self, _name: str) -> Fault:
        self._waits.release()
        self._turn.acquire()
        return self._fault

    def _run(self, run: Callable[[Decide], None]) -> None:
        try:
            run(self._decide)
        except BaseException as error:  # noqa: BLE001 - whoever steps looks at it
            self.error = error
        self.over = True
        self._waits.release()
