"""Fault injection: calls of AWS fail as AWS's do, so that tests see whether they are retried and what is left behind.

Switched on by LOCAL_FAULTS, the name of a file that is read again whenever it has changed (docs/local.md).
"""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, Self, get_args

from local.aws.iam import ObjectCalls
from local.emulator.calls import Response, action_of
from local.emulator.loading import MiniStack
from local.emulator.patching import replace, require
from local.watch.principals import Principals

type Kind = Literal["error", "throttle", "timeout", "lost_answer", "partial"]
type Call = Callable[[bytes], Awaitable[Response]]
"""Makes the call with this body."""

CONNECTIONS = "execute-api"
"""The service name of posts to WebSocket connections."""

_MAX_SECONDS = 30.0
_PARTIAL_ACTIONS = {"PutEvents"}
_FAILURES_OF_S3 = {"InternalServerError": (500, "InternalError"), "ThrottlingException": (503, "SlowDown")}
# The share of entries that fails in a partial failure; at least one.
_FAILING_SHARE = 0.5

logger = logging.getLogger("local.faults")


@dataclass(frozen=True)
class Rule:
    """Which calls fail, how many of them, and how."""

    service: str
    action: str
    """An action, or a method and path where a service has none; `*` stands for anything."""
    functions: frozenset[str] | None
    """Functions by their names in the template whose calls fail; None for all."""
    share: float
    """From 0 to 1."""
    kind: Kind
    seconds: float
    """How long a call that times out goes without an answer."""
    chance: random.Random

    @classmethod
    def read(cls, values: dict[str, Any], seed: str) -> Self:
        """Return a rule of the file.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is not a rule; the text says why.
        """
        kind, share, seconds = values["kind"], float(values["share"]), float(values.get("seconds", 5))
        if kind not in get_args(Kind.__value__) or not 0 <= share <= 1 or not 0 <= seconds <= _MAX_SECONDS:
            message = f"not a rule: {values}"
            raise ValueError(message)
        functions = values.get("functions")
        return cls(
            service=values["service"],
            action=values.get("action", "*"),
            functions=None if functions is None else frozenset(functions),
            share=share,
            kind=kind,
            seconds=seconds,
            chance=random.Random(seed),  # noqa: S311 (the same faults again, for the same seed)
        )

    def matches(self, service: str, action: str, principal: str) -> bool:
        """Return whether this call fails. Draws from the rule's random numbers."""
        return (
            service == self.service
            and fnmatchcase(action, self.action)
            and (self.functions is None or principal in self.functions)
            and (self.kind != "partial" or action in _PARTIAL_ACTIONS)
            and self.chance.random() < self.share
        )

    async def apply(self, call: Call, body: bytes, service: str, headers: dict[str, str]) -> Response:
        """Make the call fail."""
        match self.kind:
            case "error":
                return _failure(500, "InternalServerError", service, headers)
            case "throttle":
                return _failure(400, "ThrottlingException", service, headers)
            case "timeout":
                await asyncio.sleep(self.seconds)
                return _failure(503, "ServiceUnavailable", service, headers)
            case "lost_answer":
                await call(body)
                return _failure(500, "InternalServerError", service, headers)
            case "partial":
                return await self._put_partly(call, body)

    async def _put_partly(self, call: Call, body: bytes) -> Response:
        """Put some of the events only; answer 200 with the entries that failed."""
        request = json.loads(body)
        entries = request["Entries"]
        failing = {index for index in range(len(entries)) if self.chance.random() < _FAILING_SHARE}
        failing = failing or {self.chance.randrange(len(entries))}
        kept = [entry for index, entry in enumerate(entries) if index not in failing]
        headers, put = {"Content-Type": "application/x-amz-json-1.1"}, iter(())
        if kept:
            status, headers, answer = await call(json.dumps({**request, "Entries": kept}).encode())
            if status != 200:  # noqa: PLR2004 (HTTP's)
                return status, headers, answer
            put = iter(json.loads(answer)["Entries"])
        failure = {"ErrorCode": "InternalFailure", "ErrorMessage": "a fault of LOCAL_FAULTS"}
        outcomes = [failure if index in failing else next(put) for index in range(len(entries))]
        content = {"FailedEntryCount": sum("ErrorCode" in each for each in outcomes), "Entries": outcomes}
        return 200, headers, json.dumps(content).encode()


def _failure(status: int, code: str, service: str, headers: dict[str, str]) -> Response:
    """Return a failure in the protocol of the caller."""
    text = "a fault of LOCAL_FAULTS"
    if service == "s3":
        status, code = _FAILURES_OF_S3.get(code, (status, code))
        xml = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
        return status, {"Content-Type": "application/xml"}, xml.encode()
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        xml = f"<ErrorResponse><Error><Code>{code}</Code><Message>{text}</Message></Error></ErrorResponse>"
        return status, {"Content-Type": "text/xml"}, xml.encode()
    body = json.dumps({"__type": code, "message": text}).encode()
    return status, {"Content-Type": "application/json", "x-amzn-ErrorType": code}, body


class Faults:
    """The rules of the file, read again when it changes."""

    def __init__(self, emulator: MiniStack, path: Path, principals: Principals) -> None:
        self._emulator = emulator
        self._path = path
        self._principals = principals
        self._object_calls = ObjectCalls(emulator)
        self._stamp: tuple[int, int] | None = None
        self._rules: list[Rule] = []

    def install(self) -> None:
        """Wrap every service that functions call; call before the emulator starts.

        Raises
        ------
        EmulatorError
            If what is hooked into is not there.
        """
        handlers = self._emulator.app.SERVICE_HANDLERS
        for service, handler in list(handlers.items()):
            handlers[service] = self._with_faults_of(service, handler)
        # Both are called beside the table of services.
        mails, connections = self._emulator.ses_v2, self._emulator.apigateway_v2
        send = require(mails, "handle_request", "method", "path", "headers", "body", "query_params")
        replace(mails, "handle_request", self._with_faults_of("sesv2", send))
        signature = ("method", "api_id", "stage", "connection_id", "body", "headers")
        replace(
            connections,
            "handle_connections_api",
            self._with_faults_of_connections(require(connections, "handle_connections_api", *signature)),
        )

    def _with_faults_of(self, service: str, handler: Any) -> Any:  # noqa: ANN401 (handlers of the emulator)
        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, list[str]]
        ) -> Response:
            async def call(content: bytes) -> Response:
                answer: Response = await handler(method, path, headers, content, query_params)
                return answer

            action = self._name(service, method, path, headers, body, query_params)
            return await self._with_faults(service, action, headers, query_params, body, call)

        return handle

    def _name(  # noqa: PLR0913, PLR0917 (the emulator's signature)
        self, service: str, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> str:
        if service == "s3":
            return self._object_calls.action(method, path, query)
        return action_of(headers, body, query) or f"{method} {path}"

    def _with_faults_of_connections(self, handler: Any) -> Any:  # noqa: ANN401
        async def handle(  # noqa: PLR0913, PLR0917 (the emulator's signature)
            method: str, api_id: str, stage: str, connection_id: str, body: bytes, headers: dict[str, str]
        ) -> Response:
            async def call(content: bytes) -> Response:
                answer: Response = await handler(method, api_id, stage, connection_id, content, headers)
                return answer

            return await self._with_faults(CONNECTIONS, f"{method} @connections", headers, {}, body, call)

        return handle

    async def _with_faults(  # noqa: PLR0913, PLR0917 (what makes up a call)
        self,
        service: str,
        action: str,
        headers: dict[str, str],
        query: dict[str, list[str]],
        body: bytes,
        call: Call,
    ) -> Response:
        self._read()
        principal, _ = self._principals.of(headers, query) if self._rules else (None, False)
        if principal is not None:
            for rule in self._rules:
                if rule.matches(service, action, principal):
                    logger.info("%s: %s %s of %s", rule.kind, service, action, principal)
                    return await rule.apply(call, body, service, headers)
        return await call(body)

    def _read(self) -> None:
        """Read the file if it has changed; nothing fails if it is missing or can't be read."""
        try:
            status = self._path.stat()
        except OSError:
            self._stamp, self._rules = None, []
            return
        stamp = status.st_mtime_ns, status.st_size
        if stamp == self._stamp:
            return
        self._stamp, self._rules = stamp, []
        try:
            content = json.loads(self._path.read_text())
            seed = content.get("seed", 0)
            self._rules = [Rule.read(each, f"{seed}/{place}") for place, each in enumerate(content["rules"])]
        except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
            logger.error("%s: no faults, as it can't be read: %s", self._path, error)  # noqa: TRY400 (says enough)


def inject_faults(emulator: MiniStack, path: Path, principals: Principals) -> None:
    """Let calls of functions fail as the rules of the file say."""
    Faults(emulator, path, principals).install()
