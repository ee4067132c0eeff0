"""Snapshots of every service, on the disk before a change is acknowledged; DynamoDB's items are in the journal instead.

The emulator alone writes its state on a clean stop only. Here a service's file is written before a call that changed
the service is answered, and all files when a deployment ends, before its end can be seen.
"""

import json
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from local.durable.changes import changes_state
from local.emulator.calls import Response
from local.emulator.loading import MiniStack
from local.emulator.patching import require
from local.settings import Settings
from local.stack.outputs import StackOutputs

type Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Response]]

_SUCCESS = range(200, 300)


class Snapshots:
    """Writes one JSON file per service of the emulator."""

    def __init__(self, emulator: MiniStack, settings: Settings, outputs: StackOutputs) -> None:
        self._app = emulator.app
        self._cloudformation = emulator.cloudformation
        self._folder = settings.services
        self._outputs = outputs
        self._events_on_disk = -1
        self._state_getters = require(emulator.app, "_build_persistence_save_dict")
        self._version_of = require(emulator.persistence, "_state_format_version", "service")
        self._encode = require(emulator.persistence, "_json_default", "obj")

    def install(self) -> None:
        """Watch every call of a service; call before the emulator starts."""
        handlers = self._app.SERVICE_HANDLERS
        for service, handler in list(handlers.items()):
            entry = self._app.SERVICE_REGISTRY[service]
            keys = [entry.get("state_key", entry["module"]), *entry.get("sub_modules", ())]
            handlers[service] = self._saving(service, keys, handler)

    def restored(self) -> None:
        """Remember what the emulator has read as the state on the disk."""
        self._outputs.refresh(self._cloudformation)
        self._events_on_disk = self._stack_events()

    def save_all(self) -> None:
        """Write the files of all services in use.

        Raises
        ------
        OSError
            If a file cannot be written.
        """
        self._save(self._state_getters())

    def _saving(self, service: str, keys: list[str], handler: Handler) -> Handler:
        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, list[str]]
        ) -> Response:
            response = await handler(method, path, headers, body, query_params)
            if service == "cloudformation":
                self._save_after_deployment()
            elif response[0] in _SUCCESS and changes_state(service, method, path, headers, body, query_params):
                self._save(keys)
            return response

        return handle

    def _save_after_deployment(self) -> None:
        states = [stack["StackStatus"] for _, stack in self._cloudformation._stacks.all_items()]  # noqa: SLF001
        if any(state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS" for state in states):
            return
        if (events := self._stack_events()) != self._events_on_disk:
            self.save_all()
            self._outputs.refresh(self._cloudformation)
            self._events_on_disk = events

    def _stack_events(self) -> int:
        return sum(len(events) for _, events in self._cloudformation._stack_events.all_items())  # noqa: SLF001

    def _save(self, keys: Iterable[str]) -> None:
        getters = self._state_getters()
        for key in keys:
            if key in getters and (state := getters[key]()) is not None:
                self._write(key, state)

    def _write(self, key: str, state: dict[str, Any]) -> None:
        # The emulator's own writer logs a failure and goes on; an acknowledged change must not get lost that way.
        content = {"__ministack_format__": self._version_of(key), "payload": state}
        fresh = self._folder / f"{key}.json.new"
        with fresh.open("w") as file:
            file.write(json.dumps(content, default=self._encode))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._folder / f"{key}.json")
