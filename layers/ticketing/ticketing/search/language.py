"""The language of queries: words, "phrases", -not, prefix*, and fields such as `status:open` or `created>-7d`.

`parse` reads a query, and reports everything that is wrong with it at once. What is read knows no engine:
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from ticketing.tickets.models import Ticket

MOST_CHARACTERS: Final = 500
MOST_WORDS: Final = 16


class Kind(StrEnum):
    """How the words of a term are found.

    WORD forgives typing errors. Several words, as of `foo_bar`, 接続 or `C++`, stand one after the other. PHRASE: exactly
    these words, one after the other. PREFIX: the same, but the last word is the beginning of one.
    """

    WORD = "word"
    PHRASE = "phrase"
    PREFIX = "prefix"


class Field(StrEnum):
    """The fields that have one of a few values."""

    STATUS = "status"
    PRIORITY = "priority"
    TYPE = "type"
    TAG = "tag"
    ASSIGNEE = "assignee"
    REPORTER = "reporter"
    NUMBER = "number"


class Moment(StrEnum):
    """The times of a ticket."""

    CREATED = "created"
    UPDATED = "updated"
    RESOLVED = "resolved"


class Flag(StrEnum):
    """What a ticket has or has not."""

    ATTACHMENT = "attachment"


@dataclass(frozen=True, slots=True)
class Term:
    """Words to be found in the texts of a ticket: at least one, as `words_of` gives them."""

    words: tuple[str, ...]
    kind: Kind
    negated: bool


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field has one of these values; without values, nothing matches.

    Statuses, priorities and types are as the API has them, tags as `plain` gives them, numbers as digits. Of an
    assignee, None is nobody. People are ids; before `bound`, also "me" and addresses.
    """

    field: Field
    values: tuple[str | None, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Between:
    """A number, or a time in milliseconds since 1970, is at least `low` and less than `high`; None: no bound."""

    field: Moment | Literal[Field.NUMBER]
    low: int | None
    high: int | None
    negated: bool


@dataclass(frozen=True, slots=True)
class Has:
    """The ticket has this, as far as the caller may see it."""

    flag: Flag
    negated: bool


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for: tickets for which all clauses hold. Without clauses: all tickets."""

    clauses: tuple[Term | OneOf | Between | Has, ...]

    @property
    def ranked(self) -> bool:
        """Whether there are words to be found, by which tickets can be sorted."""
        return any(isinstance(clause, Term) and not clause.negated for clause in self.clauses)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with `q[start:end]`, in code points."""

    start: int
    end: int
    message: str

    def __str__(self) -> str:
        """Return the problem as it stands in an answer's details: `7-12: unknown field 'stauts'`."""
        return f"{self.start}-{self.end}: {self.message}"


class QueryProblemsError(Exception):
    """Everything that is wrong with a query, in its order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def parse(q: str, *, zone: ZoneInfo, now: datetime) -> Query:
    """Return a query as it is understood. People stay as they were written: "me", an id, an address.

    Parameters
    ----------
    q
        The query as somebody wrote it.
    zone
        The tenant's time zone, in which days begin.
    now
        The current time, with a time zone.

    Raises
    ------
    QueryProblemsError
        It can't be understood.
    """
    raise NotImplementedError


def addresses_in(query: Query) -> frozenset[str]:
    """Return the addresses of people that a query names."""
    raise NotImplementedError


def bound(query: Query, *, me: str, ids: Mapping[str, str]) -> Query:
    """Return the query with people's ids: the caller's for "me", and those of addresses. An unknown one is nobody's."""
    raise NotImplementedError


def fields_match(query: Query, ticket: Ticket) -> bool:
    """Return whether the ticket's current row agrees with the clauses that the row can tell about.

    These are all `OneOf` of a bound query, and `Between` of `created`, `updated` and `number`.
    """
    raise NotImplementedError
