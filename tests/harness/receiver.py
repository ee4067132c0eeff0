"""Somebody's server that webhooks lead to, on this machine: it does as it is told, and remembers what it was sent."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECONDS = 30.0
"""How long a test waits for what is to come; on a machine under load that takes its time."""

type Behaviour = Callable[[BaseHTTPRequestHandler], None]
"""What the server answers; the request's body has been read."""


@dataclass(frozen=True)
class Received:
    """A request as it came in; the names of its headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


def answering(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Answer with a status and a body."""

    def behave(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Behave in one way after the other, and go on as last."""
    rest = list(behaviours)

    def behave(request: BaseHTTPRequestHandler) -> None:
        (rest.pop(0) if len(rest) > 1 else rest[0])(request)

    return behave


@dataclass
class Receiver:
    """The server. A path answers 200 until it is told otherwise."""

    port: int
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    requests: list[Received] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    def got(self, path: str, number: int = 1) -> list[Received]:
        """Return what came in on a path, as soon as there are so many."""
        deadline = time.monotonic() + SECONDS
        while len(found := [each for each in self.requests if each.path == path]) < number:
            assert time.monotonic() < deadline, f"{len(found)} of {number} came in on {path}"
            time.sleep(0.05)
        return found


@contextmanager
def receiving(tls: ssl.SSLContext | None = None, *, port: int = 0) -> Iterator[Receiver]:
    """Serve on a port, a free one unless given; by HTTPS if there is what TLS is spoken by."""
    receiver = Receiver(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append(Received(self.path, headers, body))
            try:
                receiver.behaviours.get(self.path, answering(200, b"ok"))(self)
            except OSError:
                return  # the other side had enough

        do_GET = do_POST  # noqa: N815 - the name that the server looks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        receiver.port = server.server_port
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield receiver
        server.shutdown()
