"""Imports between the folders of local/ go one way, as the docstrings of its packages say."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.settings import ROOT

# What a folder may import of the project, besides itself.
MAY_IMPORT = {
    "emulator": ("local.environment", "local.settings"),
    "aws": ("local.emulator", "local.settings"),
    "watch": ("local.emulator", "local.settings", "local.aws.iam"),
    "stack": ("local.environment", "local.progress", "local.settings"),
    "durable": ("local.emulator", "local.settings", "local.stack.outputs"),
}
# A file for one AWS service knows no other service's.
OF_THEIR_OWN_FOLDER = {"aws": ("local.aws.iam",)}


def imports_of(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines and the names of the modules of local/ that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "local":
            yield from ((node.lineno, f"{node.module}.{each.name}") for each in node.names)


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_what_it_may(folder: str) -> None:
    allowed = (*MAY_IMPORT[folder], *OF_THEIR_OWN_FOLDER.get(folder, (f"local.{folder}",)))
    files = list((ROOT / "local" / folder).glob("*.py"))
    assert len(files) > 1
    wrong = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in files
        for line, name in imports_of(file)
        if not name.startswith(tuple(f"{each}." for each in allowed))
    ]
    assert wrong == []


def test_every_folder_is_in_the_table() -> None:
    assert {path.parent.name for path in (ROOT / "local").glob("*/__init__.py")} == set(MAY_IMPORT)
