"""One HTTP request to a webhook's receiver, which is untrusted: a deadline for all of it, and a limit for the answer.

The socket is connected to an address that was looked at, while TLS and the header `Host` name the host; redirects are
answers like others. http.client gives no time for a whole request, hence the channel in between: each of its
operations has what is left of the time.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from functools import cache
from io import BufferedReader, RawIOBase
from typing import Any, Final

from ticketing import clock
from ticketing.webhooks.errors import WebhookTargetNotAllowedError
from ticketing.webhooks.models import Attempt
from ticketing.webhooks.targets import Target, addresses_of, target_of

SECONDS: Final = 10.0
"""The timeout of a request as a whole: resolving, connecting, TLS, sending, and the head of the answer."""

_KEPT: Final = 1024
"""The most bytes of the answer's body that are read and kept."""


class Deadline:
    """The moment when a request has to be over."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left; raises TimeoutError if there are none."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float = SECONDS) -> Attempt:
    """Send a JSON body and return the attempt. Failures are in the attempt; nothing is raised."""
    started, at = time.monotonic(), clock.timestamp(clock.now())
    status = error = response = None
    try:
        status, response = _exchange(target_of(url), body, headers, Deadline(seconds))
    except WebhookTargetNotAllowedError as refused:
        error = refused.reason
    except TimeoutError:
        error = f"no answer within {seconds:g} s"
    except ssl.SSLCertVerificationError as refused:
        error = f"the certificate is not accepted: {refused.verify_message}"
    except ssl.SSLError:
        error = "TLS failed"
    except ConnectionRefusedError:
        error = "the connection was refused"
    except OSError:
        error = "the connection failed"
    except http.client.HTTPException:
        error = "the answer is not HTTP"
    milliseconds = int((time.monotonic() - started) * 1000)
    return Attempt(at=at, ms=milliseconds, status=status, error=error, response=response)


def _exchange(target: Target, body: bytes, headers: Mapping[str, str], deadline: Deadline) -> tuple[int, str]:
    """Return the status of the answer, and the start of its body."""
    with _connected(target, deadline) as sock:
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = _Channel(sock, deadline)
        connection.request("POST", target.path, body, {"Host": target.netloc, "Connection": "close", **headers})
        answer = connection.getresponse()
        return answer.status, _beginning(answer)


def _connected(target: Target, deadline: Deadline) -> socket.socket:
    """Return a socket to the first of the target's addresses that accepts, with TLS unless it is a private origin."""
    failure: OSError = ConnectionError()
    for address in addresses_of(target, deadline.left()):
        try:
            sock = socket.create_connection((address, target.port), timeout=deadline.left())
        except TimeoutError:
            raise
        except OSError as error:  # such as an IPv6 address without a way there
            failure = error
            continue
        if target.scheme == "http":
            return sock
        try:
            sock.settimeout(deadline.left())
            return _tls().wrap_socket(sock, server_hostname=target.host)
        except BaseException:
            sock.close()
            raise
    raise failure


@cache
def _tls() -> ssl.SSLContext:
    """Return the TLS context, which checks certificates and host names. Reading the roots takes 20 ms."""
    return ssl.create_default_context()


def _beginning(answer: http.client.HTTPResponse) -> str:
    """Return the first bytes of the body as text. Only the status counts: a slow or broken body is no failure."""
    found = b""
    try:
        while len(found) < _KEPT and (more := answer.read1(_KEPT - len(found))):
            found += more
    except (OSError, http.client.HTTPException):
        pass
    return found.decode(errors="replace")


class _Channel:
    """A connected socket as http.client uses one."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._deadline.left())
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> BufferedReader:
        return BufferedReader(_Incoming(self._sock, self._deadline))

    def close(self) -> None:
        """Leave the socket open: its owner closes it, after the answer was read."""


class _Incoming(RawIOBase):
    """Reads from a socket until the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer that can be written to
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)
