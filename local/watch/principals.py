"""The principal of an AWS call: a function or state machine of the stack, by its name in the template."""

from collections.abc import Mapping

from local.aws.iam import is_assumed
from local.emulator.loading import MiniStack
from local.settings import ACCOUNT_ID, REGION, STACK_NAME

_KINDS = {"AWS::Lambda::Function", "AWS::StepFunctions::StateMachine"}


class Principals:
    """Identifies functions by their access keys, which are their names (aws/lambda_functions.py)."""

    def __init__(self, emulator: MiniStack) -> None:
        self._emulator = emulator
        self._names: dict[str, str] = {}

    def of(self, headers: Mapping[str, str], query: Mapping[str, list[str]]) -> tuple[str | None, bool]:
        """Return the principal of a request, None if not of the stack, and whether it has assumed a role for it."""
        caller = self._emulator.router.extract_access_key_id(headers, query)
        session = self._emulator.sts._sessions.get(caller)  # noqa: SLF001
        assumed = session is not None and is_assumed(session)
        return self.named(session["SourceAccessKeyId"] if assumed else caller), assumed

    def named(self, name: str) -> str | None:
        """Return the name in the template of a function or state machine with this deployed name."""
        if name not in self._names:
            self._names = self._logical_ids()  # something new was deployed, or it is not of the stack
        return self._names.get(name)

    def _logical_ids(self) -> dict[str, str]:
        stack = self._emulator.cloudformation._stacks.get_scoped(ACCOUNT_ID, REGION, STACK_NAME) or {}  # noqa: SLF001
        return {
            str(resource.get("PhysicalResourceId", "")).rpartition(":")[2]: logical_id
            for logical_id, resource in stack.get("_resources", {}).items()
            if resource.get("ResourceType") in _KINDS
        }
