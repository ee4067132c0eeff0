"""Addresses of objects on the API's port: what a browser uploads to and downloads from (`/<bucket>/<key>?X-Amz-…`).

An address is the only way in: what is not signed like it is refused before its body is looked at. Bodies go to a file
and come from one, piece by piece, beside the loop that serves everybody else.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from local.aws.s3 import Addresses
from local.emulator.bodies import Bodies, Body
from local.emulator.calls import Response
from local.emulator.loading import MiniStack
from local.emulator.patching import require

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type Headers = dict[str, str]
type Query = dict[str, list[str]]

# What S3 takes at once.
MAX_OBJECT = 5 * 1024**3
# So much is written or hashed at once, in a thread.
_PIECE = 1024 * 1024
_PLAIN_WRITE = {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token"} | {
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "x-id",
}

logger = logging.getLogger("local.objects")


class DisconnectedError(Exception):
    """The client went away before its body was whole."""


class ObjectAddresses:
    """An ASGI application that serves addresses of S3's objects, and nothing else."""

    def __init__(self, emulator: MiniStack, bodies: Bodies) -> None:
        """Serve the objects of an emulator, whose bytes are kept in a folder.

        Raises
        ------
        EmulatorError
            If what this builds on is not there.
        """
        self._handlers = emulator.app.SERVICE_HANDLERS
        self._buckets = emulator.s3._buckets  # noqa: SLF001
        self._bodies = bodies
        self._addresses = Addresses(emulator)
        self._preflight = require(emulator.s3, "cors_preflight", "bucket_name", "key", "headers")
        self._cors = require(emulator.s3, "cors_response_headers", "bucket_name", "method", "headers")

    def knows(self, path: str) -> bool:
        """Return whether a path begins with the name of a bucket."""
        return path.removeprefix("/").partition("/")[0] in self._buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        method, path, headers = scope["method"], scope["path"], _headers(scope)
        query = parse_qs(scope["query_string"].decode(errors="replace"), keep_blank_values=True)
        bucket, _, key = path.removeprefix("/").partition("/")
        try:
            if method == "OPTIONS":
                answer: Response = self._preflight(bucket, key, headers)
                await _drain(receive)
            elif (refusal := self._refusal(method, path, headers, query)) is not None:
                answer = refusal
                await _drain(receive)  # or the client, still sending, would not read the answer
            else:
                answer = await self._pass_on(method, path, headers, query, receive)
        except DisconnectedError:
            return
        status, given, content = answer
        if method != "OPTIONS":
            given = given | self._cors(bucket, method, headers)
        await _answer(send, receive, status, given, b"" if method == "HEAD" else content)

    def _refusal(self, method: str, path: str, headers: Headers, query: Query) -> Response | None:
        refusal = self._addresses.refusal(method, path, headers, query)
        if refusal is None and method == "PUT":
            if "content-length" not in headers:
                message = "You must provide the Content-Length HTTP header."
                refusal = self._addresses.error("MissingContentLength", message, 411, path)
            elif int(headers["content-length"]) > MAX_OBJECT:
                message = "Your proposed upload exceeds the maximum allowed size"
                refusal = self._addresses.error("EntityTooLarge", message, 400, path)
        return refusal

    async def _pass_on(self, method: str, path: str, headers: Headers, query: Query, receive: Receive) -> Response:
        """Let S3 answer a request.

        Raises
        ------
        DisconnectedError
            If the client goes away before.
        """
        body: bytes | Body = b""
        if method == "PUT":
            try:
                body = await self._received(receive)
            except OSError:
                logger.exception("%s: not stored", path)
                await _drain(receive)
                message = "We encountered an internal error. Please try again."
                return self._addresses.error("InternalError", message, 500, path)
        else:
            await _drain(receive)
        stored = body if query.keys() <= _PLAIN_WRITE else bytes(body)
        try:
            response: Response = await self._handlers["s3"](method, path, headers, stored, query)
        finally:
            if isinstance(body, Body) and body.owner is None:
                body.discard()
        return response

    async def _received(self, receive: Receive) -> Body:
        """Return the body of a request, on the disk.

        Raises
        ------
        OSError
            If there is no room for it.
        """
        draft = await asyncio.to_thread(self._bodies.draft)
        pieces, size, more = list[bytes](), 0, True
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise DisconnectedError
                pieces.append(message.get("body", b""))
                size += len(pieces[-1])
                more = message.get("more_body", False)
                if size >= _PIECE or not more:
                    await asyncio.to_thread(draft.write, b"".join(pieces))
                    pieces, size = [], 0
            return await asyncio.to_thread(draft.finish)
        except BaseException:
            draft.discard()
            raise


def _headers(scope: Scope) -> Headers:
    headers: Headers = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode(errors="replace")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


async def _drain(receive: Receive) -> None:
    """Take a body and forget it.

    Raises
    ------
    DisconnectedError
        If the client goes away before its end.
    """
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        more = message.get("more_body", False)


async def _answer(send: Send, receive: Receive, status: int, headers: Headers, content: Any) -> None:  # noqa: ANN401
    """Send an answer: text, bytes, or what sends itself piece by piece."""
    whole = content.encode() if isinstance(content, str) else content
    streamed = not isinstance(whole, bytes)
    if not streamed and not any(name.lower() == "content-length" for name in headers):
        headers |= {"Content-Length": str(len(whole))}
    raw = [(name.encode("latin-1"), str(value).encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    if streamed:
        await content.runner(send, receive)
    else:
        await send({"type": "http.response.body", "body": whole})
