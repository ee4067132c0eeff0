"""How long a function takes from nothing to its first answer, as shipped: what `sam build` made, writing no caches.

Each start is a process of its own, as a cold start is: it imports the handler out of the built function and the built
layers, calls it with one event of API Gateway, and ends. Beside it, a bare handler that uses boto3 does the same with
one GetItem. AWS is a server on this machine that answers at once, so that only starting is measured. The rounds take
turns, so that the machine's moods meet all alike, and it is the processor's time that counts: waiting until one is free
is not the start's. Of each operation the shortest start counts: what else runs on the machine only ever adds to one.
"""

import compileall
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import yaml

from bench.aws import answering
from bench.events import EVENTS, TWO_CLIENTS
from bench.report import Figure

ROOT = Path(__file__).parents[1]
GROUP = "Start as shipped: from nothing to the first answer, whole process, processor time"

ONE, TWO = 1.4, 1.6
"""How many times a bare handler's start an operation may take, with one client of AWS and with two."""

_RUN = """
import json, sys
from {module} import handler
class Context:
    aws_request_id = function_name = "bench"
    def get_remaining_time_in_millis(self): return 10_000
answer = handler(json.loads({event!r}), Context())
sys.exit(answer["statusCode"] >= 500)
"""

_BARE = """
import boto3
dynamodb = boto3.client("dynamodb")
def handler(event, context):
    found = dynamodb.get_item(TableName="tickets", Key={"PK": {"S": "x"}, "SK": {"S": "TICKET"}})
    return {"statusCode": 200, "body": found["Item"]["title"]["S"]}
print(handler({}, None))
"""


@dataclass(frozen=True)
class Start:
    """What a process runs: a script, and the variables of its environment that others have not."""

    script: str
    own: Mapping[str, str]

    def environment(self, endpoint: str) -> dict[str, str]:
        """Return the variables of its environment, with AWS at this endpoint."""
        return {
            "ATTACHMENTS_BUCKET": "files",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "CORS_ORIGINS": "*",
            "INVITATION_SECONDS": "0",  # not waited, so that it is the start that is measured
            "NOTIFICATIONS_TABLE": "notifications",
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",  # as Lambda's layers, which can't be written to
            "SEARCH_BUCKET": "packs",
            "SEARCH_INDEXING": f"{endpoint}/000000000000/indexing",
            "SEARCH_TABLE": "search",
            "TENANT_DELETION": "arn:aws:states:us-east-1:000000000000:stateMachine:deletion",
            "TICKETS_TABLE": "tickets",
            "TICKET_LIFECYCLE": "arn:aws:states:us-east-1:000000000000:stateMachine:lifecycle",
            "USERS_TABLE": "users",
            "USER_POOL_ID": "us-east-1_bench",
            "USAGE_PLAN_NAME": "bench",
            "WEBHOOK_DELIVERIES": f"{endpoint}/000000000000/deliveries",
            **self.own,
        }

    def time(self, endpoint: str) -> float:
        """Start it, and return how many seconds of a processor it took to its end.

        Raises
        ------
        RuntimeError
            It answers with an error.
        """
        before = processor_time_of_children()
        done = subprocess.run(
            [sys.executable, "-c", self.script],
            env=self.environment(endpoint),
            capture_output=True,
            text=True,
            check=False,
        )
        taken = processor_time_of_children() - before
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        return taken


def processor_time_of_children() -> float:
    """Return the seconds of a processor that the children took which have ended, and those that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(rounds: int) -> Iterator[Figure]:
    """Build, time every operation's start, and yield the shortest of each and its ratio to the bare handler's."""
    packages = Path(boto3.__file__).parents[1]
    for name in ("boto3", "botocore"):  # Lambda's Python has their bytecode; here, only who has run something has
        compileall.compile_dir(packages / name, quiet=1)
    with tempfile.TemporaryDirectory(prefix="bench-build-") as folder, answering() as endpoint:
        built = _build(Path(folder))
        runs = {"bare handler (boto3, one GetItem)": Start(_BARE, {})} | operations(built)
        times: dict[str, list[float]] = {name: [] for name in runs}
        for round_ in range(rounds + 1):
            for name, start in runs.items():
                taken = start.time(endpoint)
                if round_ > 0:  # the first reads the files from the disk
                    times[name].append(taken)
    shortest = {name: min(each) for name, each in times.items()}
    bare, *others = shortest
    yield Figure(GROUP, bare, shortest[bare] * 1000, "ms")
    for name in others:
        yield Figure(GROUP, name, shortest[name] * 1000, "ms")
        reach = TWO if name in TWO_CLIENTS else ONE
        yield Figure(GROUP, f"{name} / bare", shortest[name] / shortest[bare], "x", reach=reach)


def _build(folder: Path) -> Path:
    """Run `sam build` for this machine's processor and return the built template."""
    architecture = "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"
    subprocess.run(
        [
            str(Path(sys.executable).with_name("sam")),
            "build",
            "--build-dir",
            str(folder),
            "--parameter-overrides",
            f"Architecture={architecture}",
        ],
        cwd=ROOT,
        env=os.environ
        | {"SAM_CLI_TELEMETRY": "0", "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return folder / "template.yaml"


def operations(built: Path) -> dict[str, Start]:
    """Return the start of each operation that is measured, out of what `sam build` made (its template's path)."""
    template: dict[str, Any] = yaml.safe_load(built.read_text())
    resources, shared = template["Resources"], template["Globals"]["Function"]["Layers"]
    defaults = {name: str(each["Default"]) for name, each in template["Parameters"].items() if "Default" in each}
    starts: dict[str, Start] = {}
    for name, event in EVENTS.items():
        properties = resources[f"{name[0].upper()}{name[1:]}Function"]["Properties"]
        layers = [
            resources[each["Ref"]]["Properties"]["ContentUri"] for each in [*shared, *properties.get("Layers", [])]
        ]
        places = [properties["CodeUri"], *(f"{layer}/python" for layer in layers)]
        path = os.pathsep.join(str((built.parent / place).resolve()) for place in places)
        variables = properties.get("Environment", {}).get("Variables", {}).items()
        own = {each: defaults[value["Ref"]] for each, value in variables if _parameter(value) in defaults}
        script = _RUN.format(module=properties["Handler"].removesuffix(".handler"), event=json.dumps(event))
        starts[name] = Start(script, own | {"PYTHONPATH": path})
    return starts


def _parameter(value: object) -> object:
    return value.get("Ref") if isinstance(value, dict) else None
