"""Documents, queries, and a store of indexes that keeps every state as a folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from ticketing.index.errors import IndexDamagedError, LostRaceError
from ticketing.index.heads import Pointer, Ref, Slot
from ticketing.index.maps import Map, deleted, segment_id
from ticketing.search.documents import Document
from ticketing.search.language import Between, Field, Flag, Has, Kind, Moment, OneOf, Query, Term
from ticketing.search.port import Scope
from ticketing.words import plain, words_of

PEOPLE = [str(UUID(int=number)) for number in range(1, 5)]

STATUSES = ["NEW", "OPEN", "IN_PROGRESS", "RESOLVED", "CLOSED"]
PRIORITIES = ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
TYPES = ["INCIDENT", "SERVICE_REQUEST", "QUESTION"]
TAGS = ["vpn", "VPN", "Büro", "buero", "two words", "プリンタ", "a-b"]

_VOCABULARY = """
    printer Printer printers printar rpinter print pirnter drucker Netzwerkdrucker netzwerkdrukcer Netzwerk vpn VPN
    café cafe cafè Straße strasse mail main mails email fail résumé 接続 接続エラー プリンタ プリンター エラー
    프린터 프린터가 프린트 принтер принтера Принтер الطابعة طابعة เครื่องพิมพ์ พิมพ์
    it's foo_bar C++ v1.2.3 2026 ß Ⅷ a an be"""
VOCABULARY = [*_VOCABULARY.split(), "\uff46\uff55\uff4c\uff4c"]


def a_document(number: int = 1, **values: Any) -> Document:
    """A ticket that everybody finds nothing in."""
    plain_values: dict[str, Any] = {
        "ticket_id": ticket_id(number),
        "number": number,
        "status": "NEW",
        "priority": "MEDIUM",
        "type": "INCIDENT",
        "tags": (),
        "assignee_id": None,
        "reporter_id": PEOPLE[0],
        "created_at": 1_760_000_000_000 + number,
        "updated_at": 1_760_000_000_000 + number,
        "resolved_at": None,
        "title": "Untitled",
        "texts": (),
        "internal": (),
        "has_file": False,
        "has_internal_file": False,
    }
    return Document(**(plain_values | values))


def ticket_id(number: int) -> str:
    """An id whose bits look like those of a ticket."""
    return str(UUID(bytes=hashlib.sha256(str(number).encode()).digest()[:16]))


def a_term(text: str, kind: Kind = Kind.WORD, *, negated: bool = False) -> Term:
    return Term(tuple(word.text for word in words_of(text)), kind, negated)


def a_query(*texts: str) -> Query:
    return Query(tuple(a_term(text) for text in texts))


# --- anything --------------------------------------------------------------------------------------------------------

words = st.sampled_from(VOCABULARY)
texts = st.lists(words, max_size=6).map(" ".join)
moments = st.integers(1_760_000_000_000, 1_760_000_000_020)
people = st.sampled_from(PEOPLE)
numbers = st.integers(0, 12)


def documents_with(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[Document]:
    return st.builds(
        a_document,
        numbers,
        status=st.sampled_from(STATUSES),
        priority=st.sampled_from(PRIORITIES),
        type=st.sampled_from(TYPES),
        tags=st.lists(st.sampled_from(TAGS), max_size=3).map(tuple),
        assignee_id=st.none() | people,
        reporter_id=people,
        created_at=moments,
        updated_at=moments,
        resolved_at=st.none() | moments,
        title=texts,
        texts=st.lists(texts, max_size=3).map(tuple),
        internal=st.lists(texts, max_size=2).map(tuple),
        has_file=st.booleans(),
        has_internal_file=st.booleans(),
    )


documents = documents_with(numbers)

_negated = st.booleans()
_phrases = st.lists(words, min_size=1, max_size=3).map(" ".join)
_terms = st.builds(a_term, words, st.sampled_from([Kind.WORD, Kind.PREFIX]), negated=_negated) | st.builds(
    a_term, _phrases, st.sampled_from(Kind), negated=_negated
)


def _one_of(field: Field, values: list[str | None]) -> st.SearchStrategy[OneOf]:
    return st.builds(OneOf, st.just(field), st.lists(st.sampled_from(values), max_size=3).map(tuple), _negated)


_fields = st.one_of(
    _one_of(Field.STATUS, [*STATUSES]),
    _one_of(Field.PRIORITY, [*PRIORITIES]),
    _one_of(Field.TYPE, [*TYPES]),
    _one_of(Field.TAG, [plain(tag) for tag in TAGS]),
    _one_of(Field.ASSIGNEE, [None, *PEOPLE]),
    _one_of(Field.REPORTER, [*PEOPLE]),
    _one_of(Field.NUMBER, [*map(str, range(13)), "9" * 25]),
    st.builds(Between, st.sampled_from(Moment), st.none() | moments, st.none() | moments, _negated),
    st.builds(Between, st.just(Field.NUMBER), st.none() | numbers, st.none() | numbers, _negated),
    st.builds(Has, st.sampled_from(Flag), _negated),
)

queries = st.lists(_terms | _fields, max_size=3).map(lambda clauses: Query(tuple(clauses)))
scopes = st.builds(Scope, st.none(), st.booleans()) | st.builds(Scope, people, st.just(False))  # noqa: FBT003


# --- states as folders -----------------------------------------------------------------------------------------------


@dataclass
class FolderWriting:
    folder: Path
    store: FolderStore

    def put(self) -> Ref:
        ref = Ref(str(UUID(int=len(self.store.folders))), hashlib.sha256(self.folder.name.encode()).hexdigest())
        self.store.folders[ref] = self.folder
        return ref


@dataclass
class FolderStore:
    """An `IndexStore` in a folder."""

    root: Path
    folders: dict[Ref, Path] = field(default_factory=dict)
    current: Pointer = field(default_factory=Pointer)
    before_replacing: list[Callable[[], None]] = field(default_factory=list)
    """What happens between reading and replacing the pointer, once each."""

    def pointer(self, *, consistent: bool = True) -> Pointer:
        assert consistent in {True, False}
        return self.current

    def open[T](self, ref: Ref, opening: Callable[[Path], T]) -> T:
        if ref not in self.folders:
            raise IndexDamagedError
        return opening(self.folders[ref])

    @contextmanager
    def writing(self, ref: Ref | None) -> Iterator[FolderWriting]:
        folder = self.root / str(len(list(self.root.iterdir())))
        if ref is None:
            folder.mkdir()
        else:
            shutil.copytree(self.folders[ref], folder, ignore=shutil.ignore_patterns("*.lock"))
        yield FolderWriting(folder, self)

    def replace(self, before: Pointer, *, serving: Slot | None, building: Slot | None) -> Pointer:
        if self.before_replacing:
            self.before_replacing.pop()()
        if before != self.current:
            raise LostRaceError
        self.current = Pointer(before.n + 1, serving, building)
        return self.current

    def map(self, ref: Ref) -> Map:
        meta = json.loads((self.folders[ref] / "meta.json").read_text())
        dirty = dict.fromkeys(map(segment_id, filter(deleted, meta["segments"])), "2026-01-01T00:00:00.000Z")
        return Map(meta=meta, files={}, dirty=dirty)
