"""The process that every process of a function is a copy of. It has imported boto3, as Lambda's runtime has it.

Run by the functions' own interpreter, as a file: `python -P fork_server.py FD`, where FD is a socket. A message on it
is a length, and a JSON object of so many bytes. The length brings along file descriptors. The reply is the id of a new
process, with a file descriptor of it. The new process is either of these:

- with `script`, `cwd` and `env`, and the three standard streams: a function;
- with `layers`, which are folders, and a socket: a server like this one, for functions that have these layers. It has
  imported from them what most functions import.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress

import boto3  # noqa: F401 - what this process is for
import botocore.loaders
import botocore.session

if sys.platform != "linux":
    sys.exit("This is for Linux, which hands out file descriptors of processes.")

LENGTH = 8  # bytes of a length
IDLE_SECONDS = 300  # layers that no function has had for so long are those of an earlier deployment
# What most functions import of their layers, and what takes them long. None of it may keep what it reads in the
# environment, where it has none of a function: as a Logger does, so no module that makes one.
MODULES = (
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.metrics",
    "jwt",
    "pydantic.main",
    "tantivy",
    "ticketing.tickets.models",
)
# Of which most functions have clients.
SERVICES = ("dynamodb", "events", "s3", "sqs", "stepfunctions", "sts")


def serve(requests: socket.socket, idle_seconds: float | None = None) -> None:
    """Start processes until the other end is closed, or no request has come for so many seconds.

    Returns in the server only: a new process ends here.
    """
    while select.select([requests], [], [], idle_seconds)[0]:
        length, files, _, _ = socket.recv_fds(requests, LENGTH, 3)
        if not length:
            return
        message = json.loads(requests.recv(int.from_bytes(length), socket.MSG_WAITALL))
        pid = os.fork()
        if not pid:
            requests.close()
            if "layers" in message:
                _serve_layers(message["layers"], socket.socket(fileno=files[0]))
            else:
                _become(**message, streams=files)
            sys.exit()
        for file in files:
            os.close(file)
        process = os.pidfd_open(pid)
        socket.send_fds(requests, [str(pid).encode()], [process])
        os.close(process)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass  # one that had ended before is gone now


def share_models() -> None:
    """Let all sessions, here and in copies, share what botocore has read of its files. Reading them takes it 60 ms."""
    create = botocore.loaders.create_loader
    loader = create()

    def create_loader(search_path_string: str | None = None) -> botocore.loaders.Loader:
        return create(search_path_string) if search_path_string else loader

    botocore.session.create_loader = create_loader
    session = botocore.session.get_session()
    session.get_component("credential_provider")  # imports what the first client does
    for service in SERVICES:
        session.create_client(service, "us-east-1", aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106


def import_common(layers: list[str]) -> None:
    """Import what most functions import from layers, as far as these have it."""
    folders = [f"{layer}/python" for layer in reversed(layers)]  # as the emulator does for functions
    sys.path[:0] = folders
    for name in MODULES:
        with suppress(Exception):  # a function says itself what it can't import
            importlib.import_module(name)
    del sys.path[: len(folders)]


def _serve_layers(layers: list[str], requests: socket.socket) -> None:
    import_common(layers)
    gc.freeze()
    serve(requests, IDLE_SECONDS)


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
    share_models()
    gc.collect()
    gc.freeze()  # what all processes share stays shared
    serve(socket.socket(fileno=int(sys.argv[1])))
