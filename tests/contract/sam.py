"""template.yaml as SAM reads it: what its transform makes of it, and what `sam local start-api` would serve."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.local.apigw.route import Route

from stack.template import parsed

ROOT = Path(__file__).parents[2]
TEMPLATE: dict[str, Any] = parsed((ROOT / "template.yaml").read_text(encoding="utf-8"))


class _NoManagedPolicies:
    @staticmethod
    def load() -> dict[str, str]:
        return {}


@cache
def transformed() -> dict[str, Any]:
    """What CloudFormation gets from SAM's transform."""
    validator = SamTemplateValidator(deepcopy(TEMPLATE), _NoManagedPolicies(), region="us-east-1")
    result: dict[str, Any] = parsed(validator.get_translated_template_if_valid())
    return result


@cache
def local_routes() -> list[Route]:
    """What `sam local start-api` serves, as SAM CLI's own parser finds it; it takes neither Docker nor a network."""
    stacks, _ = SamLocalStackProvider.get_stacks(str(ROOT / "template.yaml"))
    routes: list[Route] = ApiProvider(stacks, cwd=str(ROOT)).api.routes
    return routes
