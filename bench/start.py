"""How long a function takes to start: its import and its first client, against a bare handler that uses boto3.

Each start is a process of its own, as a cold start is. The rounds take turns, so that the machine's moods meet all
alike.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.report import Figure

REACH = 1.35
GROUP = "Start: import and first client, whole process"
ROOT = Path(__file__).parents[1]

SERVICES = ("identity", "tickets", "users")
_CLIENTS = {"authorize": "cognito", "transition_ticket": "stepfunctions"}
"""Whom a function calls first, where that is not DynamoDB."""

_BARE = """
import boto3
dynamodb = boto3.client("dynamodb")
def handler(event, context):
    return {"statusCode": 200}
"""


def measure(rounds: int) -> Iterator[Figure]:
    """Time every function's start and yield the medians and their ratios to the bare handler."""
    scripts = {"bare handler (boto3, DynamoDB client)": _BARE} | {name: _script(name) for name in _functions()}
    times: dict[str, list[float]] = {name: [] for name in scripts}
    for round_ in range(rounds + 1):
        for name, script in scripts.items():
            elapsed = _time(script)
            if round_ > 0:  # the first writes the bytecode
                times[name].append(elapsed)
    medians = {name: statistics.median(each) for name, each in times.items()}
    bare, *functions = medians
    yield Figure(GROUP, bare, medians[bare] * 1000, "ms")
    for name in functions:
        yield Figure(GROUP, name, medians[name] * 1000, "ms")
        yield Figure(GROUP, f"{name} / bare", medians[name] / medians[bare], "x", reach=REACH)


def _functions() -> list[str]:
    return sorted(path.stem for service in SERVICES for path in (ROOT / "functions" / service).glob("*.py"))


def _script(function: str) -> str:
    client = _CLIENTS.get(function, "dynamodb")
    return f"import {function}; from ticketing import aws; aws.{client}()"


def _time(script: str) -> float:
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONPATH": os.pathsep.join(
            [str(ROOT / "layers" / "ticketing"), *(str(ROOT / "functions" / service) for service in SERVICES)]
        ),
    }
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    return time.perf_counter() - started
