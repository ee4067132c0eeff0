"""``make run``: start everything in order, then serve until Ctrl-C."""

import asyncio
import signal
import socket
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config

from local.aws import (
    api_gateway,
    cloudformation,
    cloudwatch_logs,
    cognito,
    dynamodb,
    dynamodb_streams,
    eventbridge,
    guardduty,
    lambda_functions,
    s3,
    ses,
    sqs,
    step_functions,
    sts,
    websockets,
)
from local.durable.items import Items
from local.durable.journal import JournalError
from local.durable.objects import Objects
from local.durable.snapshots import Snapshots
from local.emulator.bodies import Bodies
from local.emulator.loading import EmulatorError, load, started
from local.front import Front
from local.objects import ObjectAddresses
from local.progress import say
from local.settings import LOOPBACK, Settings
from local.stack.client import CallError
from local.stack.deploy import Deployer, DeployError
from local.stack.outputs import StackOutputs
from local.stack.seed import seed
from local.stack.statedir import InUseError, locked, write_json
from local.watch.faults import inject_faults
from local.watch.principals import Principals
from local.watch.recorder import record_calls

_GRACE = 2.0
_POLL_SECONDS = 0.1
_KEEP_ALIVE = 75.0
_READY = """
The ticket API is ready at {base}/v1

To try in another terminal:

  TOKEN=$(make -s token USER=agent@acme.example)
  curl -i -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
       -d '{{"title": "Printer on fire", "description": "Third floor."}}' {base}/v1/tickets
  curl -i -H "Authorization: Bearer $TOKEN" {base}/v1/tickets

Live updates: {live} (docs/real-time.md).

Changed code: make deploy. Stop: Ctrl-C. What differs from AWS: docs/local.md."""


class StartError(RuntimeError):
    """The stack cannot be started; the text says why and what to do."""


def run(settings: Settings) -> int:
    """Serve the local stack until a signal; return the exit status."""
    try:
        with locked(settings):
            binds = _bind(settings)
            return asyncio.run(_Run(settings).serve(binds))
    except (InUseError, StartError, EmulatorError, JournalError) as error:
        print(error, file=sys.stderr)
        return 1


def _bind(settings: Settings) -> list[socket.socket]:
    sockets = []
    wanted = [
        (LOOPBACK, settings.port, "PORT"),
        *((host, settings.aws_port, "AWS_PORT") for host in settings.aws_binds),
    ]
    for host, port, variable in wanted:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind((host, port))
            listener.listen(1)  # without it, two processes may bind the same port
        except OSError as error:
            message = (
                f"Port {port} of {host} cannot be used ({error.strerror}). Stop what uses it, "
                f"or choose another: make run {variable}=<port>"
            )
            raise StartError(message) from None
        sockets.append(listener)
    return sockets


class _Run:
    """One run of the stack."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outputs = StackOutputs(settings)
        self._deployer = Deployer(settings, settings.aws_port)
        self._emulator = load(settings)
        self._snapshots = Snapshots(self._emulator, settings, self._outputs)
        self._items = Items(self._emulator, settings, self._snapshots.save_all)
        self._scanner = guardduty.patch(self._emulator)
        self._objects = Objects(self._emulator, settings, self._snapshots.save_all, self._scanner.created)
        self._stopping = asyncio.Event()
        self._failure: str | None = None
        self._patch_emulator()

    def _patch_emulator(self) -> None:
        emulator, settings = self._emulator, self._settings
        # Before the patches of DynamoDB and S3, which call it: what they change must be in the journal, too.
        self._items.install()
        self._objects.install()
        api_gateway.patch(emulator)
        cloudformation.patch(emulator)
        cloudwatch_logs.patch(emulator, settings)
        cognito.patch(emulator)
        dynamodb.patch(emulator)
        dynamodb_streams.patch(emulator)
        eventbridge.patch(emulator)
        lambda_functions.patch(emulator, settings)
        s3.patch(emulator)
        ses.patch(emulator, settings)
        sqs.patch(emulator)
        step_functions.patch(emulator)
        sts.patch(emulator)
        websockets.patch(emulator)
        # After all patches of services: it saves what they change.
        self._snapshots.install()
        self._watch_calls()

    def _watch_calls(self) -> None:
        """Inject faults and record calls, if the settings ask for it."""
        faults, calls = self._settings.faults, self._settings.record_calls
        if faults is None and calls is None:
            return
        principals = Principals(self._emulator)
        if faults is not None:
            inject_faults(self._emulator, faults, principals)
        if calls is not None:
            record_calls(self._emulator, calls, principals)

    async def serve(self, sockets: list[socket.socket]) -> int:
        """Serve until a signal or a failed start; return the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        async with started(self._emulator):
            self._items.restore()
            dynamodb_streams.forget_positions(self._emulator)
            self._snapshots.restored()
            self._objects.restore()
            self._scanner.start()
            config = Config()
            config.bind = [f"fd://{listener.fileno()}" for listener in sockets]
            config.graceful_timeout = _GRACE
            config.keep_alive_timeout = _KEEP_ALIVE
            config.errorlog = None
            objects = ObjectAddresses(self._emulator, Bodies(self._settings.objects))
            app = Front(self._emulator.app.app, self._settings, self._outputs, objects)
            start, end = asyncio.create_task(self._start()), asyncio.create_task(self._end_calls())
            await serve(app, config, shutdown_trigger=self._stopping.wait)  # type: ignore[arg-type]
            await start
            end.cancel()
        self._emulator.lambda_runtime.reset()
        self._snapshots.save_all()
        self._items.close()
        self._objects.close()
        if self._failure:
            print(self._failure, file=sys.stderr)
            return 1
        say("stopped, state saved")
        return 0

    def _stop(self) -> None:
        self._stopping.set()
        self._deployer.stop()

    async def _end_calls(self) -> None:
        """End the functions that are still at work some time after the signal: the server waits for all of them."""
        await self._stopping.wait()
        await asyncio.sleep(_GRACE)
        while True:  # those that waited for a process to be free start one now
            await asyncio.to_thread(self._emulator.lambda_runtime.reset)
            await asyncio.sleep(_POLL_SECONDS)

    async def _start(self) -> None:
        """Deploy and seed what is missing, then say that the stack is ready; on failure stop the server."""
        try:
            await asyncio.to_thread(self._bring_up)
        except (DeployError, CallError, OSError) as error:
            if not self._stopping.is_set():
                self._failure = str(error)
                self._stop()
        except BaseException:
            self._stop()
            raise

    def _bring_up(self) -> None:
        settings = self._settings
        write_json(settings.state / "run.json", {"port": settings.port, "aws_port": settings.aws_port})
        say(f"emulator up at {settings.aws_endpoint}")
        deployed = self._deploy()
        made = seed(settings.aws_port, self._outputs.values, deployed=deployed)
        say(f"{made} demo users made" if made else "data of the last run is there")
        if not self._stopping.is_set():
            say("ready")
            print(_READY.format(base=settings.base_url, live=settings.live_url), flush=True)

    def _deploy(self) -> bool:
        """Deploy unless that is done already; return whether it was necessary and succeeded."""
        if self._outputs.api_id and self._deployer.is_current():
            return False
        try:
            self._deployer.deploy()
        except DeployError as error:
            if not self._outputs.api_id or self._stopping.is_set():
                raise
            # The last deployment still works, and its data is there: better than nothing to look at.
            print(f"{error}\nServing what was deployed last. Correct it, then: make deploy", file=sys.stderr)
            return False
        return True
