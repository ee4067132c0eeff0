"""The language of queries: what each form means, and what is said of mistakes."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.support import ADMIN_ID, AGENT_ID, OTHER_ID, REPORTER_ID, ROOT, a_ticket
from ticketing.search.language import (
    MOST_CHARACTERS,
    MOST_WORDS,
    Between,
    Clause,
    Field,
    Flag,
    Has,
    Kind,
    Moment,
    OneOf,
    Problem,
    Query,
    QueryProblemsError,
    Term,
    addresses_in,
    bound,
    fields_match,
    parse,
)
from ticketing.search.periods import milliseconds
from ticketing.tickets.kinds import Priority, TicketType
from ticketing.tickets.lifecycle import Status
from ticketing.words import words_of

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 31, 10, 15, 30, tzinfo=UTC)
AN_ID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
PAGE = (ROOT / "docs" / "search-language.md").read_text()


def read(q: str) -> Query:
    return parse(q, zone=BERLIN, now=NOW)


def outcome(q: str, zone: ZoneInfo = BERLIN) -> Query | tuple[Problem, ...]:
    try:
        return parse(q, zone=zone, now=NOW)
    except QueryProblemsError as error:
        return error.problems


def mistakes_of(q: str) -> tuple[Problem, ...]:
    found = outcome(q)
    assert isinstance(found, tuple)
    return found


def word(*words: str) -> Term:
    return Term(words, Kind.WORD, negated=False)


def phrase(*words: str) -> Term:
    return Term(words, Kind.PHRASE, negated=False)


def prefix(*words: str) -> Term:
    return Term(words, Kind.PREFIX, negated=False)


def one_of(field: Field, *values: str | None) -> OneOf:
    return OneOf(field, values, negated=False)


def between(field: Moment | Literal[Field.NUMBER], low: str | int | None, high: str | int | None) -> Between:
    first, last = (
        milliseconds(datetime.fromisoformat(each)) if isinstance(each, str) else each for each in (low, high)
    )
    return Between(field, first, last, negated=False)


def no(clause: Clause) -> Clause:
    return replace(clause, negated=True)


EXAMPLES: dict[str, list[Clause]] = {
    "vpn drops": [word("vpn"), word("drops")],
    '"drops again"': [phrase("drops", "again")],
    '"printer"': [phrase("printer")],
    "prin*": [prefix("prin")],
    '"out of mem"*': [prefix("out", "of", "mem")],
    "vpn -test": [word("vpn"), no(word("test"))],
    '-"out of office"': [no(phrase("out", "of", "office"))],
    "foo_bar": [word("foo", "bar")],
    "anna@acme.example": [word("anna", "acme", "example")],
    "C++": [word("c", "++")],
    "0x80070005": [word("0x80070005")],
    "1.2.3": [word("1", "2", "3")],
    "UTF-8": [word("utf", "8")],
    "10:30": [word("10", "30")],
    "http://example.org/a": [word("http", "example", "org", "a")],
    '"error:disk"': [phrase("error", "disk")],
    "接続エラー": [word("接", "続", "エ", "ラ", "ー")],
    "--force": [word("force")],
    "status:new,open": [one_of(Field.STATUS, "NEW", "OPEN")],
    "-status:closed": [no(one_of(Field.STATUS, "CLOSED"))],
    "status:in-progress": [one_of(Field.STATUS, "IN_PROGRESS")],
    "priority:high,critical": [one_of(Field.PRIORITY, "HIGH", "CRITICAL")],
    "type:question": [one_of(Field.TYPE, "QUESTION")],
    'tag:vpn,"needs review"': [one_of(Field.TAG, "vpn", "needs review")],
    "tag:vpn tag:urgent": [one_of(Field.TAG, "vpn"), one_of(Field.TAG, "urgent")],
    "assignee:me": [one_of(Field.ASSIGNEE, "me")],
    "assignee:me,none": [one_of(Field.ASSIGNEE, "me", None)],
    "is:unassigned": [one_of(Field.ASSIGNEE, None)],
    "assignee:anna@acme.example": [one_of(Field.ASSIGNEE, "anna@acme.example")],
    f"reporter:{AN_ID}": [one_of(Field.REPORTER, AN_ID)],
    "-reporter:me": [no(one_of(Field.REPORTER, "me"))],
    "#12": [one_of(Field.NUMBER, "12")],
    "#12,14": [one_of(Field.NUMBER, "12", "14")],
    "number:1..20": [between(Field.NUMBER, 1, 21)],
    "number>=100": [between(Field.NUMBER, 100, None)],
    "has:attachment": [Has(Flag.ATTACHMENT, negated=False)],
    "created:2026-03-29": [between(Moment.CREATED, "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00")],
    "created:2026-03": [between(Moment.CREATED, "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00")],
    "updated:today": [between(Moment.UPDATED, "2026-03-31T00:00+02:00", "2026-04-01T00:00+02:00")],
    "created>-7d": [between(Moment.CREATED, "2026-03-24T12:15:30+01:00", None)],
    "updated<-2w": [between(Moment.UPDATED, None, "2026-03-17T12:15:30+01:00")],
    "resolved:-3h": [between(Moment.RESOLVED, "2026-03-31T07:15:30Z", None)],
    "resolved>=2026-03-01": [between(Moment.RESOLVED, "2026-03-01T00:00+01:00", None)],
    "created>2026-03-01": [between(Moment.CREATED, "2026-03-02T00:00+01:00", None)],
    "created<=2026-03": [between(Moment.CREATED, None, "2026-04-01T00:00+02:00")],
    "created:2026-01..2026-03": [between(Moment.CREATED, "2026-01-01T00:00+01:00", "2026-04-01T00:00+02:00")],
    "created:..2025": [between(Moment.CREATED, None, "2026-01-01T00:00+01:00")],
    "created:2026-03-29T01:30..2026-03-29T12:00Z": [
        between(Moment.CREATED, "2026-03-29T01:30+01:00", "2026-03-29T12:01Z")
    ],
}
"""The examples of docs/search-language.md."""

MISTAKES = {
    "stauts:open": ["0-6: unknown field 'stauts': did you mean 'status'?"],
    "vpn status:opne": ["11-15: 'opne' is no status: NEW, OPEN, IN_PROGRESS, RESOLVED, CLOSED"],
    "created:2026-02-30 -": [
        "8-18: '2026-02-30' does not exist: no such month, day or time",
        "19-20: after '-' comes what is excluded: a word, phrase or condition",
    ],
    'say "hello': ["4-10: this quote is not closed"],
}
"""The mistakes of docs/search-language.md."""


def rows(columns: str) -> list[list[str]]:
    """Return the code in the cells of a table of the page, by its header."""
    _, _, table = PAGE.partition(f"| query | {columns} |\n|---|---|\n")
    assert table
    lines = table.partition("\n\n")[0].splitlines()
    return [re.findall(r"`([^`]+)`", cell) for line in lines for cell in line.strip("|").split(" | ")]


def test_the_page_shows_these_examples() -> None:
    tables = rows("finds tickets with") + rows("finds tickets")
    assert [cell[0] for cell in tables[::2]] == list(EXAMPLES)
    mistakes = rows("details")
    shown = zip(mistakes[::2], mistakes[1::2], strict=True)
    assert {query: details for [query], details in shown} == {
        query: [f"q: {each}" for each in expected] for query, expected in MISTAKES.items()
    }


@pytest.mark.parametrize("q", EXAMPLES)
@pytest.mark.each
def test_examples(q: str) -> None:
    assert read(q) == Query(tuple(EXAMPLES[q]))


@pytest.mark.parametrize("q", MISTAKES)
@pytest.mark.each
def test_mistakes_of_the_page(q: str) -> None:
    assert list(map(str, mistakes_of(q))) == MISTAKES[q]


@pytest.mark.parametrize(
    ("q", "clauses"),
    [
        ("", []),
        ("  \t\u3000", []),
        # Words
        ("VPN, drops!", [word("vpn"), word("drops")]),
        ("VPN – drops & dies / again", [word("vpn"), word("drops"), word("dies"), word("again")]),  # noqa: RUF001
        ("prin** (prin*)", [prefix("prin"), word("prin")]),
        ("*prin p*n prin-* .NET", [word("prin"), word("p", "n"), word("prin"), word("net")]),
        ("e-ma* -e-ma*", [prefix("e", "ma"), no(prefix("e", "ma"))]),
        ("接続* C++* 🔥* 接続pa*", [word("接", "続"), word("c", "++"), word("🔥"), prefix("接", "続", "pa")]),
        ("프*", [prefix("프")]),
        (".* [a-z]+ (a|b) ^x$ \\d{3}", [word("a", "z"), word("a", "b"), word("x"), word("d", "3")]),
        ("a\x00b \ud800 x\udfff", [word("a", "b"), word("x")]),
        ("OR and NOT", [word("or"), word("and"), word("not")]),
        # Phrases
        ('"Über  den" -"x"', [phrase("uber", "den"), no(phrase("x"))]),
        ("“smart quotes” „deutsche“", [phrase("smart", "quotes"), phrase("deutsche")]),
        ('27" monitor 32"', [word("27"), word("monitor"), word("32")]),
        ('צה"ל', [word("צה", "ל")]),
        ('"a"b', [phrase("a"), word("b")]),
        ('"接続"*', [phrase("接", "続")]),
        ('"status:open" "-x"', [phrase("status", "open"), phrase("x")]),
        # Colons that belong to no field
        ("https://x.org/a:b localhost:8080 localhost:8080/x", None),
        ("std::vector C:\\temp c:x vpn: Re:: ipv6:fe80 a->b a<b x=1 エラー:接続 статус:новый", None),
        ("mail>2 -10:30", None),
        # Fields
        ("Status:OPEN STATUS=Open status：open", [one_of(Field.STATUS, "OPEN")] * 3),  # noqa: RUF001
        ('status:"in progress",IN_PROGRESS,inprogress', [one_of(Field.STATUS, "IN_PROGRESS")]),
        ("type:service-request", [one_of(Field.TYPE, "SERVICE_REQUEST")]),
        ("tag:Büro,buro tag:C++ tag:a:b", [one_of(Field.TAG, *tags) for tags in (["buro"], ["c++"], ["a:b"])]),
        ("tag:“a, b”,-c", [one_of(Field.TAG, "a, b", "-c")]),
        ("assignee:ME,None", [one_of(Field.ASSIGNEE, "me", None)]),
        ("assignee:Anna@ACME.example", [one_of(Field.ASSIGNEE, "anna@acme.example")]),
        (f"assignee:{AN_ID.upper()}", [one_of(Field.ASSIGNEE, AN_ID)]),
        ("-is:unassigned -has:Attachment", [no(one_of(Field.ASSIGNEE, None)), Has(Flag.ATTACHMENT, negated=True)]),
        # Numbers
        ("-#12 number:#7,8", [no(one_of(Field.NUMBER, "12")), one_of(Field.NUMBER, "7", "8")]),
        ("#012,#13", [one_of(Field.NUMBER, "12", "13")]),
        ("#12x #x #", [word("12x"), word("x")]),
        ("number:5.. number:..5", [between(Field.NUMBER, 5, None), between(Field.NUMBER, None, 6)]),
        ("number>5 number:<5", [between(Field.NUMBER, 6, None), between(Field.NUMBER, None, 5)]),
        ("number<=5 -number:5..5", [between(Field.NUMBER, None, 6), no(between(Field.NUMBER, 5, 6))]),
        # Times
        ("created:>=2026-03-29", [between(Moment.CREATED, "2026-03-29T00:00+01:00", None)]),
        ("created<2026-03-29", [between(Moment.CREATED, None, "2026-03-29T00:00+01:00")]),
        ("created:-7d..-3H", [between(Moment.CREATED, "2026-03-24T12:15:30+01:00", "2026-03-31T07:15:30Z")]),
        ('created:"2026-03-29 12:00"', [between(Moment.CREATED, "2026-03-29T12:00+02:00", "2026-03-29T12:01+02:00")]),
        ("created:2026..", [between(Moment.CREATED, "2026-01-01T00:00+01:00", None)]),
        ("-created:yesterday", [no(between(Moment.CREATED, "2026-03-30T00:00+02:00", "2026-03-31T00:00+02:00"))]),
    ],
)
@pytest.mark.each
def test_what_a_query_means(q: str, clauses: list[Clause] | None) -> None:
    """Without clauses, everything is text: a word for each piece, but what is excluded."""
    if clauses is None:
        clauses = [
            Term(tuple(word.text for word in words_of(piece)), Kind.WORD, piece.startswith("-")) for piece in q.split()
        ]
    assert read(q) == Query(tuple(clauses))


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        # Nothing to search for
        ("-", ["0-1: after '-' comes what is excluded: a word, phrase or condition"]),
        ("vpn - drops -&", ["4-5: after '-' comes", "12-14: after '-' comes"]),
        ("* vpn -x **", ["0-1: before '*' comes the beginning of a word", "9-11: before '*' comes"]),
        ("-*", ["0-2: after '-' comes"]),
        (" & € \x00 ", ["1-6: there is no letter or digit to search for"]),
        ("--", ["0-2: there is no letter"]),
        ('"" “…” -"!"', ["0-2: a phrase needs a word", "3-6: a phrase needs", "7-11: a phrase needs"]),
        # Quotes
        ('vpn "', ["4-5: this quote is not closed"]),
        ('"a" "b', ["4-6: this quote is not closed"]),
        ('tag:"a b status:opne', ["4-20: this quote is not closed"]),
        ('tag:"a"b,c', ["7-8: after a value in quotes comes a comma or a space"]),
        # Unknown fields
        (
            "tga:x -priorty:high",
            ["0-3: unknown field 'tga': did you mean 'tag'?", "7-14: unknown field 'priorty': did"],
        ),
        (
            "severity:high Owner:me",
            ["0-8: unknown field 'severity': did you mean 'pri", "14-19: unknown field 'Owner': did"],
        ),
        (
            "assigned-to:me created_at>-7d",
            ["0-11: unknown field 'assigned-to': did you mean 'assignee'?", "15-25: unknown"],
        ),
        (
            "creatd>-7d numbr:12",
            ["0-6: unknown field 'creatd': did you mean 'created'?", "11-16: unknown field 'numbr'"],
        ),
        ("colour:red", ["0-6: unknown field 'colour'; text with a colon is searched in quotes"]),
        ("a" * 50 + ":x", [f"0-50: unknown field '{'a' * 40}…';"]),
        # Values
        ("status:", ["0-7: a value is missing"]),
        ("status:new, open", ["0-11: a value is missing"]),
        ('tag:,a,, tag:" "', ["0-4: a value is missing", "0-7: a value is missing", "0-8: a value", "9-16: a value"]),
        ("status:new,x,y", ["11-12: 'x' is no status: NEW, OPEN", "13-14: 'y' is no status"]),
        ('priority:"\ud800\x00\n"', ["10-13: '\ufffd\ufffd\ufffd' is no priority: LOW, MEDIUM, HIGH, CRITICAL"]),
        ("status>open", ["6-7: 'status' has no order: list its values"]),
        ("tag:>=x", ["3-6: 'tag' has no order"]),
        ("tag:\u0301", ["4-5: '\u0301' is no tag"]),
        (
            "assignee:anna reporter:none",
            ["9-13: 'anna' is nobody: write me, none, an id or", "23-27: 'none' is no reporter"],
        ),
        ("reporter:a@b@c,@", ["9-14: 'a@b@c' is nobody: write me, an id", "15-16: '@' is nobody"]),
        (
            "is:open,x has:file",
            ["3-7: 'open' is not known: only 'is:unassigned' is", "8-9: 'x' is", "14-18: 'file' is not"],
        ),
        # Numbers
        ("number:x number:-5 number:1e3", ["7-8: 'x' is no number of a ticket", "16-18: '-5' is", "26-29: '1e3' is"]),
        ("#1234567890123456", ["0-17: '#1234567890123456' is no number"]),
        ("number:20..1", ["7-12: '20..1' ends before it begins"]),
        ("number:..", ["7-9: '..' is a range without bounds"]),
        ("number:1..2,3", ["12-13: 'number' takes one value or range"]),
        ("number>1,2 number>1..2", ["9-10: 'number' takes one", "18-22: '1..2' is a range, which '>' does not take"]),
        ("number:1..2..3", ["10-14: '2..3' is no number"]),
        # Times
        ("created:soon", ["8-12: 'soon' is no date such as 2026, 2026-03, 2026-03-29"]),
        ("created:2026-01,2026-03", ["16-23: 'created' takes one value or range"]),
        ("created:>2026-01..2026-02", ["9-25: '2026-01..2026-02' is a range, which '>'"]),
        ("created:2026-01..2026-02..2026-03", ["17-33: '2026-02..2026-03' is no date"]),
        ("created>>2026 created:created:2026", ["8-13: '>2026' is no date", "22-34: 'created:2026' is no date"]),
        ("created:2026-03..2026-01", ["8-24: '2026-03..2026-01' ends before it begins"]),
        ("created:2026-13..2026-02-30", ["8-15: '2026-13' does not exist", "17-27: '2026-02-30' does not exist"]),
        ('created:"2026-13"', ["9-16: '2026-13' does not exist"]),
        ("updated:-3d..-7d", ["8-16: '-3d..-7d' ends before it begins"]),
        # Limits
        ("a" * 501, ["500-501: a query has at most 500 characters"]),
        ("😀" * 10_000, ["500-10000: a query has at most 500 characters"]),
        (" ".join("abcdefghijklmnopqr"), ["32-35: a query has at most 16 words and conditions, and these are 18"]),
        ('"' + "a " * 17 + '"', ["1-35: a query has at most 16 words"]),
        ("#1 " * 17, ["48-50: a query has at most 16 words"]),
    ],
)
@pytest.mark.each
def test_every_problem_is_named(q: str, expected: list[str]) -> None:
    found = list(map(str, mistakes_of(q)))
    assert len(found) == len(expected)
    assert all(there.startswith(start) for there, start in zip(found, expected, strict=True)), found


def test_the_longest_query_is_read() -> None:
    assert read("😀" * MOST_CHARACTERS) == Query((word(*"😀" * MOST_CHARACTERS),))
    assert len(read("a " * MOST_WORDS).clauses) == MOST_WORDS


# --- anything --------------------------------------------------------------------------------------------------------

SIGNS = ' -*"“”:,.#<>=@\\/\x00\ud800\u0301\u3000é接🔥'
STARTS = ("status", "created:", "updated>", "resolved", "number:", "tag:", "assignee=", "is:", "has:", "..", ":>", ">=")
VALUES = ("-7d", "today", "9999", "2026-03-29T24:00Z", "0001-01-01", "me", "none", "open")
PIECES = st.sampled_from([*EXAMPLES, *MISTAKES, *SIGNS, *STARTS, *VALUES])
ANYTHING = st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join) | st.text(max_size=600)


@given(ANYTHING, st.sampled_from(["Europe/Berlin", "Pacific/Apia", "UTC"]))
@example("created:2999-12-31", "Pacific/Apia")
def test_any_text_is_a_query_or_has_problems_within_it(q: str, name: str) -> None:
    found = outcome(q, ZoneInfo(name))
    if isinstance(found, Query):
        assert all(clause.words for clause in found.clauses if isinstance(clause, Term))
        assert all(clause.values for clause in found.clauses if isinstance(clause, OneOf))
        assert found.clauses or not q.strip()
        fields_match(bound(found, me=AGENT_ID, ids={}), a_ticket())
    else:
        assert found
        assert all(0 <= problem.start < problem.end <= len(q) for problem in found)
        assert [problem.start for problem in found] == sorted(problem.start for problem in found)
        assert all(str(problem).encode() for problem in found)


@given(st.lists(st.sampled_from(list(EXAMPLES)), max_size=4))
def test_clauses_do_not_depend_on_each_other(chosen: list[str]) -> None:
    assert read("  ".join(chosen)).clauses == tuple(clause for q in chosen for clause in EXAMPLES[q])


# --- people ----------------------------------------------------------------------------------------------------------


def test_people_become_ids() -> None:
    query = read(f"vpn assignee:me,Anna@acme.example,none -reporter:{OTHER_ID},ben@acme.example,x@y.example tag:me")
    assert addresses_in(query) == {"anna@acme.example", "ben@acme.example", "x@y.example"}
    ids = {"anna@acme.example": ADMIN_ID, "ben@acme.example": OTHER_ID}
    assert bound(query, me=AGENT_ID, ids=ids).clauses == (
        word("vpn"),
        one_of(Field.ASSIGNEE, AGENT_ID, ADMIN_ID, None),
        no(one_of(Field.REPORTER, OTHER_ID)),
        one_of(Field.TAG, "me"),
    )


def test_an_unknown_address_is_nobodys() -> None:
    query = bound(read("assignee:x@y.example"), me=AGENT_ID, ids={})
    assert query == Query((OneOf(Field.ASSIGNEE, (), negated=False),))
    assert not fields_match(query, a_ticket())
    assert fields_match(bound(read("-assignee:x@y.example"), me=AGENT_ID, ids={}), a_ticket())


def test_only_words_rank() -> None:
    assert read("vpn status:open").ranked
    assert not read("-vpn status:open").ranked
    assert not read("").ranked


# --- the current row -------------------------------------------------------------------------------------------------

TICKET = a_ticket(
    number=12,
    status=Status.IN_PROGRESS,
    priority=Priority.HIGH,
    type=TicketType.QUESTION,
    tags=["Büro", "Needs  Review"],
    assigned_to_id=AGENT_ID,
    reporter_id=REPORTER_ID,
    created_at="2026-03-28T23:30:00.000Z",
    updated_at="2026-03-31T09:00:00.000Z",
)


@pytest.mark.parametrize(
    "q",
    [
        "",
        "status:in_progress,new",
        "priority:high",
        "type:question",
        "tag:buro",
        'tag:"needs review" tag:BÜRO',
        "assignee:me",
        "assignee:none,me",
        "reporter:" + REPORTER_ID,
        "#12,13",
        "number:12..12",
        "number>11 number<13",
        "created:2026-03-29",  # already, in Berlin
        "created:2026-03-28T23:30Z",
        "updated:-2h",
        "updated:today",
    ],
)
@pytest.mark.each
def test_the_row_agrees(q: str) -> None:
    query = bound(read(q), me=AGENT_ID, ids={})
    assert fields_match(query, TICKET)
    inverse = Query(tuple(replace(clause, negated=True) for clause in query.clauses))
    assert not fields_match(inverse, TICKET) or not query.clauses


@pytest.mark.parametrize(
    "q",
    [
        "status:new",
        "status:in_progress status:new",
        "tag:buro tag:vpn",
        "is:unassigned",
        "reporter:me",
        "number>12",
        "number<12",
        "created:2026-03-28",
        "updated>-1h",
    ],
)
@pytest.mark.each
def test_the_row_disagrees(q: str) -> None:
    query = bound(read(q), me=AGENT_ID, ids={})
    assert not fields_match(query, TICKET)


@pytest.mark.parametrize("q", ["other", '-"other"', "oth*", "has:attachment", "-has:attachment", "resolved:2020"])
@pytest.mark.each
def test_the_row_can_not_tell(q: str) -> None:
    assert fields_match(read(q), TICKET)


def test_nobody_is_assigned() -> None:
    assert fields_match(read("is:unassigned"), a_ticket())
    assert not fields_match(read("-assignee:none"), a_ticket())
