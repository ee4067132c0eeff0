"""API Gateway's own refusals in the shape that the contract gives them.

The emulator knows gateway responses but does not read them from an imported OpenAPI document, as AWS does.
"""

from typing import Any

from local.emulator import EmulatorError, MiniStack
from local.patches import require

_EXTENSION = "x-amazon-apigateway-gateway-responses"
_CREATED = 201


def import_gateway_responses(emulator: MiniStack) -> None:
    """Let an import of an OpenAPI document bring its gateway responses along.

    Raises
    ------
    EmulatorError
        At once if what this builds on is not there; at an import if the emulator refuses a gateway response.
    """
    apigateway = emulator.apigateway
    original = require(apigateway, "_import_rest_api", "spec", "base_data")
    put = require(apigateway, "_put_gateway_response", "api_id", "response_type", "data")

    def import_rest_api(spec: dict[str, Any], base_data: dict[str, Any] | None = None) -> str:
        api_id: str = original(spec, base_data)
        for kind, response in (spec.get(_EXTENSION) or {}).items():
            status, _, body = put(api_id, kind, response)
            if status != _CREATED:
                message = f"The gateway response {kind} of the contract is refused: {body!r}"
                raise EmulatorError(message)
        return api_id

    apigateway._import_rest_api = import_rest_api  # type: ignore[attr-defined]  # noqa: SLF001
