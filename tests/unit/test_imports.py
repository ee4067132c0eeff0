"""What a function's start costs: importing a handler brings in what it uses, and nothing beyond."""

import json
import os
import subprocess
import sys
from functools import cache

import pytest

from tests.unit.support import ROOT

HANDLERS = [f"{file.parent.name}/{file.stem}" for file in sorted((ROOT / "functions").glob("*/*.py"))]

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
    "tickets": LAYER,
    "users": LAYER | {"tzdata"},
    "identity": LAYER - {"annotated_types", "pydantic", "pydantic_core", "typing_inspection"}
    | {"_cffi_backend", "_openssl", "cryptography", "jwt"},
    "comments": LAYER,
    "audit": LAYER,
    "erasure": LAYER | {"tzdata"},
    "events": LAYER,
    "live": LAYER,
    "mail": LAYER | {"tzdata"},
    "webhooks": LAYER | {"tzdata"},
    "api": {"ticketing"},
}
# Modules beyond those of a bare interpreter, the standard library's included: a tenth above what was measured.
BUDGET = {
    "tickets": 430,
    "comments": 430,
    "users": 435,
    "audit": 435,
    "erasure": 440,
    "identity": 430,
    "events": 435,
    "live": 470,
    "mail": 470,
    "webhooks": 470,
    "api": 20,
}

# botocore takes these along where they are installed; Lambda's runtime does not have them.
ELSEWHERE = ["OpenSSL", "awscrt", "certifi"]

SCRIPT = f"""
import json, sys
sys.modules.update(dict.fromkeys({ELSEWHERE}))
before = set(sys.modules)
__import__(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@cache
def modules_of(handler: str) -> frozenset[str]:
    """Return the modules that importing a handler loads, in an interpreter of its own as in Lambda."""
    folder, _, module = handler.partition("/")
    path = os.pathsep.join([str(ROOT / "functions" / folder), str(ROOT / "layers" / "ticketing")])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, module], env=environment, capture_output=True, text=True, check=True
    )
    return frozenset(json.loads(done.stdout))


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_imports_only_what_it_uses(handler: str) -> None:
    loaded = modules_of(handler)
    packages = {name.partition(".")[0] for name in loaded if not name.startswith("_sysconfigdata")}
    foreign = packages - sys.stdlib_module_names
    folder, _, module = handler.partition("/")
    assert foreign - ALLOWED[folder] - {module} == set()
    assert len(loaded) <= BUDGET[folder]


def test_tickets_bring_none_of_the_user_service_along() -> None:
    """Except by schedule: closing resolved tickets asks which tenants want it."""
    for handler in HANDLERS:
        if handler.startswith(("tickets/", "comments/")) and handler != "tickets/close_resolved_tickets":
            assert not {name for name in modules_of(handler) if name.startswith("ticketing.users")}
