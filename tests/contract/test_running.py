"""The running API and openapi/api.yaml: every answer is documented, and every documented answer is given.

The clients hold each answer against the document (tests/harness/contract.py), with schemas closed: an answer that shows
a field more than the document names fails.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract import (
    attachment_attempts,
    calendar_attempts,
    comment_attempts,
    mail_attempts,
    report_attempts,
    search_attempts,
    ticket_attempts,
    user_attempts,
    view_attempts,
    webhook_attempts,
)
from tests.contract.attempts import JSON, Attempt, Valid, World
from tests.contract.document import OPERATIONS, PUBLIC
from tests.harness.contract import Contract
from tests.harness.people import Accounts, OwnTenant, Tenant
from tests.harness.receiver import Receiver
from tests.harness.size import sized
from tests.harness.stack import Stack
from ticketing.api import cors

KINDS = (
    ticket_attempts,
    comment_attempts,
    attachment_attempts,
    search_attempts,
    user_attempts,
    webhook_attempts,
    view_attempts,
    calendar_attempts,
    report_attempts,
    mail_attempts,
)
VALID: dict[str, Valid] = {name: valid for kind in KINDS for name, valid in kind.VALID.items()}
API = [name for name in VALID if name not in PUBLIC]
WITH_BODY = [name for name in API if VALID[name].body]


def _takes(name: str, parameter: str) -> bool:
    return any(declared["name"] == parameter for declared in OPERATIONS[name]["parameters"])


ATTEMPTS = [
    *(Attempt(name, VALID[name].status) for name in [*API, *sorted(PUBLIC)]),
    *(Attempt(name, 401, by="anonymous") for name in API),
    *(Attempt(name, 403, by="spent") for name in API),
    # The tenant that its own attempt deletes is gone by now; another's has this one among its own attempts.
    *(Attempt(name, 400, query="?colour=red") for name in API if name != "deleteTenant"),
    *(Attempt(name, 400, query="?limit=0") for name in API if _takes(name, "limit")),
    *(Attempt(name, 400, headers={"If-Match": "seven"}) for name in API if _takes(name, "If-Match")),
    *(Attempt(name, 412, headers={"If-Match": '"700"'}) for name in API if _takes(name, "If-Match")),
    *(Attempt(name, 400, body={"colour": "red"}) for name in WITH_BODY),
    *(Attempt(name, 413, body=" " * 256 * 1024 + "{}", headers=JSON) for name in WITH_BODY),
    *(Attempt(name, 415, body="{}", headers={"Content-Type": "text/plain"}) for name in WITH_BODY),
    *ticket_attempts.ATTEMPTS,
    *comment_attempts.ATTEMPTS,
    *attachment_attempts.ATTEMPTS,
    *search_attempts.ATTEMPTS,
    *user_attempts.ATTEMPTS,
    *webhook_attempts.ATTEMPTS,
    *view_attempts.ATTEMPTS,
    *calendar_attempts.ATTEMPTS,
    *report_attempts.ATTEMPTS,
    *mail_attempts.ATTEMPTS,
]
SHORT = [
    *(attempt for attempt in ATTEMPTS if attempt.status < 400),
    *[attempt for attempt in ATTEMPTS if attempt.status >= 400][::10],
]
CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    412: "precondition_failed",
    413: "payload_too_large",
    415: "unsupported_media_type",
}

NEVER_HERE = {
    429: "the local stack's allowances are too large to use up",
    500: "it takes a bug; tests/unit/api/test_frame.py has the answer, openapi/compose.py API Gateway's own",
    503: "it takes an AWS that fails; tests/unit/api/test_frame.py has the answer",
}
NOT_ON_DEMAND = {case: why for kind in KINDS for case, why in kind.NOT_ON_DEMAND.items()}


@pytest.fixture(scope="module")
def world(
    stack: Stack, receiver: Receiver, accounts: Accounts, acme: Tenant, found_tenant: Callable[[], OwnTenant]
) -> World:
    return World(stack, accounts, acme, found_tenant, receiver)


@pytest.mark.each
@pytest.mark.parametrize("attempt", sized(ATTEMPTS, short=SHORT), ids=str)
def test_documented_answers_are_given(world: World, contract: Contract, attempt: Attempt) -> None:
    valid = VALID[attempt.operation]
    path = (attempt.given or valid.given)(world) + valid.suffix
    query = attempt.query.replace("?", "&", 1) if "?" in path else attempt.query
    body: Any = valid.body if attempt.body is None else attempt.body
    if callable(body):
        body = body(world)
    answer = world.caller(attempt.by or valid.by).request(
        valid.method,
        path + query,
        headers=attempt.headers,
        **{"content" if isinstance(body, str) else "json": body},
    )
    operation = contract.operation(answer.request)
    assert operation
    assert operation["operationId"] == attempt.operation
    assert answer.status_code == attempt.status, answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == "*"  # of any deployment that allows all origins
    assert answer.headers["Access-Control-Expose-Headers"] == cors.EXPOSED
    if attempt.status >= 400:
        assert answer.json()["code"] == (attempt.code or CODES[attempt.status])


@pytest.mark.parametrize("path", ["/v1/tickets", "/v1/users/me", "/v1/tenant"])
def test_a_tenant_that_is_being_set_up_is_asked_to_wait(world: World, path: str) -> None:
    answer = world.caller("early").get(path)
    assert answer.status_code == 503
    assert answer.json()["code"] == "service_unavailable"
    assert int(answer.headers["Retry-After"]) <= 10


def test_no_documented_answer_is_left_out(contract: Contract) -> None:
    documented = {
        (operation["operationId"], int(status))
        for path in contract.document["paths"].values()
        for operation in path.values()
        if "operationId" in operation
        for status in operation["responses"]
        if int(status) not in NEVER_HERE
    }
    tried = {(attempt.operation, attempt.status) for attempt in ATTEMPTS if attempt.status not in NEVER_HERE}
    assert documented == tried | NOT_ON_DEMAND.keys()
    assert not tried & NOT_ON_DEMAND.keys()
