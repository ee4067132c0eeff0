"""MiniStack, the emulator of AWS: how it is set up and which of its parts this project knows.

It is imported late and by name, because it reads its settings from the environment when it is imported.
"""

import asyncio
import importlib
import importlib.metadata
import logging
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from types import ModuleType

from local.environment import for_children
from local.settings import ACCOUNT_ID, REGION, Settings

VERSION = "1.5.33"
LOG_BYTES = 5_000_000
# As on AWS. What runs at once is bounded in aws/lambda_functions.py: a refusal would not be in the contract's words.
CONCURRENCY = 1000


class EmulatorError(RuntimeError):
    """The installed emulator is not the one that this code was written for."""


@dataclass(frozen=True, slots=True)
class MiniStack:
    """The emulator's modules that are called or changed."""

    app: ModuleType
    apigateway: ModuleType
    apigateway_v2: ModuleType
    cloudformation: ModuleType
    cognito: ModuleType
    dynamodb: ModuleType
    eventbridge: ModuleType
    iam_actions: ModuleType
    iam_evaluator: ModuleType
    lambda_runtime: ModuleType
    lambda_service: ModuleType
    logs: ModuleType
    persistence: ModuleType
    provisioners: ModuleType
    responses: ModuleType
    router: ModuleType
    s3: ModuleType
    ses: ModuleType
    ses_v2: ModuleType
    sqs: ModuleType
    stepfunctions: ModuleType
    sts: ModuleType


def load(settings: Settings) -> MiniStack:
    """Prepare the process, then import the emulator.

    Raises
    ------
    EmulatorError
        If its version is not the pinned one.
    """
    installed = importlib.metadata.version("ministack")
    if installed != VERSION:
        message = f"ministack {installed} is installed, but local/ was written for {VERSION}: run `make run` again."
        raise EmulatorError(message)
    _prepare_environment(settings)
    _prepare_logging(settings)
    modules = {
        "app": "app",
        "apigateway": "services.apigateway_v1",
        "apigateway_v2": "services.apigateway",
        "cloudformation": "services.cloudformation",
        "cognito": "services.cognito",
        "dynamodb": "services.dynamodb",
        "eventbridge": "services.eventbridge",
        "iam_actions": "core.iam_actions",
        "iam_evaluator": "core.iam_evaluator",
        "lambda_runtime": "core.lambda_runtime",
        "lambda_service": "services.lambda_svc",
        "logs": "services.cloudwatch_logs",
        "persistence": "core.persistence",
        "provisioners": "services.cloudformation.provisioners",
        "responses": "core.responses",
        "router": "core.router",
        "s3": "services.s3",
        "ses": "services.ses",
        "ses_v2": "services.ses_v2",
        "sqs": "services.sqs",
        "stepfunctions": "services.stepfunctions",
        "sts": "services.sts",
    }
    return MiniStack(**{name: importlib.import_module(f"ministack.{path}") for name, path in modules.items()})


@asynccontextmanager
async def started(emulator: MiniStack) -> AsyncIterator[None]:
    """Run the emulator's own start: it reads its snapshots and starts its schedulers.

    Its own stop is not run: it would save the state, which is done better elsewhere, and look for containers.
    """
    ready = asyncio.Event()

    async def receive() -> dict[str, str]:
        if ready.is_set():
            await asyncio.Event().wait()
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, str]) -> None:
        ready.set()
        if message["type"] != "lifespan.startup.complete":
            raise EmulatorError(str(message))

    lifespan = asyncio.create_task(emulator.app.app({"type": "lifespan"}, receive, send))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([lifespan, waiting], return_when=asyncio.FIRST_COMPLETED)
    if lifespan.done():
        lifespan.result()
    try:
        yield
    finally:
        lifespan.cancel()
        await asyncio.gather(lifespan, return_exceptions=True)


def _prepare_environment(settings: Settings) -> None:
    # The functions inherit this environment. A developer's own settings must not reach them, nor the emulator.
    kept = for_children(os.environ)
    os.environ.clear()
    os.environ.update(
        {name: value for name, value in kept.items() if not name.startswith(("LOCALSTACK_", "MINISTACK_", "LAMBDA_"))}
    )
    scratch = settings.state / "tmp"
    # Workers killed together with their parent could not remove their unpacked code.
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    os.environ.update(
        {
            "AUTH": "false",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": settings.aws_endpoint,
            # Not a developer's Docker: the emulator removes containers that it takes for its own.
            "DOCKER_HOST": "unix:///nonexistent",
            "GATEWAY_PORT": str(settings.aws_port),
            "IOT_MTLS_ENABLED": "0",
            "LAMBDA_ACCOUNT_CONCURRENCY": str(CONCURRENCY),
            # A burst's surplus workers keep their memory and their unpacked layer for so long.
            "LAMBDA_WARM_TTL_SECONDS": "60",
            "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
            "MINISTACK_HOST": "localhost",
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "1",
            "S3_PERSIST": "0",  # durable/objects.py does it
            "SFTP_ENABLED": "0",
            "STATE_DIR": str(settings.services),
            "TMPDIR": str(scratch),
        }
    )
    os.environ.pop("SERVICES", None)  # would leave out others
    settings.services.mkdir(exist_ok=True)


def _prepare_logging(settings: Settings) -> None:
    settings.logs.mkdir(exist_ok=True)
    file = RotatingFileHandler(settings.logs / "emulator.log", maxBytes=LOG_BYTES, backupCount=1)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s [%(name)s] %(message)s"))
    screen = logging.StreamHandler(sys.stderr)
    screen.setLevel(logging.ERROR)
    logging.basicConfig(level=logging.INFO, handlers=[file, screen], force=True)
