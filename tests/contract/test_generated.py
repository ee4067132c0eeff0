"""Requests that Schemathesis makes from openapi/api.yaml, good ones and bad ones, and what the running API answers.

Whatever the request: no 5xx, no answer that the document does not have (with its schemas closed), nothing bad accepted,
nothing good called bad. The requests are the same in every run, but for the ids of the tickets that they are aimed at.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4
from zlib import crc32

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.callers import TICKET, Tenant
from tests.contract.checker import Contract
from tests.stack import Stack

type Case = schemathesis.Case[Any]

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
KEY = re.compile(r"[!-~]{1,255}")
ROAD = [
    {"status": "OPEN"},
    {"status": "IN_PROGRESS", "assignedToId": "11111111-1111-4111-8111-111111111111"},
    {"status": "RESOLVED", "resolution": "New router."},
    {"status": "CLOSED"},
]
"""What takes a new ticket through all statuses."""


def _schema(**phases: bool) -> Any:
    config = schemathesis.Config.from_dict(
        {
            "generation": {"deterministic": True, "max-examples": 25, "with-security-parameters": False},
            "phases": {phase: {"enabled": enabled} for phase, enabled in phases.items()},
            "checks": {
                # A good request may still be for nobody, for another role, or come too late.
                "positive_data_acceptance": {"expected-statuses": ["2xx", "304", "403", "404", "409", "412", "422"]},
                "negative_data_rejection": {"expected-statuses": ["400", "403", "404", "415"]},
            },
        }
    )
    return schemathesis.openapi.from_dict(Contract.load().document, config=config)


SYSTEMATIC = _schema(examples=True, coverage=True, fuzzing=False)
RANDOM = _schema(examples=False, coverage=False, fuzzing=True).exclude(method="OPTIONS")
REPRODUCIBLE = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@dataclass
class Target:
    """Tickets of every status that generated requests are aimed at, and what came of the requests."""

    url: str
    tokens: dict[str, str]
    admin: httpx.Client
    there: list[str]
    in_the_trash: list[str]
    etags: dict[str, str]
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    def ask(self, case: Case, person: str) -> None:
        """Send a request as this person, and hold the answer against the document."""
        self.aim(case)
        answer = case.call(base_url=self.url, headers={"Authorization": f"Bearer {self.tokens[person]}"})
        self.answers[case.operation.definition.raw["operationId"], answer.status_code] += 1
        self.put_back(case, answer.status_code)
        if "etag" in answer.headers:
            self.etags[case.path_parameters.get("id", "")] = answer.headers["etag"][0]
        case.validate_response(answer, checks=_checks(case))

    def aim(self, case: Case) -> None:
        """Put what only the running API knows in the place of most ids, ETags and keys that are well-formed.

        Assigned as a whole, so that Schemathesis judges anew whether the request is good or bad.
        """
        # The same request always meets the same ticket: what fails can be repeated and shrunk.
        dice = crc32(case.as_curl_command().encode())
        if UUID.fullmatch(str(case.path_parameters.get("id"))) and dice % 8:
            pool = self.in_the_trash if case.path.endswith("/restore") and dice % 2 else self.there
            case.path_parameters = {"id": pool[dice // 8 % len(pool)]}
        headers = dict(case.headers)
        tag = headers.get("If-Match", "")
        # The systematic phase takes 0 for an ETag, and calls it good.
        if tag == "0" or (tag.startswith('"') and dice % 4):
            headers["If-Match"] = self.etags.get(case.path_parameters["id"], "*")
        if "If-None-Match" in headers and dice % 2:
            headers["If-None-Match"] = self.etags.get(case.path_parameters["id"], "*")
        if KEY.fullmatch(headers.get("Idempotency-Key", "")) and dice % 4:
            headers["Idempotency-Key"] = f"{uuid4()}{headers['Idempotency-Key']}"[:255]
        if headers != dict(case.headers):
            case.headers = type(case.headers)(headers)

    def put_back(self, case: Case, status: int) -> None:
        """Keep the tickets where later requests expect them."""
        ticket = case.path_parameters.get("id", "")
        if ticket in self.there and case.method == "DELETE" and status == httpx.codes.NO_CONTENT:
            self.etags[ticket] = self.admin.post(f"/v1/tickets/{ticket}/restore").headers["ETag"]
        if ticket in self.in_the_trash and case.path.endswith("/restore") and status == httpx.codes.OK:
            self.admin.delete(f"/v1/tickets/{ticket}")


def _checks(case: Case) -> list[Any]:
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]
    # A preflight is not about the ticket, and is answered whatever the id.
    if case.method != "OPTIONS":
        checks.append(negative_data_rejection)
    # No made-up cursor is one that the list gave out.
    if "cursor" not in case.query:
        checks.append(positive_data_acceptance)
    return checks


@pytest.fixture(scope="module")
def target(stack: Stack, acme: Tenant) -> Target:
    there, etags = [], {}
    for owner in (acme.reporter, acme.agent):
        for steps in range(len(ROAD) + 1):
            ticket = owner.post("/v1/tickets", json=TICKET).json()["id"]
            for step in ROAD[:steps]:
                acme.agent.patch(f"/v1/tickets/{ticket}", json=step)
            there.append(ticket)
            etags[ticket] = f'"{steps + 1}"'
    trash = [there.pop(), there.pop(0)]
    for ticket in trash:
        acme.admin.delete(f"/v1/tickets/{ticket}")
    tokens = {person: stack.token(f"{person}@acme.example") for person in ("admin", "agent", "reporter")}
    return Target(stack.base_url, tokens, acme.admin, there, trash, etags)


@pytest.mark.parametrize("person", ["admin"])
@SYSTEMATIC.parametrize()  # type: ignore[untyped-decorator]
@REPRODUCIBLE
def test_every_boundary(case: Case, target: Target, person: str) -> None:
    target.ask(case, person)


@pytest.mark.parametrize("person", ["admin", "agent", "reporter"])
@RANDOM.parametrize()  # type: ignore[untyped-decorator]
@REPRODUCIBLE
def test_random_requests(case: Case, target: Target, person: str) -> None:
    target.ask(case, person)


def test_every_operation_was_reached(target: Target) -> None:
    """Against tests that pass because nothing gets past a 404."""
    served = Counter(name for name, status in target.answers.elements() if status < httpx.codes.BAD_REQUEST)
    operations = {name for name, _ in target.answers}
    if operations != set(_operation_ids()):
        pytest.skip("only part of the requests were sent")
    assert not {name for name in operations if served[name] < 5 and not name.startswith("preflight")}


def _operation_ids() -> list[str]:
    return [operation.ok().definition.raw["operationId"] for operation in SYSTEMATIC.get_all_operations()]
