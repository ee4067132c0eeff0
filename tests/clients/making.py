"""How clients are made from the contract, and the contract's examples that they are tried with."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.contract.document import OPENAPI, OPERATIONS

HERE = Path(__file__).parent
CONTRACT = OPENAPI / "api.yaml"
ANSWERED = {
    "created": [201, "NEW", "INCIDENT"],
    "found": True,
    "moved": [200, "OPEN"],
    "stale": [412, "precondition_failed"],
    "absent": [404, "ticket_not_found"],
    "unknown": [401, "unauthorized"],
}
"""What the running API answers to the calls of tour.py and of tour.ts."""


def examples() -> Iterator[tuple[str, str, str, Any]]:
    """Yield the contract's examples: operation, "body" or status, name, value."""
    for name, operation in OPERATIONS.items():
        for part, holder in [("body", operation.get("requestBody", {})), *operation["responses"].items()]:
            for title, example in holder.get("content", {}).get("application/json", {}).get("examples", {}).items():
                external = example.get("externalValue")
                yield name, part, title, json.loads((OPENAPI / external).read_text()) if external else example["value"]
