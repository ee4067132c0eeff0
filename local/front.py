"""The two ports of the process: the API and the emulator's control plane, and which requests each of them accepts.

The API's port serves the deployed API, signed addresses of objects (objects.py) and nothing else. The control plane
has no passwords, so it must refuse web pages: a page of any origin can make a browser send requests to 127.0.0.1.
"""

import json
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote_to_bytes

from local.objects import ObjectAddresses
from local.settings import LIVE_PATH, LOOPBACK, Settings
from local.stack.outputs import StackOutputs

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]

# The quota of API Gateway; the functions have a smaller one of their own.
MAX_BODY = 10 * 1024 * 1024
_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")


class Front:
    """An ASGI application in front of the emulator's."""

    def __init__(self, emulator: App, settings: Settings, outputs: StackOutputs, objects: ObjectAddresses) -> None:
        self._emulator = emulator
        self._objects = objects
        self._port = settings.port
        self._outputs = outputs
        self._api_names = frozenset({"localhost", "127.0.0.1", "[::1]"})
        self._aws_names = _loopback_names(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] == "lifespan":
            await _start_and_stop(receive, send)
        elif scope["type"] == "websocket":
            await self._serve_websocket(scope, receive, send)
        elif scope["server"][1] == self._port:
            await self._serve_api(scope, receive, send)
        elif (reason := self._refusal(scope)) is not None:
            await _answer(send, 403, f"{reason}\n".encode(), [_TEXT])
        else:
            await self._emulator(self._with_connections(scope), receive, send)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a WebSocket of the API's port to the WebSocket API; a page of any origin needs a token there."""
        known = scope["server"][1] == self._port and scope["path"] == LIVE_PATH
        if not known or _host(dict(scope["headers"])) not in self._api_names or self._outputs.live_id is None:
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._emulator(_to_stage(scope, self._outputs.live_id, "live", path=""), receive, send)

    def _with_connections(self, scope: Scope) -> Scope:
        """Forward SDK calls about WebSocket connections to the deployed API: the endpoint does not name one."""
        if self._outputs.live_id is None or not scope["path"].startswith("/@connections/"):
            return scope
        return _to_stage(scope, self._outputs.live_id, "live")

    async def _serve_api(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if _host(headers) not in self._api_names:
            await _refuse(send, 403, "forbidden", "The local API answers to localhost only.")
        elif self._objects.knows(scope["path"]):
            await self._objects(scope, receive, send)
        elif self._outputs.api_id is None:
            await _refuse(
                send, 503, "service_unavailable", "The local stack is being deployed.", [(b"retry-after", b"5")]
            )
        elif _length(headers) > MAX_BODY:
            await _refuse(send, 413, "payload_too_large", "The request is larger than 10 MB.")
        else:
            await self._emulator(_to_stage(scope, self._outputs.api_id, "api"), receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        """Return why a request may not reach the control plane, or None if it may."""
        headers = dict(scope["headers"])
        host = _host(headers)
        # A name that somebody else's DNS resolves to 127.0.0.1 makes their page "same origin" (DNS rebinding).
        if host not in self._aws_names and not host.endswith(".localhost"):
            return f"Host {host or '(none)'} is not a name of this machine's control plane (docs/local.md)."
        # Programs send none of these three; browsers always send one with what a page of another origin asks for.
        if b"origin" in headers or b"referer" in headers:
            return "Web pages may not call the control plane (docs/local.md)."
        if headers.get(b"sec-fetch-site", b"none") not in {b"none", b"same-origin"}:
            return "Web pages may not call the control plane (docs/local.md)."
        # For browsers too old for the three: an action in a plain link or image address is never signed.
        if b"Action=" in unquote_to_bytes(scope["query_string"]) and b"authorization" not in headers:
            return "An action in the query must be signed."
        return None


async def _start_and_stop(receive: Receive, send: Send) -> None:
    """Confirm the server's start and stop; `emulator.loading` runs the emulator's own start."""
    for phase in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{phase}.complete"})


def _to_stage(scope: Scope, api_id: str, stage: str, path: str | None = None) -> Scope:
    """Return the scope of a request to a stage of an API, with the same path by default."""
    prefix = f"/_aws/execute-api/{api_id}/{stage}"
    raw_path = scope["raw_path"] if path is None else path.encode()
    return {
        **scope,
        "path": prefix + (scope["path"] if path is None else path),
        "raw_path": prefix.encode() + raw_path,
    }


def _host(headers: dict[bytes, bytes]) -> str:
    return re.sub(r":\d+$", "", headers.get(b"host", b"").decode("latin-1").lower())


def _length(headers: dict[bytes, bytes]) -> int:
    text = headers.get(b"content-length", b"0")
    return int(text) if text.isdigit() else 0


async def _refuse(
    send: Send, status: int, code: str, message: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = {"code": code, "message": message, "requestId": str(uuid.uuid4())}
    await _answer(send, status, json.dumps(body).encode(), [_JSON, *(headers or [])])


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def _loopback_names(settings: Settings) -> frozenset[str]:
    """Return the host names and addresses under which the control plane may be called."""
    names = {"localhost", LOOPBACK, "[::1]"}
    return frozenset(names | set(settings.aws_binds) | ({"host.docker.internal"} if settings.containers else set()))
