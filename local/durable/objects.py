"""S3's objects survive the process: before a caller gets an answer, bytes are in files and all else is in a journal.

The journal has a line for each change of a key: its versions, their tags and the files of their bytes as they are
afterwards. A file is written before the line that names it, and removed after the line that no longer does, so that a
crash at any moment leaves a whole object or none. The emulator's own files of objects are switched off.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from local.durable.journal import Change, Item, Journal, JournalError
from local.emulator.bodies import Bodies, Body
from local.emulator.calls import Response
from local.emulator.loading import MiniStack
from local.emulator.patching import replace, require
from local.settings import Settings

type Key = tuple[str, str]
"""A bucket and a key."""
type Record = dict[str, Any]

_FEW_LINES = 1000  # a shorter journal is not rewritten
_WRITES = {"DELETE", "POST", "PUT"}
_CREATED = "s3:ObjectCreated:"

logger = logging.getLogger("local.objects")


@dataclass
class _Call:
    """What a call that changes objects has told, and may be heard of once it is on the disk."""

    events: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)


_call: ContextVar[_Call | None] = ContextVar("call", default=None)


@dataclass(frozen=True)
class _State:
    """What the emulator has of a key."""

    current: Record | None
    versions: list[Record]
    tags: dict[str | None, dict[str, str]]

    def copied(self) -> "_State":
        """Return what it is now: the emulator changes records in place."""
        current = None if self.current is None else dict(self.current)
        return _State(current, [dict(each) for each in self.versions], dict(self.tags))

    def bodies(self) -> Iterator[tuple[Record, str]]:
        """Yield each place that holds a body: a record, and the name of its field."""
        if self.current is not None:
            yield self.current, "body"
        yield from ((each, "data") for each in self.versions if not each.get("is_delete_marker"))

    def files(self) -> set[str]:
        """Return the names of the files of its bodies."""
        return {record[name].path.name for record, name in self.bodies() if isinstance(record[name], Body)}


class Objects:
    """Keeps the objects of one emulator."""

    def __init__(
        self,
        emulator: MiniStack,
        settings: Settings,
        save_buckets: Callable[[], None],
        created: Callable[[str, str, str], None],
    ) -> None:
        """Keep objects in the state folder; `created` is called for each new one with bucket, key and version."""
        self._s3 = s3 = emulator.s3
        self._durable = settings.durable
        self._bodies = Bodies(settings.objects)
        self._journal = Journal(settings.objects_journal)
        self._save_buckets = save_buckets
        self._created = created
        self._buckets_on_disk: set[str] = set()
        self._changing = asyncio.Lock()
        parameters = ("method", "path", "headers", "body", "query_params", "signed_path", "enforce_bucket_region")
        more = ("internal", "access_point_region", "access_point")
        self._handle = require(s3, "handle_request", *parameters, *more)
        self._fire = require(
            s3,
            "_fire_s3_event_async",
            "bucket_name",
            "key",
            "event_name",
            "size",
            "etag",
            "deletion_type",
            "version_id",
            "object_extra",
            "record_extra",
        )
        self._get_data = require(s3, "_get_object_data", "bucket_name", "key", "version_id")
        self._md5 = require(s3, "md5_hash", "data")
        self._checksum = require(s3, "_compute_s3_checksum", "algorithm", "body")
        self._targets_of = require(emulator.iam_actions, "_s3_batch_delete_targets", "bucket", "body")

    def install(self) -> None:
        """Watch every change of an object; call before the emulator starts."""
        replace(self._s3, "handle_request", self._handle_and_record)
        replace(self._s3, "_fire_s3_event_async", self._fire_later)
        replace(self._s3, "_get_object_data", self._data_in_memory)
        replace(self._s3, "md5_hash", lambda data: data.md5() if isinstance(data, Body) else self._md5(data))
        replace(self._s3, "_compute_s3_checksum", self._known_checksum)

    def restore(self) -> None:
        """Bring back what is in the journal; call once the emulator has read its snapshots.

        Nobody is told: the objects are not new.

        Raises
        ------
        JournalError
            If the journal is damaged, or the buckets that it belongs to are not there.
        """
        states: dict[Key, Item | None] = {}
        for changes in self._journal.read():
            states |= {(bucket, key): state for bucket, key, _, state in changes}
        self._buckets_on_disk = set(self._s3._buckets)  # noqa: SLF001
        if any(states.values()) and not self._buckets_on_disk:
            message = (
                "There are objects in the journal but no bucket to put them into: a file of the state folder was lost "
                "or damaged (logs/emulator.log says which). Bring it back, or start afresh with `make reset`."
            )
            raise JournalError(message)
        files = set[str]()
        for (bucket, key), state in states.items():
            if state is not None and bucket in self._buckets_on_disk:
                restored = self._decoded((bucket, key), state)
                self._put((bucket, key), restored)
                files |= restored.files()
        self._bodies.keep_only(files)
        self._compact()

    def close(self) -> None:
        """Write what is not written yet; call after the last request, when the buckets are saved."""
        if self._durable:
            self._compact()
        else:
            self._journal.rewrite(self._all())

    async def _handle_and_record(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | Body,
        query_params: dict[str, list[str]],
        *more: object,
        **options: object,
    ) -> Response:
        keys = self._keys_of(method, path, body, query_params)
        if not keys:
            response: Response = await self._handle(method, path, headers, body, query_params, *more, **options)
            return response
        async with self._changing:
            before = {key: self._state(key).copied() for key in keys}
            call = _Call()
            token = _call.set(call)
            try:
                response = await self._handle(method, path, headers, body, query_params, *more, **options)
                await self._record(before)
            except OSError:
                logger.exception("%s %s: not stored", method, path)
                await self._undo(before)
                failure = ("InternalError", "We encountered an internal error. Please try again.", 500, path)
                response = self._s3._error(*failure)  # noqa: SLF001
                call.events.clear()
            finally:
                _call.reset(token)
        for arguments, named in call.events:
            self._tell(*arguments, **named)
        return response

    def _keys_of(self, method: str, path: str, body: bytes | Body, query: dict[str, list[str]]) -> list[Key]:
        """Return the keys that a request may change."""
        bucket, _, key = path.lstrip("/").partition("/")
        if method not in _WRITES or bucket not in self._s3._buckets:  # noqa: SLF001
            return []
        if key:
            return [(bucket, key)]
        arns = self._targets_of(bucket, bytes(body)) if method == "POST" and "delete" in query else ()
        return [(bucket, arn.partition("/")[2]) for arn, _ in arns]

    async def _record(self, before: dict[Key, _State]) -> None:
        """Put what has become of the keys on the disk.

        Raises
        ------
        OSError
            If there is no room for it.
        """
        gone = set[str]()
        changes: list[Change] = []
        for key, old in before.items():
            new = self._state(key)
            await asyncio.to_thread(self._put_into_files, key, new)
            if (encoded := _encoded(new)) != _encoded(old):
                changes.append((*key, "", encoded))
                gone |= old.files() - new.files()
        if changes and self._durable:
            self._write(changes)
            await self._journal.sync()
        for name in gone:
            self._bodies.named(name, 0).discard()

    def _put_into_files(self, key: Key, state: _State) -> None:
        """Replace bytes in memory by files, and what another key has by files of its own."""
        files: dict[int, Body] = {}
        for record, name in state.bodies():
            content = record[name]
            if id(content) not in files:
                if not isinstance(content, Body):
                    files[id(content)] = self._bodies.keep(content or b"")
                elif content.owner in {None, key}:
                    files[id(content)] = content
                else:
                    files[id(content)] = self._bodies.twin(content)
                files[id(content)].owner = key
            record[name] = files[id(content)]

    def _write(self, changes: list[Change]) -> None:
        if any(bucket not in self._buckets_on_disk for bucket, *_ in changes):
            # A deployment made the bucket and is not over yet: its objects would be lost with it.
            self._save_buckets()
            self._buckets_on_disk = set(self._s3._buckets)  # noqa: SLF001
        self._journal.append(changes)

    async def _undo(self, before: dict[Key, _State]) -> None:
        """Make the keys what they were."""
        changes: list[Change] = []
        for key, old in before.items():
            new = self._state(key)
            self._put(key, old)
            changes.append((*key, "", _encoded(old)))
            for name in new.files() - old.files():
                self._bodies.named(name, 0).discard()
        if self._durable:
            try:
                # The line that failed is owed to the journal, and so is the one that takes it back.
                self._journal.append(changes)
                await self._journal.sync()
            except OSError:
                logger.exception("The journal of objects can't be written")

    def _fire_later(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 (the emulator's)
        """Keep an event until what it tells is on the disk."""
        call = _call.get()
        if call is None:
            self._tell(*arguments, **named)
        else:
            call.events.append((arguments, named))

    def _tell(self, bucket: str, key: str, event: str, *more: object, **named: Any) -> None:  # noqa: ANN401
        self._fire(bucket, key, event, *more, **named)
        if event.startswith(_CREATED):
            self._created(bucket, key, named.get("version_id") or "null")

    def _data_in_memory(self, bucket_name: str, key: str, version_id: str | None = None) -> bytes | None:
        content = self._get_data(bucket_name, key, version_id)
        return None if content is None else bytes(content)

    def _known_checksum(self, algorithm: str, body: bytes | Body) -> str | None:
        if isinstance(body, Body) and algorithm == "SHA256":
            return body.sha256()
        computed: str | None = self._checksum(algorithm, bytes(body))
        return computed

    def _state(self, key: Key) -> _State:
        bucket, name = key
        current = self._s3._buckets[bucket]["objects"].get(name)  # noqa: SLF001
        versions = self._s3._object_versions.get(key) or []  # noqa: SLF001
        ids = [None, *(each["version_id"] for each in versions)]
        tags = {each: dict(found) for each in ids if (found := self._tags().get((bucket, name, each)))}
        return _State(current, versions, tags)

    def _put(self, key: Key, state: _State) -> None:
        bucket, name = key
        objects, versions = self._s3._buckets[bucket]["objects"], self._s3._object_versions  # noqa: SLF001
        objects.pop(name, None)
        if state.current is not None:
            objects[name] = state.current
        for version in [None, *(each["version_id"] for each in versions.pop(key, None) or ())]:
            self._tags().pop((bucket, name, version), None)
        if state.versions:
            versions[key] = state.versions
        for version, tags in state.tags.items():
            self._tags()[bucket, name, version] = tags

    def _tags(self) -> Any:  # noqa: ANN401 (the emulator's own kind of dictionary)
        return self._s3._object_tags  # noqa: SLF001

    def _decoded(self, key: Key, state: Item) -> _State:
        versions: list[Any] = list(state["versions"])  # type: ignore[call-overload]
        current: Any = state["current"]
        bodies: dict[str, Body] = {}
        for record, name in ((current, "body"), *((each, "data") for each in versions)):
            if record is not None and (file := record.pop("file", None)) is not None:
                record[name] = bodies.setdefault(file, self._bodies.named(file, record["size"]))
                bodies[file].owner = key
        tags: Any = state["tags"]
        return _State(current, versions, {None if each == "" else each: found for each, found in tags.items()})

    def _compact(self) -> None:
        live = sum(1 for _ in self._all())
        if self._journal.lines > 2 * live + _FEW_LINES:
            self._journal.rewrite(self._all())

    def _all(self) -> Iterable[Change]:
        keys = {(bucket, key) for bucket, content in self._s3._buckets.items() for key in content["objects"]}  # noqa: SLF001
        keys |= {key for key in self._s3._object_versions if key[0] in self._s3._buckets}  # noqa: SLF001
        for key in sorted(keys):
            yield *key, "", _encoded(self._state(key))


def _encoded(state: _State) -> Item | None:
    """Return what the journal has of a key, None if there is nothing left of it."""
    if state.current is None and not state.versions:
        return None

    def encoded(record: Record, name: str) -> Record:
        content = record.get(name)
        kept = {field: value for field, value in record.items() if field != name}
        return kept | ({"file": content.path.name} if isinstance(content, Body) else {})

    return {
        "current": None if state.current is None else encoded(state.current, "body"),
        "versions": [encoded(each, "data") for each in state.versions],
        "tags": {version or "": tags for version, tags in state.tags.items()},
    }
