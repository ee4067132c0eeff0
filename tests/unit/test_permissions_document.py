"""docs/permissions.md shows the table that decides."""

import re
from pathlib import Path

from ticketing.lifecycle import Role, Status
from ticketing.permissions import (
    PERMISSIONS,
    REPORTER_MAY_CHANGE,
    REPORTER_MAY_NOT_CREATE_WITH,
    Operation,
    Scope,
)

TEXT = (Path(__file__).parents[2] / "docs" / "permissions.md").read_text()
WORDS = {Scope.OWN: "own", Scope.TENANT: "all", Scope.NONE: "no"}


def test_the_page_shows_every_operation() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (\S+) \| (\S+) \|$", TEXT, re.MULTILINE)
    people = (Role.REPORTER, Role.AGENT, Role.ADMIN)
    assert rows == [(each.value, *(WORDS[PERMISSIONS[each][role]] for role in people)) for each in Operation]


def test_the_page_shows_what_reporters_may_change() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ((?:[A-Z_]+(?:, )?)+) \|$", TEXT, re.MULTILINE))
    assert rows == {
        name: ", ".join(status for status in Status if status in statuses)
        for name, statuses in REPORTER_MAY_CHANGE.items()
    }


def test_the_page_shows_what_reporters_may_not_create_with() -> None:
    (said,) = re.findall(r"chooses everything but ((?:`\w+`(?: and )?)+)", TEXT)
    assert set(re.findall(r"`(\w+)`", said)) == REPORTER_MAY_NOT_CREATE_WITH
