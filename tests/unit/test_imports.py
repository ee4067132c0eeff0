"""What a function's start costs: importing a handler brings in what it uses, and nothing beyond."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.harness.size import sized
from tests.unit.support import ROOT

_ALL = [f"{file.parent.name}/{file.stem}" for file in sorted((ROOT / "functions").glob("*/*.py"))]
HANDLERS = sized(_ALL, short=_ALL[::6])

# The layer and its dependencies; botocore and its own come with Lambda's runtime.
LAYER = {
    "annotated_types",
    "aws_lambda_powertools",
    "botocore",
    "dateutil",
    "jmespath",
    "pydantic",
    "pydantic_core",
    "six",
    "ticketing",
    "typing_extensions",
    "typing_inspection",
    "urllib3",
}
ALLOWED = {
    "analytics": LAYER | {"tantivy", "tzdata"},
    "tickets": LAYER,
    "users": LAYER | {"tzdata"},
    "identity": LAYER - {"annotated_types", "pydantic", "pydantic_core", "typing_inspection"}
    | {"_cffi_backend", "_openssl", "cryptography", "jwt"},
    "attachments": LAYER,
    "calendars": LAYER | {"tzdata"},
    "comments": LAYER,
    "audit": LAYER,
    "erasure": LAYER | {"tzdata"},
    "events": LAYER,
    "live": LAYER,
    "mail": LAYER | {"tzdata"},
    "search": LAYER | {"tantivy", "tzdata"},
    "views": LAYER | {"tantivy", "tzdata"},
    "webhooks": LAYER | {"tzdata"},
    "api": {"ticketing"},
}
# Modules beyond those of a bare interpreter, the standard library's included: a tenth above what was measured.
BUDGET = {
    "analytics": 570,
    "tickets": 430,
    "attachments": 435,
    "calendars": 435,
    "comments": 430,
    "users": 435,
    "audit": 435,
    "erasure": 520,
    "identity": 430,
    "events": 435,
    "live": 470,
    "mail": 470,
    "search": 560,
    "views": 510,
    "webhooks": 470,
    "api": 20,
}

# botocore takes these along where they are installed; Lambda's runtime does not have them.
ELSEWHERE = ["OpenSSL", "awscrt", "certifi"]

# All but the answer to preflights have clients of AWS: what these bring in is loaded once, and counts for each of them.
SCRIPT = f"""
import json, os, sys

def load(handler):
    folder, _, module = handler.rpartition("/")
    sys.path.insert(0, folder)
    __import__(module)
    print(json.dumps([handler, sorted(set(sys.modules) - before)]), flush=True)

sys.modules.update(dict.fromkeys({ELSEWHERE}))
before = set(sys.modules)
for handler in sorted(sys.argv[1:], key=lambda handler: "/api/" not in handler):
    if "/api/" not in handler:
        import ticketing.aws.clients
    if os.fork() == 0:
        load(handler)
        os._exit(0)
    if os.wait()[1]:
        sys.exit(handler)
"""


@cache
def loaded() -> dict[str, frozenset[str]]:
    """Return the modules that importing each handler loads, in an interpreter of its own as in Lambda."""
    functions = ROOT / "functions"
    environment = {"PYTHONPATH": str(ROOT / "layers" / "ticketing"), "AWS_DEFAULT_REGION": "us-east-1"}
    command = [sys.executable, "-c", SCRIPT, *(str(functions / handler) for handler in HANDLERS)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {str(Path(handler).relative_to(functions)): frozenset(modules) for handler, modules in lines}


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_imports_only_what_it_uses(handler: str) -> None:
    modules = loaded()[handler]
    packages = {name.partition(".")[0] for name in modules if not name.startswith("_sysconfigdata")}
    foreign = packages - sys.stdlib_module_names
    folder, _, module = handler.partition("/")
    assert foreign - ALLOWED[folder] - {module} == set()
    assert len(modules) <= BUDGET[folder]


def test_tickets_bring_none_of_the_user_service_along() -> None:
    """Except by schedule: closing resolved tickets asks which tenants want it."""
    for handler in HANDLERS:
        if handler.startswith(("tickets/", "comments/")) and handler != "tickets/close_resolved_tickets":
            assert not {name for name in loaded()[handler] if name.startswith("ticketing.users")}
