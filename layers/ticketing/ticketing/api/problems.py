"""Validation errors in words for the caller: pydantic's errors without Python terms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ticketing.api.bodies import (
    EMAIL,
    LOCALE,
    UUID,
)

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_ALTERNATIVE = re.compile(r"constrained-str|literal\[.*\]")
_MOST = 50
_CHOICE = re.compile(r"'([A-Za-z_-]+)'")
_PATTERNS = {
    EMAIL: "must be an e-mail address",
    LOCALE: "must be a language tag, such as pt-PT",
    UUID: "must be a UUID",
}
_WORDS = {
    "bool_type": "must be true or false",
    "dict_type": "must be a JSON object",
    "extra_forbidden": "unknown field",
    "missing": "is missing",
    "model_type": "must be a JSON object",
}


def problems(error: ValidationError) -> list[str]:
    """Return `where: what` for each of the first 50 problems, without the values that were sent."""
    found = error.errors(include_url=False, include_input=False)[:_MOST]
    return [f"{_where(problem)}: {_what(problem)}" for problem in found]


def _where(problem: ErrorDetails) -> str:
    """Return the path to the field, without the steps that pydantic adds for alternatives of a type."""
    return ".".join(step for step in map(str, problem["loc"]) if not _ALTERNATIVE.fullmatch(step)) or "body"


def _what(problem: ErrorDetails) -> str:
    context = problem.get("ctx", {})
    match problem["type"]:
        case "enum" | "literal_error":
            return f"must be one of {', '.join(_CHOICE.findall(context['expected']))}"
        case "string_pattern_mismatch" if context["pattern"] in _PATTERNS:
            return _PATTERNS[context["pattern"]]
        case kind if kind in _WORDS:
            return _WORDS[kind]
    return problem["msg"].removeprefix("Value error, ")
