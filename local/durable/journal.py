"""A file of changed items that is safe against `kill -9` and against a lost last line.

Each line is one JSON array of changes that belong together (a transaction's changes are on one line, so they survive
together or not at all). A change is ``[table id, partition key, sort key, item]`` with the item as it is afterwards, or
null where it is gone. Because a line says how items are and not what was asked for, reading the file twice, or reading
lines whose effect is already there, changes nothing.
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

type Item = dict[str, object]
type Change = tuple[str, str, str, Item | None]


class JournalError(RuntimeError):
    """The journal is damaged in a way that a crash cannot explain."""


class Journal:
    """The journal's file, open for appending once `read` has been called."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._written = 0
        self._synced = 0
        self._owed: list[Change] = []
        self._syncing: asyncio.Future[int] | None = None
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(1, "journal-sync")
        self.lines = 0

    def read(self) -> Iterator[list[Change]]:
        """Yield the lines' changes, oldest first, then open the file for appending.

        A last line without an end was never acknowledged: it is cut off.

        Raises
        ------
        JournalError
            If a line that has an end is not what this class wrote.
        """
        good = 0
        if self._path.exists():
            with self._path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if not line.endswith(b"\n"):
                        break
                    yield self._parse(line, number)
                    good += len(line)
                    self.lines = number
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        os.ftruncate(self._file, good)

    def _parse(self, line: bytes, number: int) -> list[Change]:
        try:
            return [(table, partition, sort, item) for table, partition, sort, item in json.loads(line)]
        except (ValueError, TypeError) as error:
            message = f"{self._path}, line {number} is damaged ({error}). `make reset` starts afresh, without its data."
            raise JournalError(message) from error

    def append(self, changes: Iterable[Change]) -> None:
        """Hand one line to the kernel: from here on it outlives this process, though not yet a power cut.

        Raises
        ------
        OSError
            If it cannot be written whole; the file is then as it was. The next line brings these changes along: the
            emulator has made them, and what follows may build on them.
        """
        # The emulator removes expired items on a thread of its own.
        with self._lock:
            self._owed.extend(changes)
            view = memoryview(json.dumps(self._owed, separators=(",", ":")).encode() + b"\n")
            end = os.fstat(self._file).st_size
            try:
                while view:
                    view = view[os.write(self._file, view) :]
            except OSError:
                os.ftruncate(self._file, end)
                raise
            self._owed = []
            self._written += 1
            self.lines += 1

    async def sync(self) -> None:
        """Return when everything appended before the call is on the disk.

        Callers that wait at the same time share one `fdatasync`.
        """
        mine = self._written
        while self._synced < mine:
            if self._syncing is None or self._syncing.done():
                loop = asyncio.get_running_loop()
                self._syncing = loop.run_in_executor(self._executor, self._sync_file, self._written)
            self._synced = max(self._synced, await asyncio.shield(self._syncing))

    def _sync_file(self, upto: int) -> int:
        if sys.platform == "darwin":
            os.fsync(self._file)  # macOS has no other
        else:
            os.fdatasync(self._file)
        return upto

    def rewrite(self, changes: Iterable[Change]) -> None:
        """Replace the file by one with these changes, a line each, in one step that a crash cannot split."""
        fresh = self._path.with_name(self._path.name + ".new")
        count = 0
        with fresh.open("wb") as file:
            for count, change in enumerate(changes, 1):  # noqa: B007 (the last one is the number of lines)
                file.write(json.dumps([change], separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        if self._file >= 0:
            os.close(self._file)
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND)
        self._owed = []
        self.lines = count
