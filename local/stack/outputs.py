"""The outputs of the deployed stack, read from the emulator's CloudFormation without a call."""

from types import ModuleType

from local.settings import ACCOUNT_ID, REGION, STACK_NAME, Settings
from local.stack.statedir import read_json, write_json

_DEPLOYED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


class StackOutputs:
    """The stack's outputs, kept in a file for the other commands."""

    def __init__(self, settings: Settings) -> None:
        self._file = settings.state / "outputs.json"
        self.values: dict[str, str] = {}

    @property
    def api_id(self) -> str | None:
        """The REST API's id, or None while nothing is deployed."""
        return self.values.get("ApiId")

    @property
    def live_id(self) -> str | None:
        """The WebSocket API's id, or None while nothing is deployed."""
        return self.values.get("LiveApiId")

    def refresh(self, cloudformation: ModuleType) -> None:
        """Read the outputs again, which change with a deployment; keep the last ones during a deployment."""
        record = cloudformation._stacks.get_scoped(ACCOUNT_ID, REGION, STACK_NAME)  # noqa: SLF001
        status = str(record["StackStatus"]) if record else ""
        if status.endswith("_IN_PROGRESS"):
            return
        deployed = record["Outputs"] if status in _DEPLOYED else []
        self.values = {output["OutputKey"]: output["OutputValue"] for output in deployed}
        if self.values != read_json(self._file):
            write_json(self._file, self.values)
