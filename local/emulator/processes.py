"""Processes of functions, as copies of one that has imported boto3 and much of their layers (fork_server.py).

Starting Python and importing these takes longer than all that a function imports besides, and a stack starts a
process for each of its functions, at least. For Linux: elsewhere the emulator starts each of them anew.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TextIO

_SERVER = Path(__file__).with_name("fork_server.py")
_LENGTH = 8  # bytes, as there


class Process:
    """What the emulator uses of `subprocess.Popen`, of a process that is another one's child."""

    def __init__(self, pid: int, process: int, stdin: TextIO, stdout: TextIO, stderr: TextIO) -> None:
        self.pid = pid
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self._process = process
        weakref.finalize(self, os.close, process)

    def poll(self) -> int | None:
        """Return None while the process runs, then 0: how it ended is not known here."""
        return 0 if self._has_ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        """Return when the process has ended.

        Raises
        ------
        TimeoutExpired
            It has not in so many seconds.
        """
        if not self._has_ended(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return 0

    def terminate(self) -> None:
        """Ask the process to end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End the process."""
        self._send(signal.SIGKILL)

    def _has_ended(self, timeout: float | None) -> bool:
        watch = select.poll()
        watch.register(self._process, select.POLLIN)
        return bool(watch.poll(None if timeout is None else 1000 * timeout))

    def _send(self, signalled: signal.Signals) -> None:
        if sys.platform == "linux" and self.poll() is None:
            signal.pidfd_send_signal(self._process, signalled)


class ForkServer:
    """Starts processes of functions.

    There is a server that has imported boto3, and one for each set of layers, which is a copy of that. They start with
    the first process that needs them, and again if they have ended.
    """

    def __init__(self, python: str) -> None:
        self._python = python
        self._servers: dict[tuple[str, ...], socket.socket] = {}
        self._lock = threading.Lock()

    def start(self, script: str, *, layers: Sequence[str] = (), cwd: str, env: dict[str, str]) -> Process:
        """Run a script of Python in a new process, which has this environment and no other.

        What it imports from its layers, which are folders, may have been imported before.
        """
        message = {"script": script, "cwd": cwd, "env": env}
        with self._lock:
            for _ in range(2):  # the server may have ended, and the one that it is a copy of
                with suppress(ConnectionError):
                    return self._start(tuple(layers), message)
            return self._start(tuple(layers), message)

    def _start(self, layers: tuple[str, ...], message: object) -> Process:
        """Start a process with streams of its own: one that a dying server made, unheard of, finds its input ended."""
        with ExitStack() as unless_started:
            (stdin, to_it), (from_it, stdout), (errors, stderr) = os.pipe(), os.pipe(), os.pipe()
            theirs = [stdin, stdout, stderr]
            ours = [
                unless_started.enter_context(stream)
                for stream in (
                    os.fdopen(to_it, "w", buffering=1, encoding="utf-8"),
                    os.fdopen(from_it, encoding="utf-8"),
                    os.fdopen(errors, encoding="utf-8", errors="replace"),  # whatever a function writes
                )
            ]
            try:
                pid, process = self._ask(layers, message, theirs)
            finally:
                for stream in theirs:
                    os.close(stream)
            unless_started.pop_all()
        return Process(pid, process, *ours)

    def _ask(self, layers: tuple[str, ...], message: object, files: list[int]) -> tuple[int, int]:
        """Return the id and a file descriptor of a new process that the server of these layers has started."""
        # Kept once it has answered: one that has ended is not.
        requests, content = self._servers.pop(layers, None) or self._launch(layers), json.dumps(message).encode()
        socket.send_fds(requests, [len(content).to_bytes(_LENGTH)], files)
        requests.sendall(content)
        reply, processes, _, _ = socket.recv_fds(requests, 32, 1)
        if not reply:
            raise ConnectionResetError
        self._servers[layers] = requests
        return int(reply), processes[0]

    def _launch(self, layers: tuple[str, ...]) -> socket.socket:
        """Start a server, which ends when this process closes its end, or ends itself."""
        ours, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            if layers:
                _, process = self._ask((), {"layers": layers}, [number])
                os.close(process)
            else:
                command = [self._python, "-P", str(_SERVER), str(number)]
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[number])
        return ours
