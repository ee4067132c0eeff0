"""Packs in S3: objects under random keys that are written once, read in parts, and compared with digests.

No other module calls S3 for an index. The bucket keeps no versions; no key is written twice with other content.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import batched, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError, ResponseStreamingError

from ticketing.index.errors import IndexDamagedError, PacksLeftError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from mypy_boto3_s3 import S3Client

    from ticketing.aws.data import TenantFiles
    from ticketing.index.maps import Place

_PART: Final = 4 * 2**20
"""The most bytes of one request for a part of a pack: they are in memory, as often as there are requests at once."""

_GAP: Final = 2**16
"""So many bytes between two files that are wanted cost less than a request of their own."""

_AT_ONCE: Final = 8
"""How many requests are made at once; botocore keeps ten connections."""

_TRIES: Final = 3
"""How often a part is asked for whose content does not arrive: botocore repeats requests, but no reading of answers."""

_DELETED_AT_ONCE: Final = 1000
"""The most objects that one DeleteObjects deletes."""

_GONE: Final = frozenset({403, 404, 416})
"""How S3 answers for what is not there (403 to who may not list objects), and for a part beyond a pack's end."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A pack that there is."""

    pack: str
    at: datetime


class _Piece(NamedTuple):
    """A part of a file, or all of it: where it is in its pack, and where in the file."""

    start: int
    end: int
    path: Path
    offset: int


class _Request(NamedTuple):
    """A part of a pack, and the pieces that are in it."""

    pack: str
    start: int
    end: int
    pieces: Sequence[_Piece]


class Packs:
    """The packs of one tenant. Every key it asks for starts with the tenant's id."""

    def __init__(self, files: TenantFiles) -> None:
        self._files = files
        self.fetched = 0
        """How many bytes were read."""

    def put(self, contents: Mapping[str, bytes | Path]) -> None:
        """Write packs, by their ids, each with a content or that of a file: all at once."""
        in_parallel(self._put, contents.items())

    def get(self, pack: str) -> bytes:
        """Return the content of a pack.

        Raises
        ------
        IndexDamagedError
            It is gone.
        """
        content = self._read(pack, "0-")
        self.fetched += len(content)
        return content

    def fetch(self, wanted: Mapping[Path, Place], known: Mapping[str, bytes]) -> None:
        """Read files out of their packs to these paths, and compare each with its digest: several at once, in parts.

        The contents of some packs are known. Whatever happens, there is nothing at a path but the whole file.

        Raises
        ------
        IndexDamagedError
            A file is not what was written, or gone.
        """
        places = {path.with_name(f"{path.name}.part"): place for path, place in wanted.items()}
        requests = list(_requests(places))
        try:
            for path in places:
                path.touch()
            in_parallel(partial(self._fetch, known), requests)
            self.fetched += sum(each.end - each.start for each in requests if each.pack not in known)
            in_parallel(_compare, places.items())
            for path in places:
                path.replace(path.with_suffix(""))
        finally:
            for path in places:
                path.unlink(missing_ok=True)

    def all(self) -> Iterator[Stored]:
        """Yield all packs: one request for each thousand."""
        prefix = f"{self._files.tenant_id}/"
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._files.bucket, Prefix=prefix):
            for each in page.get("Contents", ()):
                yield Stored(each["Key"].removeprefix(prefix), each["LastModified"])

    def delete(self, packs: Iterable[str]) -> int:
        """Delete packs, and return their number: one request for each thousand.

        Raises
        ------
        PacksLeftError
            S3 has left some.
        """
        deleted = 0
        for batch in batched(packs, _DELETED_AT_ONCE, strict=False):
            answer = self._client.delete_objects(
                Bucket=self._files.bucket,
                Delete={"Objects": [{"Key": self._key(pack)} for pack in batch], "Quiet": True},
            )
            if answer.get("Errors"):
                raise PacksLeftError
            deleted += len(batch)
        return deleted

    @property
    def _client(self) -> S3Client:
        return self._files.client()

    def _key(self, pack: str) -> str:
        return f"{self._files.tenant_id}/{pack}"

    def _put(self, named: tuple[str, bytes | Path]) -> None:
        pack, content = named
        if isinstance(content, bytes):
            self._put_body(pack, content)
        else:
            with content.open("rb") as body:
                self._put_body(pack, body)

    def _put_body(self, pack: str, body: bytes | BinaryIO) -> None:
        self._client.put_object(Bucket=self._files.bucket, Key=self._key(pack), Body=body)

    def _fetch(self, known: Mapping[str, bytes], request: _Request) -> None:
        pack, start, end, _ = request
        content = known[pack][start:end] if pack in known else self._read(pack, f"{start}-{end - 1}")
        if len(content) != end - start:
            raise IndexDamagedError(pack)
        for piece in request.pieces:
            with piece.path.open("r+b") as file:
                file.seek(piece.offset)
                file.write(content[piece.start - start : piece.end - start])

    def _read(self, pack: str, part: str, tries: int = _TRIES) -> bytes:
        """Return a part of a pack, as HTTP names it."""
        try:
            answer = self._client.get_object(Bucket=self._files.bucket, Key=self._key(pack), Range=f"bytes={part}")
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _GONE:
                raise IndexDamagedError(pack) from error
            raise
        try:
            return answer["Body"].read()
        except (HTTPClientError, IncompleteReadError) as error:
            if tries == 1:
                raise ResponseStreamingError(error=error) from error
        return self._read(pack, part, tries - 1)


def in_parallel[T](do: Callable[[T], None], each: Iterable[T]) -> None:
    """Do something for each, some at once. The first failure is raised, and what has not begun is left."""
    several = list(each)
    if len(several) < 2:  # noqa: PLR2004 - one needs no threads
        for one in several:
            do(one)
        return
    with ThreadPoolExecutor(min(len(several), _AT_ONCE)) as pool:
        for _ in pool.map(do, several):
            pass


def _compare(found: tuple[Path, Place]) -> None:
    path, place = found
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != place.sha256:
            raise IndexDamagedError(place.pack)


def _requests(places: Mapping[Path, Place]) -> Iterator[_Request]:
    """Yield the requests for files: those side by side in one, a large one in several."""
    by_pack = sorted(places.items(), key=lambda each: (each[1].pack, each[1].offset))
    for pack, files in groupby(by_pack, key=lambda each: each[1].pack):
        together: list[_Piece] = []
        for piece in (piece for path, place in files for piece in _pieces(path, place)):
            if together and (piece.end - together[0].start > _PART or piece.start - together[-1].end > _GAP):
                yield _Request(pack, together[0].start, together[-1].end, together)
                together = []
            together.append(piece)
        if together:
            yield _Request(pack, together[0].start, together[-1].end, together)


def _pieces(path: Path, place: Place) -> Iterator[_Piece]:
    for offset in range(0, place.length, _PART):
        length = min(_PART, place.length - offset)
        yield _Piece(place.offset + offset, place.offset + offset + length, path, offset)
