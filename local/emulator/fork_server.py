"""The process that every process of a function is a copy of. It has imported boto3, as Lambda's runtime has it.

Run by the functions' own interpreter, as a file: `python -P fork_server.py FD`, where FD is a socket. A message on it
is a length, and a JSON object of so many bytes with `script`, `cwd` and `env`. The length brings along three file
descriptors: the standard streams of the new process. The reply is the process id, with a file descriptor of the
process.
"""

import gc
import json
import os
import runpy
import signal
import socket
import sys
from contextlib import suppress

import boto3  # noqa: F401 - what this process is for

if sys.platform != "linux":
    sys.exit("This is for Linux, which hands out file descriptors of processes.")

LENGTH = 8  # bytes of a length


def serve(requests: socket.socket) -> None:
    """Start processes until the other end is closed. Returns in the server only: a new process ends here."""
    while True:
        length, streams, _, _ = socket.recv_fds(requests, LENGTH, 3)
        if not length:
            return
        message = requests.recv(int.from_bytes(length), socket.MSG_WAITALL)
        pid = os.fork()
        if not pid:
            requests.close()
            _become(**json.loads(message), streams=streams)
            sys.exit()
        for stream in streams:
            os.close(stream)
        process = os.pidfd_open(pid)
        socket.send_fds(requests, [str(pid).encode()], [process])
        os.close(process)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass  # one that had ended before is gone now


def _become(script: str, cwd: str, env: dict[str, str], streams: list[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    # Ctrl-C is for the emulator, which then closes the socket, and lets functions end what they are at.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()  # what all processes share stays shared
    serve(socket.socket(fileno=int(sys.argv[1])))
