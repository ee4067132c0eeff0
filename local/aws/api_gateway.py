"""API Gateway's REST API as AWS has it: gateway responses of an import, and usage plans by the authorizer's key.

The emulator knows gateway responses but does not read them from an imported OpenAPI document. It knows usage plans, but
takes every key from the header `x-api-key`. Here the authorizer names the key
(`x-amazon-apigateway-api-key-source: AUTHORIZER`) and that header must not count: anybody could use up another tenant's
allowance. What a tenant has used is in memory only; a restart forgets it.
"""

from contextvars import ContextVar
from types import ModuleType
from typing import Any

from local.emulator.calls import Response
from local.emulator.loading import EmulatorError, MiniStack
from local.emulator.patching import replace, require, rewrite

_SOURCE = "x-amazon-apigateway-api-key-source"
_RESPONSES = "x-amazon-apigateway-gateway-responses"
_CREATED = 201

_usage_key: ContextVar[str | None] = ContextVar("usage_key", default=None)
"""The value of the key that this request counts for; None where the header says it."""


class _Authorized(dict[str, str]):
    """An authorizer's context, kept for as long as its answer is, with the key that the answer names."""

    def __init__(self, context: dict[str, str], usage_key: object) -> None:
        super().__init__(context)
        self.usage_key = str(usage_key or "")


def patch(emulator: MiniStack) -> None:
    """Read gateway responses from an imported document, and count requests by the key that the authorizer names.

    Raises
    ------
    EmulatorError
        At once if what this builds on is not there; at an import if the emulator refuses a gateway response.
    """
    apigateway = emulator.apigateway
    _import_gateway_responses(apigateway)
    _take_keys_from_the_authorizer(apigateway)
    _begin_days_at_midnight(apigateway)
    _refuse_second_keys(apigateway)
    _take_deleted_keys_out_of_plans(apigateway)


def _import_gateway_responses(apigateway: ModuleType) -> None:
    """Let an import of an OpenAPI document bring its gateway responses, as on AWS."""
    original = require(apigateway, "_import_rest_api", "spec", "base_data")
    put = require(apigateway, "_put_gateway_response", "api_id", "response_type", "data")

    def import_rest_api(spec: dict[str, Any], base_data: dict[str, Any] | None = None) -> str:
        api_id: str = original(spec, base_data)
        for kind, response in (spec.get(_RESPONSES) or {}).items():
            status, _, body = put(api_id, kind, response)
            if status != _CREATED:
                message = f"The gateway response {kind} is refused: {body!r}"
                raise EmulatorError(message)
        return api_id

    replace(apigateway, "_import_rest_api", import_rest_api)


def _take_keys_from_the_authorizer(apigateway: ModuleType) -> None:
    import_api = require(apigateway, "_import_rest_api", "spec", "base_data")
    from_header = require(apigateway, "_api_key_from_request", "headers")
    rewrite(
        apigateway,
        "_authorize_request_v1",
        {
            '        auth_ctx = _stringify_context(policy.get("context"))\n': (
                '        auth_ctx = _Authorized(_stringify_context(policy.get("context")), '
                'policy.get("usageIdentifierKey"))\n'
            )
        },
        _Authorized=_Authorized,
    )
    authorize = apigateway._authorize_request_v1  # noqa: SLF001

    async def authorize_and_remember(api_id: str, *request: object) -> tuple[object, object]:
        error, context = await authorize(api_id, *request)
        by_authorizer = apigateway._rest_apis[api_id]["apiKeySource"] == "AUTHORIZER"  # noqa: SLF001
        _usage_key.set(getattr(context, "usage_key", "") if by_authorizer else None)
        return error, context

    def key_of_request(headers: dict[str, str]) -> str | None:
        named = _usage_key.get()
        return from_header(headers) if named is None else named

    def import_with_source(spec: dict[str, Any], base_data: dict[str, Any] | None = None) -> str:
        api_id: str = import_api(spec, {**(base_data or {}), "apiKeySource": spec.get(_SOURCE, "HEADER")})
        return api_id

    replace(apigateway, "_authorize_request_v1", authorize_and_remember)
    replace(apigateway, "_api_key_from_request", key_of_request)
    replace(apigateway, "_import_rest_api", import_with_source)


def _begin_days_at_midnight(apigateway: ModuleType) -> None:
    """Begin each key's day at 00:00 UTC, not at its first request."""
    require(apigateway, "_check_quota", "key", "api_id", "stage_name")
    rewrite(
        apigateway,
        "_check_quota",
        {
            "_quota_state.get(slot, (0, now))": "_quota_state.get(slot, (0, now - now % period))",
            "used, window_start = 0, now\n": "used, window_start = 0, now - now % period\n",
        },
    )


def _refuse_second_keys(apigateway: ModuleType) -> None:
    """Answer 409, as API Gateway does, for a second key with the same value and for a key twice in a plan."""
    create = require(apigateway, "_create_api_key", "data")
    add = require(apigateway, "_create_usage_plan_key", "plan_id", "data")

    def create_once(data: dict[str, Any]) -> Response:
        taken = apigateway._resolve_api_key(data.get("value"))  # noqa: SLF001
        response: Response = _conflict("API Key already exists") if taken else create(data)
        return response

    def add_once(plan_id: str, data: dict[str, Any]) -> Response:
        keys = apigateway._usage_plan_keys.get(plan_id) or {}  # noqa: SLF001
        known = data.get("keyId") in keys
        response: Response = _conflict("Usage Plan Key already exists") if known else add(plan_id, data)
        return response

    def _conflict(message: str) -> Response:
        response: Response = apigateway._v1_error("ConflictException", message, 409)  # noqa: SLF001
        return response

    replace(apigateway, "_create_api_key", create_once)
    replace(apigateway, "_create_usage_plan_key", add_once)


def _take_deleted_keys_out_of_plans(apigateway: ModuleType) -> None:
    delete = require(apigateway, "_delete_api_key", "key_id")

    def delete_everywhere(key_id: str) -> Response:
        response: Response = delete(key_id)
        for _, keys in apigateway._usage_plan_keys.all_items():  # noqa: SLF001
            keys.pop(key_id, None)
        return response

    replace(apigateway, "_delete_api_key", delete_everywhere)
