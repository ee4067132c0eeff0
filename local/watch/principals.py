"""The principal of an AWS call: a function or state machine of the stack, by its name in the template."""

from collections.abc import Mapping
from typing import Any

from local.emulator.loading import MiniStack
from local.emulator.patching import replace, require
from local.settings import ACCOUNT_ID, REGION, STACK_NAME

_KINDS = {"AWS::Lambda::Function", "AWS::StepFunctions::StateMachine"}


class Principals:
    """Identifies functions by an access key of their own; the emulator gives all of them the same one."""

    def __init__(self, emulator: MiniStack) -> None:
        """Give each function a key of its own; call before the emulator starts.

        Raises
        ------
        EmulatorError
            If what is hooked into is not there.
        """
        self._emulator = emulator
        self._names: dict[str, str] = {}
        credentials_of = require(emulator.lambda_runtime, "execution_credentials", "config")

        def execution_credentials(config: dict[str, Any]) -> dict[str, str]:
            # Not being 12 digits, the key leaves the account as it is.
            return {**credentials_of(config), "AWS_ACCESS_KEY_ID": config["FunctionName"]}

        replace(emulator.lambda_runtime, "execution_credentials", execution_credentials)

    def of(self, headers: Mapping[str, str], query: Mapping[str, list[str]]) -> tuple[str | None, bool]:
        """Return the principal of a request, None if not of the stack, and whether it uses a session's credentials."""
        caller = self._emulator.router.extract_access_key_id(headers, query)
        session = self._emulator.sts._sessions.get(caller)  # noqa: SLF001
        return self.named(session["SourceAccessKeyId"] if session else caller), session is not None

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
