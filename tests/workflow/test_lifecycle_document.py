"""docs/lifecycle.md tells the table as it is: in words and as a diagram."""

import re
from pathlib import Path

import pytest

from tests.workflow.machine import definition
from ticketing.lifecycle import LIFECYCLE, Requirement, Role, Status
from ticketing.lifecycle_client import Outcome

DOCUMENT = Path(__file__).parents[2] / "docs" / "lifecycle.md"
TEXT = DOCUMENT.read_text()

WHO = {Role.REPORTER: "the reporter", Role.AGENT: "agent", Role.ADMIN: "admin", Role.SYSTEM: "system"}
NEEDS = {None: "", Requirement.ASSIGNEE: "an assignee", Requirement.RESOLUTION: "a resolution"}


def test_the_table_is_the_lifecycle() -> None:
    rows = re.findall(r"^\| ([A-Z_]+) → ([A-Z_]+) \| ([^|]*?) \| ([^|]*?) ?\|$", TEXT, re.MULTILINE)
    assert rows == [
        (
            row.source,
            row.target,
            ", ".join(words for role, words in WHO.items() if role in row.by),
            "closed for at most 30 days" if row.source is Status.CLOSED else NEEDS[row.needs],
        )
        for row in LIFECYCLE
    ]


def diagram() -> list[tuple[str, str]]:
    """Return the arrows of the document's state diagram."""
    (drawn,) = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", TEXT, re.DOTALL)
    arrows = [line.strip() for line in drawn.splitlines() if "-->" in line]
    return [(match[1], match[2]) for arrow in arrows if (match := re.match(r"(\S+) --> ([\w*\[\]]+)", arrow))]


def test_the_diagram_is_the_lifecycle() -> None:
    moves = [(source, target) for source, target in diagram() if source != "[*]"]
    assert sorted(moves) == sorted((str(row.source), str(row.target)) for row in LIFECYCLE)


def test_the_diagram_starts_where_tickets_are_made() -> None:
    assert {target for source, target in diagram() if source == "[*]"} == {Status.NEW, Status.OPEN}


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_explained_and_comes_from_a_state(outcome: Outcome) -> None:
    assert f"| `{outcome}` |" in TEXT
    ends = [state for state in definition()["States"].values() if state.get("End")]
    assert [state["Output"]["outcome"] for state in ends].count(outcome) == 1
    assert len(ends) == len(Outcome)


def test_no_other_state_is_told_of() -> None:
    """States are written in backquotes and CamelCase."""
    told = set(re.findall(r"`((?:From|To|Is|Read|Write|List|Merge|Take|Current|Why|Let|Unknown)[A-Z]\w+)`", TEXT))
    assert told <= definition()["States"].keys()
