"""docs/lifecycle.md tells the table as it is, in words and as a diagram, and so does the README's diagram."""

import re
from pathlib import Path

import pytest

from tests.workflow.machine import definition
from ticketing.access.roles import Role
from ticketing.tickets.lifecycle import LIFECYCLE, Requirement, Status
from ticketing.tickets.state_machine import Outcome

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "lifecycle.md").read_text()
DIAGRAMS = {"docs/lifecycle.md": TEXT, "README.md": (ROOT / "README.md").read_text()}

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


def arrows(text: str) -> list[tuple[str, str]]:
    """Return the arrows of a document's state diagram."""
    (drawn,) = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", text, re.DOTALL)
    return re.findall(r"(\S+) --> ([\w*\[\]]+)", drawn)


@pytest.mark.parametrize("text", DIAGRAMS.values(), ids=DIAGRAMS.keys())
def test_the_diagram_is_the_lifecycle(text: str) -> None:
    moves = [(source, target) for source, target in arrows(text) if source != "[*]"]
    assert sorted(moves) == sorted((str(row.source), str(row.target)) for row in LIFECYCLE)


@pytest.mark.parametrize("text", DIAGRAMS.values(), ids=DIAGRAMS.keys())
def test_the_diagram_starts_where_tickets_are_made(text: str) -> None:
    assert {target for source, target in arrows(text) if source == "[*]"} == {Status.NEW, Status.OPEN}


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_explained_and_comes_from_a_state(outcome: Outcome) -> None:
    assert f"| `{outcome}` |" in TEXT
    ends = [state for state in definition()["States"].values() if state.get("End")]
    assert [state["Output"]["outcome"] for state in ends].count(outcome) == 1
    assert len(ends) == len(Outcome)


def test_no_other_state_is_told_of() -> None:
    """States are written in backquotes and CamelCase."""
    told = set(
        re.findall(r"`((?:From|To|Is|Add|Check|Put|Read|Write|List|Merge|Take|Current|Why|Let|Unknown)[A-Z]\w+)`", TEXT)
    )
    assert told <= definition()["States"].keys()
