"""What a warm handler takes for itself: the processor's time of the whole call, less that of calls of AWS.

The handlers run in this process, against the local stack's table and state machine. It is the processor's time that
counts, because consumers of what the handlers did want the same processors.
"""

import importlib
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, TextIO

from botocore.client import BaseClient

from bench.callers import TICKET, move, replacement
from bench.report import Figure
from bench.stack import Stack
from ticketing.api import frame

GROUP = "Handler's own time of the processor, warm, without the calls of AWS, median"
REACH = 2.0
_CLIENT: Any = BaseClient
_CONTEXT = SimpleNamespace(aws_request_id="bench", function_name="bench")
_ADMIN = {"userId": "11111111-1111-4111-8111-111111111111", "tenantId": "bench", "role": "admin"}


type LambdaHandler = Callable[[dict[str, Any], Any], dict[str, Any]]


class _Clock(AbstractContextManager["_Clock"]):
    """Adds up the time that botocore takes for calls."""

    def __init__(self) -> None:
        self.in_aws = 0.0
        self._call: Any = _CLIENT._make_api_call

    def __enter__(self) -> Self:
        clock, call = self, self._call

        def timed(client: Any, *arguments: Any) -> Any:
            started = time.thread_time()
            try:
                return call(client, *arguments)
            finally:
                clock.in_aws += time.thread_time() - started

        _CLIENT._make_api_call = timed
        return self

    def __exit__(self, *_: object) -> None:
        _CLIENT._make_api_call = self._call


def measure(stack: Stack, rounds: int) -> Iterator[Figure]:
    """Call each handler `rounds` times and yield its median own time."""
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": stack.aws_endpoint,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "CORS_ORIGINS": "*",
        "NOTIFICATIONS_TABLE": stack.outputs["NotificationsTableName"],
        "SEARCH_TABLE": stack.outputs["SearchTableName"],
        "TICKETS_TABLE": stack.outputs["TicketsTableName"],
        "TICKET_LIFECYCLE": stack.outputs["TicketLifecycleArn"],
        "USERS_TABLE": stack.outputs["UsersTableName"],
    }
    # Logs and metrics are written, as they are on AWS, but not to the table of the bench.
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), _logging_to(nowhere), _Clock() as clock:
        create = _handler("create_ticket")
        ticket = json.loads(create(_event("POST", body=TICKET), _CONTEXT)["body"])
        other = json.loads(create(_event("POST", body=TICKET), _CONTEXT)["body"])
        events: dict[str, Callable[[int], dict[str, Any]]] = {
            "create_ticket": lambda n: _event("POST", body=TICKET | {"title": f"Ticket {n}"}),
            "get_ticket": lambda _: _event("GET", ticket["id"]),
            "list_tickets": lambda _: _event("GET"),
            "update_ticket": lambda n: _event("PATCH", ticket["id"], {"title": f"Title {n}"}),
            "replace_ticket": lambda n: _event("PUT", other["id"], replacement(n, _ADMIN["userId"])),
            "transition_ticket": lambda n: _event("POST", ticket["id"], move(n)),
            "list_ticket_history": lambda _: _event("GET", ticket["id"]),
            "delete_ticket": lambda _: _event("DELETE", ticket["id"]),
            "restore_ticket": lambda _: _event("POST", ticket["id"]),
        }
        own: dict[str, list[float]] = {name: [] for name in events}
        handlers = {name: _handler(name) for name in events}
        for n in range(rounds):
            for name, make in events.items():
                clock.in_aws = 0.0
                event = make(n)
                started = time.thread_time()
                answer = handlers[name](event, _CONTEXT)
                own[name].append(time.thread_time() - started - clock.in_aws)
                if answer["statusCode"] >= 400:
                    raise RuntimeError(answer["body"])
    for name, times in own.items():
        yield Figure(GROUP, name, statistics.median(times[rounds // 10 :]) * 1000, "ms", reach=REACH)


@contextmanager
def _logging_to(stream: TextIO) -> Iterator[None]:
    """Let the log, whose stream was chosen when the first module that logs was imported, go to another."""
    handler: Any = frame.logger.registered_handler
    usual = handler.setStream(stream)
    try:
        yield
    finally:
        handler.setStream(usual)


def _handler(name: str) -> LambdaHandler:
    handler: LambdaHandler = importlib.import_module(f"functions.tickets.{name}").handler
    return handler


def _event(method: str, ticket_id: str | None = None, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what API Gateway sends."""
    return {
        "path": "/v1/tickets",
        "httpMethod": method,
        "headers": {"Content-Type": "application/json"},
        "pathParameters": {"id": ticket_id},
        "requestContext": {"requestId": "bench", "stage": "api", "authorizer": _ADMIN},
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }
