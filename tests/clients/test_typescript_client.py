"""The types that openapi-typescript makes of the contract, with openapi-fetch as the client."""

import json
import re
from pathlib import Path

import pytest

from tests.clients.making import ANSWERED, HERE, examples
from tests.contract.document import OPERATIONS
from tests.harness.node import node
from tests.harness.stack import Stack

STRICT = (
    *("--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--noEmit", "--skipLibCheck"),
    *("--target", "es2024", "--module", "nodenext", "--lib", "es2024,dom"),
)


@pytest.fixture(scope="module")
def checked(typescript: Path) -> Path:
    """The folder, after TypeScript's compiler has found nothing in the tour and in the contract's examples."""
    (typescript / "tour.ts").write_text((HERE / "tour.ts").read_text())
    lines = ['import type { operations } from "./api.d.ts";']
    for number, (operation, part, _, value) in enumerate(examples()):
        holder = "NonNullable<{}['requestBody']>" if part == "body" else "{}['responses'][" + part + "]"
        holder = holder.replace("{}", f"operations['{operation}']")
        lines.append(f"export const e{number}: {holder}['content']['application/json'] = {json.dumps(value)};")
    (typescript / "examples.ts").write_text("\n".join(lines))
    node(typescript, "node_modules/typescript/bin/tsc", *STRICT, "tour.ts", "examples.ts")
    return typescript


def test_types_have_the_operations_and_no_preflights(typescript: Path) -> None:
    paths = (typescript / "api.d.ts").read_text().partition("export type webhooks")[0]
    assert set(re.findall(r'operations\["(\w+)"\]', paths)) == OPERATIONS.keys()
    assert not re.findall(r"options\??: (?!never)", paths)


def test_examples_and_calls_have_the_right_types(checked: Path) -> None:
    assert (checked / "examples.ts").read_text().count("export const") > 100


def test_calls_the_running_api(checked: Path, stack: Stack) -> None:
    told = node(checked, "tour.ts", BASE_URL=stack.base_url, TOKEN=stack.token("agent@acme.example"))
    assert json.loads(told) == ANSWERED
