"""STS as AWS has it: a session reaches no more of DynamoDB than its role and its own policy both allow.

The emulator gives out sessions and keeps their policies, but does not check them. Here they are checked, as IAM does,
for calls of DynamoDB: those of functions with `TenantIsolation=strict`, and of whoever assumes a role. `s3` does the
same for S3. Calls that a function makes as itself are not checked here, but by tests/integration/test_policies.py.
"""

import json
from typing import Any

from local.aws.iam import Access, Evaluator, dynamodb_accesses, is_assumed, role_of
from local.emulator.calls import Response, action_of
from local.emulator.loading import MiniStack
from local.emulator.patching import require
from local.settings import ACCOUNT_ID, REGION

_TABLE_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{{}}"


def patch(emulator: MiniStack) -> None:
    """Refuse calls of DynamoDB that a session's role or its own policy does not allow.

    Raises
    ------
    EmulatorError
        If what this builds on is not there.
    """
    require(emulator.sts, "register_session", "access_key", "session")
    key_of = require(emulator.router, "extract_access_key_id", "headers", "query_params")
    evaluator = Evaluator(emulator)
    handlers = emulator.app.SERVICE_HANDLERS
    handler = handlers["dynamodb"]

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, list[str]]
    ) -> Response:
        session = emulator.sts._sessions.get(key_of(headers, query_params), {})  # noqa: SLF001
        if session and is_assumed(session):
            arn, policy = session["Arn"], (session.get("SessionPolicies") or {}).get("Policy")
            action = action_of(headers, body, query_params)
            for access in dynamodb_accesses(action, json.loads(body or b"{}"), _TABLE_ARN):
                if not evaluator.role_allows(role_of(arn), access, arn):
                    return _refusal(arn, access, "identity-based")
                if policy and not evaluator.allows(policy, access, arn):
                    return _refusal(arn, access, "session")
        response: Response = await handler(method, path, headers, body, query_params)
        return response

    handlers["dynamodb"] = handle


def _refusal(principal: str, access: Access, kind: str) -> Response:
    message = (
        f"User: {principal} is not authorized to perform: {access['action']} on resource: {access['resource']} "
        f"because no {kind} policy allows the action"
    )
    body: dict[str, Any] = {"__type": "com.amazon.coral.service#AccessDeniedException", "Message": message}
    return 400, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(body).encode()
