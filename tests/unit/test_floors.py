"""The house: which folder of the layer may import from which: floors below, never its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.unit.support import ROOT

PACKAGE = ROOT / "layers" / "ticketing" / "ticketing"

FLOORS = (
    {"clock", "deployment", "errors", "ids", "metrics", "text", "words"},
    {"access"},
    {"aws", "dynamodb"},
    {"index", "people"},
    {"api"},
    {"audit", "tickets"},
    {"attachments", "events", "users"},
    {"calendars", "comments"},
    {"search"},
    {"analytics", "live", "mail", "views", "webhooks"},
    {"erasure"},
)
"""The folders, and the modules beside them, from the ground up."""

ONLY_IN = {
    "boto3": set[str](),
    "botocore.session": {"aws/clients.py"},
    "os": {"deployment.py", "ids.py", "webhooks/signatures.py"},
}
"""What few modules may import: making clients, reading the environment (and the system's random numbers)."""

FLOOR_OF = {name: number for number, floor in enumerate(FLOORS) for name in floor}


def imports() -> Iterator[tuple[Path, int, str]]:
    """Yield every import of the layer: the file (within the package), its line, and the module's name."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((path.relative_to(PACKAGE), node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "ticketing" else []
                yield from ((path.relative_to(PACKAGE), node.lineno, name) for name in names or [str(node.module)])


def test_every_folder_has_its_floor() -> None:
    found = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert found - {"__init__"} == FLOOR_OF.keys()


def test_a_folder_imports_from_floors_below() -> None:
    wrong = []
    for path, line, name in imports():
        package, _, rest = name.partition(".")
        here, there = path.parts[0].removesuffix(".py"), rest.partition(".")[0]
        if package == "ticketing" and here not in {"__init__", there} and FLOOR_OF[there] >= FLOOR_OF[here]:
            wrong.append(f"{path}:{line} imports {name}")
    assert wrong == []


def test_few_modules_know_the_environment_and_make_clients() -> None:
    wrong = [
        f"{path}:{line} imports {name}"
        for path, line, name in imports()
        if name in ONLY_IN and path.as_posix() not in ONLY_IN[name]
    ]
    assert wrong == []


def test_only_the_ground_is_known_to_generic_folders() -> None:
    """What access, aws, dynamodb and api say of services, they say as data: the table of permissions."""
    services = {"ticket", "comment", "webhook"}
    wrong = []
    for folder in ("aws", "dynamodb"):
        for path in (PACKAGE / folder).glob("*.py"):
            names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
            names |= {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
            wrong += [f"{path.name}: {name}" for name in names for word in services if word in name.lower()]
    assert wrong == []
