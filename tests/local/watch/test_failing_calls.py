"""Calls that fail on demand: which of them, how, and nobody else's."""

import asyncio
import json
import os
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from ministack.core import iam_actions
from ministack.services import s3

from local.emulator.loading import MiniStack
from local.watch.faults import inject_faults
from local.watch.principals import Principals

type Response = tuple[int, dict[str, str], bytes]
type Rule = dict[str, Any]

PUT: Rule = {"service": "events", "action": "PutEvents", "functions": None, "share": 1.0, "kind": "error"}
HEADERS = {"x-amz-target": "AWSEvents.PutEvents", "authorization": "publish"}


class Services:
    """An emulator that counts its calls, and whose callers are named by their authorization."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bodies: list[Any] = []

        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, list[str]]
        ) -> Response:
            assert (method, path, headers is not None, query_params) == ("POST", "/", True, {})
            return self._answer(body)

        async def post(  # noqa: PLR0917 (the emulator's signature)
            method: str, api_id: str, stage: str, connection_id: str, body: bytes, headers: dict[str, str]
        ) -> Response:
            assert (method, api_id, stage, connection_id, bool(headers)) == ("POST", "api", "live", "c", True)
            return self._answer(body)

        self.app, self.mails, self.live = ModuleType("app"), ModuleType("ses_v2"), ModuleType("apigateway")
        self.table: dict[str, Any] = dict.fromkeys(("dynamodb", "events", "sqs", "sts"), handle) | {"s3": self._store}
        vars(self.app)["SERVICE_HANDLERS"] = self.table
        vars(self.mails)["handle_request"] = handle
        vars(self.live)["handle_connections_api"] = post
        services = {"ses_v2": self.mails, "apigateway_v2": self.live, "s3": s3, "iam_actions": iam_actions}
        emulator = SimpleNamespace(app=self.app, **services)

        def of(headers: dict[str, str], _query: object) -> tuple[str | None, bool]:
            return {"publish": "PublishEventsFunction", "push": "PushEventsFunction"}.get(
                headers["authorization"]
            ), False

        inject_faults(cast("MiniStack", emulator), path, cast("Principals", SimpleNamespace(of=of)))

    async def _store(self, method: str, _path: str, _headers: object, body: bytes, _query: object) -> Response:
        self.bodies.append((method, body))
        return 200, {}, b""

    def _answer(self, body: bytes) -> Response:
        self.bodies.append(json.loads(body))
        entries = json.loads(body).get("Entries", [])
        content = {"FailedEntryCount": 0, "Entries": [{"EventId": entry["Detail"]} for entry in entries]}
        return 200, {}, json.dumps(content).encode()

    def set(self, *rules: Rule, seed: int = 0) -> None:
        before = self.path.stat().st_mtime_ns if self.path.exists() else 0
        self.path.write_text(json.dumps({"seed": seed, "rules": rules}))
        os.utime(self.path, ns=(before + 1_000_000, before + 1_000_000))

    def call(self, service: str = "events", entries: int = 0, headers: dict[str, str] | None = None) -> Response:
        body = json.dumps({"Entries": [{"Detail": str(number)} for number in range(entries)]}).encode()
        answer: Response = asyncio.run(self.table[service]("POST", "/", HEADERS | (headers or {}), body, {}))
        return answer

    def statuses(self, count: int) -> list[int]:
        return [self.call()[0] for _ in range(count)]


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return Services(tmp_path / "faults.json")


def test_without_a_file_nothing_fails(services: Services) -> None:
    assert services.statuses(3) == [200] * 3


def test_an_error_comes_instead_of_the_call(services: Services) -> None:
    services.set(PUT)
    status, headers, body = services.call()
    assert (status, headers["x-amzn-ErrorType"], json.loads(body)["__type"]) == (500, *["InternalServerError"] * 2)
    assert services.bodies == []


def test_throttled_is_told_as_aws_does(services: Services) -> None:
    services.set(PUT | {"kind": "throttle"})
    status, headers, _ = services.call()
    assert (status, headers["x-amzn-ErrorType"], services.bodies) == (400, "ThrottlingException", [])


def test_who_speaks_xml_is_told_in_xml(services: Services) -> None:
    services.set(PUT | {"service": "sts", "action": "*"})
    form = {"x-amz-target": "", "content-type": "application/x-www-form-urlencoded"}
    assert b"<Code>InternalServerError</Code>" in services.call("sts", headers=form)[2]


def test_a_timeout_is_no_answer_for_so_long(services: Services) -> None:
    services.set(PUT | {"kind": "timeout", "seconds": 0.2})
    start = time.monotonic()
    assert services.call()[0] == 503
    assert (time.monotonic() - start >= 0.2, services.bodies) == (True, [])


def test_an_answer_that_is_lost_comes_after_the_effect(services: Services) -> None:
    services.set(PUT | {"kind": "lost_answer"})
    assert services.call(entries=2)[0] == 500
    assert len(services.bodies) == 1


def test_in_part_means_that_the_answer_says_which_failed(services: Services) -> None:
    services.set(PUT | {"kind": "partial"})
    for _ in range(20):
        services.bodies.clear()
        status, _, body = services.call(entries=4)
        answer = json.loads(body)
        failed = ["ErrorCode" in outcome for outcome in answer["Entries"]]
        assert (status, answer["FailedEntryCount"]) == (200, sum(failed))
        assert sum(failed) >= 1
        put = [entry["Detail"] for request in services.bodies for entry in request["Entries"]]
        assert put == [str(number) for number, each in enumerate(failed) if not each]
        assert [outcome["EventId"] for outcome in answer["Entries"] if "EventId" in outcome] == put


def test_only_what_has_parts_fails_in_part(services: Services) -> None:
    services.set(PUT | {"action": "*", "kind": "partial"})
    assert services.call(headers={"x-amz-target": "AWSEvents.DescribeEventBus"})[0] == 200


def test_a_share_of_the_calls_fails_the_same_again_for_the_same_seed(services: Services) -> None:
    services.set(PUT | {"share": 0.2}, seed=1)
    first = services.statuses(500)
    assert 0.15 < first.count(500) / 500 < 0.25
    services.set(PUT | {"share": 0.2}, seed=1)
    assert services.statuses(500) == first
    services.set(PUT | {"share": 0.2}, seed=2)
    assert services.statuses(500) != first


@pytest.mark.parametrize(
    "rule", [{"service": "sqs"}, {"action": "PutRule"}, {"functions": ["PushEventsFunction"]}, {"share": 0.0}]
)
def test_other_calls_are_left_alone(services: Services, rule: Rule) -> None:
    services.set(PUT | rule)
    assert services.statuses(3) == [200] * 3


@pytest.mark.parametrize(("caller", "status"), [("publish", 500), ("push", 200), ("a developer", 200)])
def test_a_rule_may_name_functions(services: Services, caller: str, status: int) -> None:
    services.set(PUT | {"functions": ["PublishEventsFunction"]})
    assert services.call(headers={"authorization": caller})[0] == status


def test_nobody_but_functions_is_hit(services: Services) -> None:
    services.set(PUT)
    assert services.call(headers={"authorization": "a developer"})[0] == 200


def test_posts_to_connections_and_mails_are_calls_like_others(services: Services) -> None:
    services.set(
        {"service": "execute-api", "action": "POST @connections", "share": 1, "kind": "throttle"},
        {"service": "sesv2", "action": "POST /*", "share": 1, "kind": "error"},
    )
    headers = {"authorization": "push"}
    live, mails = vars(services.live), vars(services.mails)
    assert asyncio.run(live["handle_connections_api"]("POST", "api", "live", "c", b"{}", headers))[0] == 400
    assert asyncio.run(mails["handle_request"]("POST", "/", headers, b"{}", {}))[0] == 500
    services.set()
    assert asyncio.run(live["handle_connections_api"]("POST", "api", "live", "c", b"{}", headers))[0] == 200
    assert asyncio.run(mails["handle_request"]("POST", "/", headers, b"{}", {}))[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "query", "action"),
    [
        ("PUT", "/bucket/key", {}, "PutObject"),
        ("GET", "/bucket/key", {"versionId": ["1"]}, "GetObjectVersion"),
        ("HEAD", "/bucket/key", {}, "GetObject"),
        ("GET", "/bucket", {"versions": [""]}, "ListBucketVersions"),
        ("DELETE", "/bucket/key", {"versionId": ["1"]}, "DeleteObjectVersion"),
    ],
)
def test_calls_of_s3_are_named_as_iam_names_them(
    services: Services, method: str, path: str, query: dict[str, list[str]], action: str
) -> None:
    def call(headers: dict[str, str]) -> Response:
        answer: Response = asyncio.run(services.table["s3"](method, path, headers, b"Action=x", query))
        return answer

    # The type of an object, not of a request.
    headers = {"authorization": "publish", "content-type": "application/x-www-form-urlencoded"}
    services.set({"service": "s3", "action": "DeleteBucket", "share": 1, "kind": "error"})
    assert call(headers)[0] == 200
    for kind, expected in {"error": (500, b"InternalError"), "throttle": (503, b"SlowDown")}.items():
        services.set({"service": "s3", "action": action, "share": 1, "kind": kind})
        status, _, body = call(headers)
        assert (status, body.partition(b"<Code>")[2].partition(b"</Code>")[0]) == expected
    assert services.bodies == [(method, b"Action=x")]


def test_faults_are_switched_while_it_runs(services: Services) -> None:
    seen = []
    for rules in ((), (PUT,), (), (PUT | {"kind": "throttle"},)):
        services.set(*rules)
        seen.append(services.call()[0])
    services.path.unlink()
    assert [*seen, services.call()[0]] == [200, 500, 200, 400, 200]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"rules": [1]}',
        *(json.dumps({"rules": [PUT | rule]}) for rule in ({"kind": "x"}, {"share": 2})),
    ],
)
def test_what_is_no_file_of_rules_is_said_and_nothing_fails(
    services: Services, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    services.path.write_text(content)
    assert services.call()[0] == 200
    assert "no faults, as it can't be read" in caplog.text
