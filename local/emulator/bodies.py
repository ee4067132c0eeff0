"""What S3 stores of an object's bytes: files, so that no object is ever whole in memory.

A body is a file that nobody changes any more. The emulator takes it for bytes: its length, parts of it, and a buffer,
which is the file mapped into memory.
"""

import base64
import hashlib
import mmap
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

_CHUNK = 256 * 1024


class Body:
    """The bytes of an object, or of a part of one, in a file."""

    def __init__(self, path: Path, size: int, *, start: int = 0, digests: tuple[str, str] | None = None) -> None:
        self.path = path
        self.owner: tuple[str, str] | None = None
        """The bucket and the key that it is stored under; None while it is not."""
        self._start, self._size = start, size
        self._digests = digests

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> Self:
        start, stop, _ = part.indices(self._size)
        return type(self)(self.path, max(0, stop - start), start=self._start + start)

    def __buffer__(self, flags: int) -> memoryview:
        if not self._size:
            return memoryview(b"")
        with self.path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), self._start + self._size, access=mmap.ACCESS_READ)
        return memoryview(mapped)[self._start :]

    def md5(self) -> str:
        """Return the MD5 digest in hexadecimal digits."""
        return self._digested()[0]

    def sha256(self) -> str:
        """Return the SHA-256 digest in Base64."""
        return self._digested()[1]

    def chunks(self) -> Iterator[bytes]:
        """Open the file, which may go then, and return its bytes, piece by piece."""
        return self._pieces(self.path.open("rb"))

    def discard(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)

    def _pieces(self, file: BinaryIO) -> Iterator[bytes]:
        with file:
            file.seek(self._start)
            left = self._size
            while left and (chunk := file.read(min(left, _CHUNK))):
                left -= len(chunk)
                yield chunk

    def _digested(self) -> tuple[str, str]:
        if self._digests is None:
            md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
            for chunk in self.chunks():
                md5.update(chunk)
                sha256.update(chunk)
            self._digests = _texts(md5.digest(), sha256.digest())
        return self._digests


class Draft:
    """A body that arrives."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("xb")
        self._md5, self._sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        self._size = 0

    def write(self, chunk: bytes | memoryview) -> None:
        """Write the next bytes.

        Raises
        ------
        OSError
            If there is no room for them.
        """
        self._file.write(chunk)
        self._md5.update(chunk)
        self._sha256.update(chunk)
        self._size += len(chunk)

    def finish(self) -> Body:
        """Return the body once it is on the disk.

        Raises
        ------
        OSError
            If it can't be written.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        sync_folder(self._path.parent)
        return Body(self._path, self._size, digests=_texts(self._md5.digest(), self._sha256.digest()))

    def discard(self) -> None:
        """Leave nothing of it."""
        with suppress(OSError):  # what is not written yet may find no room
            self._file.close()
        self._path.unlink(missing_ok=True)


class Bodies:
    """The folder of all bodies. Their names say nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def draft(self) -> Draft:
        """Begin a body."""
        self._folder.mkdir(exist_ok=True)
        return Draft(self._new_path())

    def keep(self, content: bytes) -> Body:
        """Write a body that is in memory.

        Raises
        ------
        OSError
            If there is no room for it.
        """
        draft = self.draft()
        try:
            draft.write(content)
            return draft.finish()
        except OSError:
            draft.discard()
            raise

    def twin(self, body: Body) -> Body:
        """Return the same bytes as a body of their own, without copying them."""
        path = self._new_path()
        path.hardlink_to(body.path)
        return Body(path, len(body))

    def named(self, name: str, size: int) -> Body:
        """Return a body that is there already."""
        return Body(self._folder / name, size)

    def keep_only(self, names: set[str]) -> None:
        """Remove whatever else is in the folder: bodies whose objects were never acknowledged, or are gone."""
        for entry in self._folder.iterdir() if self._folder.exists() else ():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name not in names:
                entry.unlink()

    def _new_path(self) -> Path:
        return self._folder / str(uuid.uuid4())


def sync_folder(folder: Path) -> None:
    """Put the names of new files on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _texts(md5: bytes, sha256: bytes) -> tuple[str, str]:
    return md5.hex(), base64.b64encode(sha256).decode()
