"""The language of queries: words, "phrases", -not, prefix*, and fields such as `status:open` or `created>-7d`.

`parse` reads a query and reports everything that is wrong with it at once. The result knows no engine: an index finds
what it describes, and `fields_match` judges the tickets that were found, as they are now. docs/search-language.md is
the language for people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, TypeIs
from zoneinfo import ZoneInfo

from ticketing.search.periods import NoDateError, Period, milliseconds, period_of
from ticketing.text import folded
from ticketing.tickets.kinds import Priority, TicketType
from ticketing.tickets.lifecycle import Status
from ticketing.words import plain, words_of

if TYPE_CHECKING:
    from ticketing.tickets.models import Ticket

MOST_CHARACTERS: Final = 500
MOST_WORDS: Final = 16
"""Words and conditions; each word of a phrase counts."""

ME: Final = "me"
NOBODY: Final = "none"


class Kind(StrEnum):
    """How the words of a term are found.

    WORD forgives typing errors. Several words, as of `foo_bar`, 接続 or `C++`, stand one after the other, exactly so.
    PHRASE: exactly these words, one after the other. PREFIX: the same, but the last word is the beginning of one.
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


type Clause = Term | OneOf | Between | Has


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for: tickets for which all clauses hold. Without clauses: all tickets."""

    clauses: tuple[Clause, ...]

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
    """Return a query as it is understood. People stay as they were written: "me", an id, a folded address.

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
    if len(q) > MOST_CHARACTERS:
        message = f"a query has at most {MOST_CHARACTERS} characters"
        raise QueryProblemsError((Problem(MOST_CHARACTERS, len(q), message),))
    return _Reader(q, zone, now).read()


def addresses_in(query: Query) -> frozenset[str]:
    """Return the addresses of people that a query names, folded as the users' rows have them."""
    return frozenset(
        value for clause in query.clauses if _names_people(clause) for value in clause.values if value and "@" in value
    )


def bound(query: Query, *, me: str, ids: Mapping[str, str]) -> Query:
    """Return the query with people's ids: the caller's for "me", and those of addresses. An unknown one is nobody's."""

    def known(value: str | None) -> bool:
        return value is None or "@" not in value or value in ids

    def person(value: str | None) -> str | None:
        return me if value == ME else ids.get(value, value) if value else None

    return Query(
        tuple(
            replace(clause, values=tuple(dict.fromkeys(person(value) for value in clause.values if known(value))))
            if _names_people(clause)
            else clause
            for clause in query.clauses
        )
    )


def fields_match(query: Query, ticket: Ticket) -> bool:
    """Return whether the ticket's current row agrees with the clauses that the row can tell about.

    These are all `OneOf` of a bound query, and `Between` of `created`, `updated` and `number`.
    """
    return all(
        _holds(clause, ticket) is not clause.negated
        for clause in query.clauses
        if isinstance(clause, OneOf) or (isinstance(clause, Between) and clause.field is not Moment.RESOLVED)
    )


def _names_people(clause: Clause) -> TypeIs[OneOf]:
    return isinstance(clause, OneOf) and clause.field in {Field.ASSIGNEE, Field.REPORTER}


def _holds(clause: OneOf | Between, ticket: Ticket) -> bool:
    if isinstance(clause, OneOf):
        return not _values_of(ticket, clause.field).isdisjoint(clause.values)
    if clause.field is Field.NUMBER:
        value = ticket.number
    else:
        text = ticket.created_at if clause.field is Moment.CREATED else ticket.updated_at
        value = milliseconds(datetime.fromisoformat(text))
    return (clause.low is None or clause.low <= value) and (clause.high is None or value < clause.high)


def _values_of(ticket: Ticket, field: Field) -> set[str | None]:
    if field is Field.TAG:
        return {plain(tag) for tag in ticket.tags}
    values: dict[Field, str | None] = {
        Field.STATUS: ticket.status,
        Field.PRIORITY: ticket.priority,
        Field.TYPE: ticket.type,
        Field.ASSIGNEE: ticket.assigned_to_id,
        Field.REPORTER: ticket.reporter_id,
        Field.NUMBER: str(ticket.number),
    }
    return {values[field]}


# --- reading ---------------------------------------------------------------------------------------------------------

_QUOTES: Final = '"\u201c\u201d\u201e\u201f\uff02'
"""What telephones and word processors make of a quote, too."""

_FIELD: Final = re.compile(r"(?P<name>[A-Za-z\u00c0-\u024f][\w-]*)(?P<sign>[:=\uff1a]?[<>]=?|[:=\uff1a])")
_NUMBERS: Final = re.compile(r"#[0-9]+(?:,#?[0-9]+)*(?!\S)")
_NUMBER: Final = re.compile(r"#?(?P<digits>[0-9]{1,15})")
_UNSPACED: Final = re.compile(r"\S*")
_VALUE: Final = re.compile(r"[^\s,]*")
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"[^\s@]+@[^\s@]+")
_PORT: Final = re.compile(r"[0-9]+(?![^\s/])")

_IS: Final = "is"
_HAS: Final = "has"
_FIELDS: Final = frozenset({*Field, *Moment, _IS, _HAS})
_ORDERED: Final = frozenset({Field.NUMBER, *Moment})

_CHOICES: Final[Mapping[str, type[StrEnum]]] = {
    Field.STATUS: Status,
    Field.PRIORITY: Priority,
    Field.TYPE: TicketType,
}

_MEANT: Final = {
    "assigned": Field.ASSIGNEE,
    "assignedto": Field.ASSIGNEE,
    "author": Field.REPORTER,
    "changed": Moment.UPDATED,
    "createdat": Moment.CREATED,
    "creator": Field.REPORTER,
    "date": Moment.CREATED,
    "from": Field.REPORTER,
    "id": Field.NUMBER,
    "kind": Field.TYPE,
    "label": Field.TAG,
    "labels": Field.TAG,
    "owner": Field.ASSIGNEE,
    "resolvedat": Moment.RESOLVED,
    "severity": Field.PRIORITY,
    "solved": Moment.RESOLVED,
    "state": Field.STATUS,
    "tags": Field.TAG,
    "updatedat": Moment.UPDATED,
    "urgency": Field.PRIORITY,
}
"""Other names of fields, which an answer explains."""

_LONGEST_SHOWN: Final = 40
_SHORT: Final = 4


@dataclass(frozen=True, slots=True)
class _Value:
    """A value of a field without its quotes, and where it stands."""

    text: str
    start: int
    end: int


class _Reader:
    """Reads one query, from its start to its end."""

    def __init__(self, q: str, zone: ZoneInfo, now: datetime) -> None:
        self._q = q
        self._zone = zone
        self._now = now
        self._clauses: list[Clause] = []
        self._problems: list[Problem] = []
        self._counted: list[tuple[int, int]] = []

    def read(self) -> Query:
        """Return the query, or raise QueryProblemsError."""
        at = 0
        while at < len(self._q):
            at = at + 1 if self._q[at].isspace() else self._clause(at)
        if len(self._counted) > MOST_WORDS:
            message = f"a query has at most {MOST_WORDS} words and conditions, and these are {len(self._counted)}"
            self._problem(self._counted[MOST_WORDS][0], self._counted[-1][1], message)
        if not self._clauses and not self._problems and (written := self._q.strip()):
            start = self._q.index(written)
            self._problem(start, start + len(written), "there is no letter or digit to search for")
        if self._problems:
            raise QueryProblemsError(tuple(sorted(self._problems, key=lambda problem: problem.start)))
        return Query(tuple(self._clauses))

    def _clause(self, start: int) -> int:
        """Read a word, phrase or condition, and return where it ends."""
        negated = self._q[start] == "-" and not self._q.startswith("--", start)
        body = start + negated
        if self._quoted_at(body):
            return self._phrase(start, body, negated=negated)
        if numbers := _NUMBERS.match(self._q, body):
            self._counted.append((start, numbers.end()))
            self._numbers(self._values(body, body)[0], negated=negated)
            return numbers.end()
        if (found := _FIELD.match(self._q, body)) and (end := self._field(found, negated=negated)):
            self._counted.append((start, end))
            return end
        return self._text(start, body, negated=negated)

    def _text(self, start: int, body: int, *, negated: bool) -> int:
        end = self._end(_UNSPACED, body)
        written = self._q[body:end].rstrip("*")
        words = words_of(written)
        if words:
            starred = body + len(written) < end and words[-1].end == len(written)
            self._term([word.text for word in words], Kind.WORD, starred=starred, negated=negated)
            self._counted.append((start, end))
        elif negated:
            self._problem(start, end, "after '-' comes what is excluded: a word, phrase or condition")
        elif not written:
            self._problem(start, end, "before '*' comes the beginning of a word")
        return end

    def _phrase(self, start: int, body: int, *, negated: bool) -> int:
        phrase = self._quoted(body)
        if phrase is None:
            return len(self._q)
        end = phrase.end + 1
        starred = self._q.startswith("*", end)
        while self._q.startswith("*", end):
            end += 1
        if words := words_of(phrase.text):
            self._term([word.text for word in words], Kind.PHRASE, starred=starred, negated=negated)
        else:
            self._problem(start, end, "a phrase needs a word")
        self._counted += [(phrase.start, phrase.end)] * len(phrase.text.split())
        return end

    def _term(self, words: Sequence[str], kind: Kind, *, starred: bool, negated: bool) -> None:
        # A word of a script without spaces is a character: nothing continues it.
        last = f"{words[-1]}x"
        prefix = starred and [word.text for word in words_of(last)] == [last]
        self._clauses.append(Term(tuple(words), Kind.PREFIX if prefix else kind, negated))

    # --- fields ---

    def _field(self, found: re.Match[str], *, negated: bool) -> int | None:
        """Read a condition and return where it ends; None: what looked like one is text."""
        name, comparison = found["name"].lower(), found["sign"].lstrip(":=\uff1a")
        if name not in _FIELDS:
            return self._unknown(found)
        values, end = self._values(found.start(), found.end())
        if comparison and name not in _ORDERED:
            self._problem(found.start("sign"), found.end("sign"), f"'{name}' has no order: list its values")
        elif name in _CHOICES:
            self._choices(Field(name), values, negated=negated)
        elif name == Field.TAG:
            self._one_of(Field.TAG, [self._tag(value) for value in values], negated=negated)
        elif name in {Field.ASSIGNEE, Field.REPORTER}:
            self._people(Field(name), values, negated=negated)
        elif name == Field.NUMBER:
            self._numbers(values, comparison, negated=negated)
        elif name in {_IS, _HAS}:
            self._flag(name, values, negated=negated)
        else:
            self._between(Moment(name), values, comparison, self._date, negated=negated)
        return end

    def _unknown(self, found: re.Match[str]) -> int | None:
        """Report an unknown field and return where its condition ends; None: it is not meant as a field."""
        name, sign = found["name"], found["sign"]
        bare = re.sub("[_-]", "", name.lower())
        meant = bare if bare in _FIELDS else _MEANT.get(bare) or _nearest(bare)
        end = self._end(_UNSPACED, found.end())
        compared = sign[-1] not in ":\uff1a"
        # As in `vpn:`, `http://example.org`, `std::vector`, `<a>b`
        if end == found.end() or self._q[found.end()] in "/\\:" or (compared and meant not in _ORDERED):
            return None
        # As in `C:x`, `ipv6:fe80`, `localhost:8080/status`
        if not meant and (len(name) == 1 or not name.isalpha() or _PORT.match(self._q, found.end())):
            return None
        advice = f": did you mean '{meant}'?" if meant else "; text with a colon is searched in quotes"
        self._problem(found.start(), found.end("name"), f"unknown field {_shown(name)}{advice}")
        return end

    def _values(self, start: int, at: int) -> tuple[list[_Value], int]:
        """Read the values of the condition that starts at `start`, by commas, and return where they end."""
        values = list[_Value]()
        while True:
            if self._quoted_at(at):
                value = self._quoted(at)
                if value is None:
                    return values, len(self._q)
                at = value.end + 1
                if (after := self._end(_VALUE, at)) > at:
                    self._problem(at, after, "after a value in quotes comes a comma or a space")
                    at = after
            else:
                value = _Value(self._q[at : self._end(_VALUE, at)], at, self._end(_VALUE, at))
                at = value.end
            if value.text.strip():
                values.append(value)
            else:
                self._problem(start, at, "a value is missing")
            if not self._q.startswith(",", at):
                return values, at
            at += 1

    def _one_of(self, field: Field, values: Sequence[str | None], *, negated: bool) -> None:
        self._clauses.append(OneOf(field, tuple(dict.fromkeys(values)), negated))

    def _choices(self, field: Field, values: Sequence[_Value], *, negated: bool) -> None:
        choices = {_joined(choice): choice for choice in _CHOICES[field]}
        for value in values:
            if _joined(value.text) not in choices:
                self._wrong(value, f"is no {field}: {', '.join(choices.values())}")
        found = [choices[_joined(value.text)] for value in values if _joined(value.text) in choices]
        self._one_of(field, [choice.value for choice in found], negated=negated)

    def _tag(self, value: _Value) -> str:
        tag = plain(value.text)
        if not tag:
            self._wrong(value, "is no tag")
        return tag

    def _people(self, field: Field, values: Sequence[_Value], *, negated: bool) -> None:
        people = list[str | None]()
        for value in values:
            text = value.text.lower()
            if text == NOBODY and field is Field.ASSIGNEE:
                people.append(None)
            elif text == NOBODY:
                self._wrong(value, "is no reporter: every ticket has one")
            elif text == ME or _ID.fullmatch(text):
                people.append(text)
            elif _ADDRESS.fullmatch(value.text) and _ADDRESS.fullmatch(folded(value.text)):
                people.append(folded(value.text))
            else:
                nobody = ", none" if field is Field.ASSIGNEE else ""
                self._wrong(value, f"is nobody: write me{nobody}, an id or an e-mail address")
        self._one_of(field, people, negated=negated)

    def _flag(self, name: str, values: Sequence[_Value], *, negated: bool) -> None:
        possible = Flag.ATTACHMENT if name == _HAS else "unassigned"
        for value in values:
            if value.text.lower() != possible:
                self._wrong(value, f"is not known: only '{name}:{possible}' is")
        if name == _HAS:
            self._clauses.append(Has(Flag.ATTACHMENT, negated))
        else:
            self._one_of(Field.ASSIGNEE, [None], negated=negated)

    def _numbers(self, values: Sequence[_Value], comparison: str = "", *, negated: bool) -> None:
        if comparison or any(".." in value.text for value in values):
            self._between(Field.NUMBER, values, comparison, self._number, negated=negated)
        else:
            found = [self._number(value) for value in values]
            self._one_of(Field.NUMBER, [str(number.start) for number in found if number], negated=negated)

    def _number(self, value: _Value) -> Period | None:
        number = _NUMBER.fullmatch(value.text)
        if number is None:
            self._wrong(value, "is no number of a ticket")
            return None
        return Period(int(number["digits"]), int(number["digits"]) + 1)

    def _date(self, value: _Value) -> Period | None:
        try:
            return period_of(value.text, self._zone, self._now)
        except NoDateError as error:
            self._wrong(value, str(error))
            return None

    def _between(
        self,
        field: Moment | Literal[Field.NUMBER],
        values: Sequence[_Value],
        comparison: str,
        read: Callable[[_Value], Period | None],
        *,
        negated: bool,
    ) -> None:
        """Read the one value of a number or time: compared, a range, or the thing itself."""
        for value in values[:1]:
            first, dots, last = value.text.partition("..")
            low = high = None
            if dots and comparison:
                self._wrong(value, f"is a range, which '{comparison}' does not take")
            elif dots:
                low, high = self._range(value, first, last, read)
            elif (period := read(value)) and comparison:
                bound_at = period.end if comparison in {">", "<="} else period.start
                low, high = (bound_at, None) if comparison[0] == ">" else (None, bound_at)
            elif period:
                # A moment alone stands for the time since then: nothing happens exactly three hours ago.
                low, high = period.start, None if value.text[0] == "-" else period.end
            self._clauses.append(Between(field, low, high, negated))
        if len(values) > 1:
            self._problem(values[1].start, values[-1].end, f"'{field}' takes one value or range")

    def _range(
        self, value: _Value, first: str, last: str, read: Callable[[_Value], Period | None]
    ) -> tuple[int | None, int | None]:
        """Return from where (inclusive) to where (exclusive) the range `first..last` goes."""
        start = read(_Value(first, value.start, value.start + len(first))) if first else None
        end = read(_Value(last, value.end - len(last), value.end)) if last else None
        if not first and not last:
            self._wrong(value, "is a range without bounds")
        elif start and end and start.start >= end.end:
            self._wrong(value, "ends before it begins")
        return (start.start if start else None), (end.end if end else None)

    # --- places and problems ---

    def _end(self, pattern: re.Pattern[str], at: int) -> int:
        """Return where what matches from here ends: at least here, since these patterns match nothing, too."""
        found = pattern.match(self._q, at)
        return found.end() if found else at

    def _quoted_at(self, at: int) -> bool:
        return at < len(self._q) and self._q[at] in _QUOTES

    def _quoted(self, at: int) -> _Value | None:
        """Return what stands between the quote here and the next; None: there is none."""
        closing = next((there for there in range(at + 1, len(self._q)) if self._q[there] in _QUOTES), None)
        if closing is None:
            self._problem(at, len(self._q), "this quote is not closed")
            return None
        return _Value(self._q[at + 1 : closing], at + 1, closing)

    def _wrong(self, value: _Value, message: str) -> None:
        self._problem(value.start, value.end, f"{_shown(value.text)} {message}")

    def _problem(self, start: int, end: int, message: str) -> None:
        self._problems.append(Problem(start, end, message))


def _joined(text: str) -> str:
    """Return a status, priority or type for comparison: in progress, in-progress and IN_PROGRESS are one."""
    return re.sub(r"[\s_-]+", "", text).casefold()


def _shown(text: str) -> str:
    """Return a text in quotes, as answers and logs can show it: short, and without what is not printable."""
    printable = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return f"'{printable[:_LONGEST_SHOWN]}{'…' if len(printable) > _LONGEST_SHOWN else ''}'"


def _nearest(name: str) -> str | None:
    """Return the field that somebody meant: one letter of a short name may be wrong, two of a longer one."""
    distance, field = min((_distance(name, field), field) for field in _FIELDS)
    return field if distance <= (1 if len(name) <= _SHORT else 2) else None


def _distance(one: str, other: str) -> int:
    """Return how many letters to insert, remove, replace or swap with their neighbour make one text the other."""
    before, last = list[int](), list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, against in enumerate(other, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return last[-1]
