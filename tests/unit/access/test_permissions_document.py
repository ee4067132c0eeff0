"""docs/permissions.md shows the table that decides."""

import re
from datetime import timedelta

from tests.unit.support import ROOT
from ticketing.access.permissions import (
    PEOPLE_ONLY,
    PERMISSIONS,
    RECHECKED,
    Operation,
    PublicOperation,
    Relation,
)
from ticketing.access.roles import Role
from ticketing.comments.rules import COMMENT_EDIT_WINDOW, MODERATORS, RESPONDERS
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.rules import INTERNAL_COMMENTS, REPORTER_MAY_CHANGE, REPORTER_MAY_NOT_CREATE_WITH
from ticketing.views.rules import SHARERS

TEXT = (ROOT / "docs" / "permissions.md").read_text()
WORDS = {frozenset(): "no", frozenset({Relation.OWN}): "own", frozenset(Relation): "all"}
ROLES = (Role.NEWCOMER, Role.REPORTER, Role.AGENT, Role.ADMIN)


def word(operation: Operation, role: Role) -> str:
    """Return what the page says of a role, with the marks of the operation."""
    said = WORDS[PERMISSIONS[operation].get(role, frozenset())]
    marks = [mark for mark, marked in (("people", PEOPLE_ONLY), ("rechecked", RECHECKED)) if operation in marked]
    return f"{said} ({', '.join(marks)})" if marks and said != "no" else said


def test_the_page_shows_every_operation() -> None:
    header = re.search(r"^\| operation \| (.+) \|$", TEXT, re.MULTILINE)
    assert header is not None
    assert header[1].split(" | ") == [role.value for role in ROLES]
    rows = re.findall(r"^\| `(\w+)` \| ([^|`]+) \| ([^|`]+) \| ([^|`]+) \| ([^|`]+) \|$", TEXT, re.MULTILINE)
    assert rows == [(each.value, *(word(each, role) for role in ROLES)) for each in Operation]


def test_the_page_says_which_operations_have_no_caller() -> None:
    (said,) = re.findall(r"^## Without a caller\n\n(.+) are outside the table:", TEXT, re.MULTILINE)
    assert re.findall(r"`(\w+)`", said) == [each.value for each in PublicOperation]


def test_the_page_explains_every_word() -> None:
    for said in ("own", "all", "no", "(people)", "(rechecked)"):
        assert f"- **{said}**: " in TEXT


def test_the_page_explains_every_relation() -> None:
    explained = re.findall(r"^- `(\w+)`: ", TEXT, re.MULTILINE)
    assert explained == [relation.value for relation in Relation]


def test_the_page_shows_what_reporters_may_change() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ((?:[A-Z_]+(?:, )?)+) \|$", TEXT, re.MULTILINE))
    assert rows == {
        name: ", ".join(status for status in Status if status in statuses)
        for name, statuses in REPORTER_MAY_CHANGE.items()
    }


def test_the_page_shows_who_may_know_of_internal_comments() -> None:
    (said,) = re.findall(r"^\| internal \| (.+) \|$", TEXT, re.MULTILINE)
    assert set(said.split(", ")) == INTERNAL_COMMENTS
    assert {Role.AGENT, Role.ADMIN} == RESPONDERS
    assert "A public comment of an agent or admin on a ticket that somebody else reported counts as an answer." in TEXT


def test_the_page_shows_who_may_change_whose_comment() -> None:
    rows = re.findall(r"^\| `(\w+)` \| for (\d+) minutes \| (\w+) \|$", TEXT, re.MULTILINE)
    window = str(COMMENT_EDIT_WINDOW // timedelta(minutes=1))
    assert rows == [(each.value, window, ", ".join(roles) or "nobody") for each, roles in MODERATORS.items()]


def test_the_page_shows_who_may_share_views() -> None:
    rows = re.findall(r"^\| `(\w+)` \| everybody \| (\w+) \|$", TEXT, re.MULTILINE)
    assert dict(rows) == dict.fromkeys(("createView", "updateView", "deleteView"), ", ".join(SHARERS))


def test_the_page_shows_what_reporters_may_not_create_with() -> None:
    (said,) = re.findall(r"chooses everything but ((?:`\w+`(?: and )?)+)", TEXT)
    assert set(re.findall(r"`(\w+)`", said)) == REPORTER_MAY_NOT_CREATE_WITH
