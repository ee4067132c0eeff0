"""The state machine's definition as a text: what AWS would refuse and the emulator does not, and what it says."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

from tests.workflow.machine import DEFINITION as FILE
from tests.workflow.machine import Values, definition
from ticketing.access.roles import Role
from ticketing.tickets.lifecycle import LIFECYCLE, Requirement, Status

DEFINITION = definition()
STATES: dict[str, Values] = DEFINITION["States"]
CHOICES = {name: state for name, state in STATES.items() if state["Type"] == "Choice"}
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
ENDS = {"Pass", "Succeed", "Fail"}

FROM = {f"From{status.title().replace('_', '')}": status for status in Status}
TO = {
    "ToOpen": Status.OPEN,
    "ToOpenAgain": Status.OPEN,
    "ToInProgress": Status.IN_PROGRESS,
    "ToResolved": Status.RESOLVED,
    "ToClosed": Status.CLOSED,
}


def following(state: Values) -> list[str]:
    """Return the states that may come right after a state."""
    parts = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return [part[key] for part in parts for key in ("Next", "Default") if key in part]


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a part of the definition that is not a comment."""
    match value:
        case str():
            yield value
        case list():
            for element in value:
                yield from texts(element)
        case dict():
            for name, element in value.items():
                if name != "Comment":
                    yield from texts(element)


def assign_blocks() -> list[tuple[str, Values]]:
    """Return every block of variables with the state that it stands in."""
    return [
        (name, part["Assign"])
        for name, state in STATES.items()
        for part in [state, *state.get("Choices", []), *state.get("Catch", [])]
        if "Assign" in part
    ]


def linted(machine: Values) -> list[str]:
    """Return what cfn-lint says of a state machine in a template; it takes no other partition than `aws`."""
    machine = json.loads(json.dumps(machine).replace("${Partition}", "aws"))
    properties = {
        "RoleArn": "arn:aws:iam::123456789012:role/lifecycle",
        "StateMachineType": "EXPRESS",
        "Definition": machine,
        "DefinitionSubstitutions": {"TicketsTable": "tickets"},
    }
    template = {"Resources": {"Lifecycle": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    return [match.message for match in lint(json.dumps(template), config=ManualArgs(regions=["us-east-1"]))]


def test_cfn_lint_has_nothing_to_say() -> None:
    assert linted(DEFINITION) == []


def test_cfn_lint_would_say_something() -> None:
    broken = STATES | {"ToOpen": STATES["ToOpen"] | {"Parameters": {}}}
    assert linted(DEFINITION | {"States": broken})


def test_every_state_that_is_named_exists_and_every_state_is_reached() -> None:
    reached: set[str] = set()
    coming = [DEFINITION["StartAt"]]
    while coming:
        name = coming.pop()
        if name not in reached:
            reached.add(name)
            coming += following(STATES[name])
    assert reached == STATES.keys()


@pytest.mark.parametrize("name", STATES)
def test_a_state_leads_on_or_ends(name: str) -> None:
    state = STATES[name]
    ways = [key for key in ("Next", "End", "Choices") if key in state]
    assert ways == ([] if state["Type"] == "Fail" else ways[:1])
    assert not state.get("End") or state["Type"] in ENDS


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_has_a_way_out_and_says_what_each_rule_is(name: str) -> None:
    assert "Default" in CHOICES[name]
    assert all(rule["Comment"] for rule in CHOICES[name]["Choices"])


@pytest.mark.parametrize("name", [name for name, state in STATES.items() if state["Type"] not in {"Fail", "Wait"}])
def test_a_state_says_what_it_is(name: str) -> None:
    assert STATES[name]["Comment"]


def test_an_expression_is_the_whole_value() -> None:
    for text in texts(DEFINITION):
        assert ("{%" in text) == text.startswith("{%") == text.endswith("%}") == ("%}" in text), text


def test_expressions_reach_nothing_but_variables_and_states() -> None:
    """AWS has no `$eval`, and `$` alone is nothing at the top of an expression."""
    for text in texts(DEFINITION):
        assert "$eval" not in text
        assert "$$" not in text


@pytest.mark.parametrize("file", sorted(FILE.parent.iterdir()), ids=lambda file: file.name)
def test_attribute_types_are_named_as_the_sdk_names_them(file: Path) -> None:
    """AWS refuses `BOOL`, which the table's own API takes."""
    assert not re.findall(r"'?\b(BOOL|NULL|SS|NS|BS)\b'?\s*:", file.read_text())


def test_partition_and_table_are_the_only_substitutions() -> None:
    assert Counter(re.findall(r"\$\{[^}]*\}", json.dumps(DEFINITION))) == {"${Partition}": 2, "${TicketsTable}": 6}


@pytest.mark.parametrize(("name", "block"), assign_blocks(), ids=lambda value: value if isinstance(value, str) else "")
def test_variables_of_one_block_do_not_use_each_other(name: str, block: Values) -> None:
    """AWS computes them side by side; the emulator, one after the other."""
    for variable, value in block.items():
        used = {found for text in texts(value) for found in re.findall(r"\$(\w+)", text)}
        assert not used & (block.keys() - {variable}), f"{name}: ${variable}"


def test_an_output_does_not_use_what_its_state_assigns() -> None:
    for name, block in assign_blocks():
        output = {found for text in texts(STATES[name].get("Output")) for found in re.findall(r"\$(\w+)", text)}
        assert not output & block.keys(), name


def test_no_variable_is_named_like_a_function() -> None:
    functions = {"now", "uuid", "merge", "sift", "each", "keys", "count", "string", "number", "join", "type", "states"}
    assert not functions & {variable for _, block in assign_blocks() for variable in block}


def known_errors() -> set[str]:
    """Return the names under which Step Functions reports errors of DynamoDB.

    On AWS they are the Java SDK's exception classes, which all end in Exception; the emulator keeps the service's own
    names, two of which do not.
    """
    shapes = Loader().load_service_model("dynamodb", "service-2")["shapes"]
    wire = {name for name, shape in shapes.items() if shape.get("exception")}
    java = {f"{name.removesuffix('Exception')}Exception" for name in wire}
    return {f"DynamoDb.{name}" for name in wire | java | {"SdkClientException"}}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_names_errors_that_exist_and_swallows_none(name: str) -> None:
    task = TASKS[name]
    assert task["Resource"].startswith("arn:${Partition}:states:::aws-sdk:dynamodb:")
    errors = {error for part in task["Retry"] + task.get("Catch", []) for error in part["ErrorEquals"]}
    assert errors <= known_errors()
    assert all(isinstance(retry["IntervalSeconds"], int) for retry in task["Retry"])


def test_what_is_drawn_by_chance_is_drawn_before_the_write() -> None:
    """Or a retried write would not be the same one."""
    for call in ("$uuid()", "$now()", "$millis()", "$random()"):
        where = {name for name, state in STATES.items() if any(call in text for text in texts(state))}
        assert where <= {"ReadTicket"}
    assert TASKS["WriteTransition"]["Arguments"]["ClientRequestToken"] == "{% $token %}"


def test_what_may_be_waited_for_in_vain_fits_into_the_timeout() -> None:
    retry = TASKS["WriteTransition"]["Retry"][0]
    longest = sum(retry["IntervalSeconds"] * retry["BackoffRate"] ** n for n in range(retry["MaxAttempts"]))
    assert longest < DEFINITION["TimeoutSeconds"] < 29, "API Gateway waits for 29 s"


Row = tuple[Status, Status, frozenset[Role], Requirement | None]


def row_of(source: Status, rule: Values) -> Row:
    """Return the row of the table that a rule of a From… state is."""
    found = re.fullmatch(r"\{% \$to = '(\w+)' and \$actor\.role in (\[.*\]) %\}", rule["Condition"])
    assert found, rule["Condition"]
    target, roles = Status(found[1]), frozenset(map(Role, json.loads(found[2].replace("'", '"'))))
    state = STATES[rule["Next"]]
    assert TO[rule["Next"]] is target
    needs = [Requirement(choice["Assign"]["missing"]) for choice in state.get("Choices", [])]
    return source, target, roles, needs[0] if needs else None


def rows() -> Iterator[tuple[Row, Values]]:
    """Yield the rows of the table as the definition has them, in its order, with their rules."""
    for name, source in FROM.items():
        for rule in STATES[name]["Choices"]:
            if rule["Next"] in TO:
                yield row_of(source, rule), rule


def test_the_rules_are_the_rows_of_the_table() -> None:
    assert [row for row, _ in rows()] == [(row.source, row.target, row.by, row.needs) for row in LIFECYCLE]


WHO = {Role.REPORTER: "the reporter", Role.AGENT: "agents", Role.ADMIN: "admins", Role.SYSTEM: "the system"}


def test_the_comment_of_a_rule_says_what_its_condition_does() -> None:
    for (source, target, roles, _), rule in rows():
        *others, last = [words for role, words in WHO.items() if role in roles]
        assert rule["Comment"] == f"{source} -> {target} by {', '.join(others)} and {last}"


@pytest.mark.parametrize("name", FROM)
def test_a_move_of_the_table_is_forbidden_to_the_other_roles(name: str) -> None:
    targets = [str(row.target) for row in LIFECYCLE if row.source is FROM[name]]
    forbidden = STATES[name]["Choices"][-1]
    assert forbidden["Next"] == "Forbidden"
    assert forbidden["Condition"] == "{% $to in [" + ", ".join(f"'{target}'" for target in targets) + "] %}"
    assert STATES[name]["Default"] == "TransitionNotAllowed"


def test_each_status_leads_to_its_own_rules() -> None:
    leads = {rule["Condition"]: rule["Next"] for rule in STATES["CurrentStatus"]["Choices"]}
    assert leads == {f"{{% $ticket.status.S = '{status}' %}}": name for name, status in FROM.items()}


def test_the_file_is_ascii() -> None:
    """CloudFormation reads it from S3 without being told of an encoding."""
    assert FILE.read_text().isascii()
