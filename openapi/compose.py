"""Print openapi/gateway.yaml: what API Gateway imports, made of the contract (`make template`).

The contract, openapi/api.yaml, says which operations there are. What API Gateway needs besides is here, once:

- An operation is served by the function of its name, which API Gateway calls as `ApiRole`: `createTicket` by
  `CreateTicketFunction`.
- An operation that needs a token is behind the authorizer, and counts for the usage plan: SAM adds that to each method
  (`ApiKeyRequired` in the template). A public operation (`security: []` in the contract) is neither.
- Every path answers browsers' preflight requests (OPTIONS).
- API Gateway's own errors have the shape of all errors of the API.

Schemas, query parameters and headers are left out: API Gateway passes requests on as they are, and the functions
validate them. The document is Swagger 2.0, because SAM adds its security scheme to that and not to OpenAPI 3.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import yaml

CONTRACT: Final = Path(__file__).with_name("api.yaml")
AUTHORIZER: Final = "bearerToken"
NOT_COUNTED: Final = "api_key_false"
"""What SAM itself writes for `ApiKeyRequired: false` of a method, and takes out of the result again."""

_HEADER: Final = "# Made of openapi/api.yaml by `make template` (openapi/compose.py). `make check` compares.\n"
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_API_ROLE: Final = {"Fn::Sub": "${ApiRole.Arn}"}


@dataclass(frozen=True)
class Refusal:
    """An error that API Gateway answers by itself."""

    status: int
    code: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)

    def as_gateway_response(self) -> dict[str, Any]:
        """Return it as API Gateway's extension of OpenAPI has it.

        Pages of all origins may read it: it holds nothing of any tenant, and API Gateway can't choose an origin here.
        """
        headers = {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "ETag, Link, Location, Retry-After",
            "Cache-Control": "no-store",
            **self.headers,
        }
        body = {"code": self.code, "message": self.message, "requestId": "$context.requestId"}
        return {
            "statusCode": str(self.status),
            "responseParameters": {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()},
            "responseTemplates": {"application/json": json.dumps(body, separators=(",", ":"))},
        }


def _too_many_requests(message: str, retry_after: int) -> Refusal:
    return Refusal(429, "too_many_requests", message, {"Retry-After": str(retry_after)})


def _unavailable(message: str, retry_after: int = 1) -> Refusal:
    return Refusal(503, "service_unavailable", message, {"Retry-After": str(retry_after)})


_PATH_NOT_FOUND: Final = Refusal(404, "path_not_found", "There is no such path, or not with this method.")
_UNAUTHORIZED: Final = Refusal(
    401,
    "unauthorized",
    "A valid token is needed: Authorization: Bearer <ID token or API key>.",
    {"WWW-Authenticate": "Bearer"},
)
_FAULT: Final = Refusal(
    500, "internal_server_error", "Something went wrong on our side. Quote the request id when you report it."
)

REFUSALS: Final = {
    # The path is unknown, or has no such method.
    "MISSING_AUTHENTICATION_TOKEN": _PATH_NOT_FOUND,
    "RESOURCE_NOT_FOUND": _PATH_NOT_FOUND,
    # A Bearer token on such a path: API Gateway tries to read it as an AWS signature, and fails with an error that has
    # no type of its own. All other types have their entries here, so little else can end in this one.
    "DEFAULT_4XX": _PATH_NOT_FOUND,
    "UNAUTHORIZED": _UNAUTHORIZED,
    "EXPIRED_TOKEN": _UNAUTHORIZED,
    "INVALID_SIGNATURE": _UNAUTHORIZED,
    "ACCESS_DENIED": Refusal(
        403,
        "forbidden",
        "Without a tenant, one can found one, accept an invitation and read a deletion's receipt: 20 requests a day.",
    ),
    # The authorizer names the key of the tenant; that key is not made yet.
    "INVALID_API_KEY": _unavailable("The tenant is being set up. Try again shortly.", retry_after=5),
    "WAF_FILTERED": Refusal(403, "forbidden", "This request was filtered."),
    "BAD_REQUEST_BODY": Refusal(400, "bad_request", "The body is not what this operation takes."),
    "BAD_REQUEST_PARAMETERS": Refusal(400, "bad_request", "The parameters are not what this operation takes."),
    "REQUEST_TOO_LARGE": Refusal(413, "payload_too_large", "The body is too large; the limit is 262144 bytes."),
    "UNSUPPORTED_MEDIA_TYPE": Refusal(
        415, "unsupported_media_type", "Send the body as Content-Type: application/json."
    ),
    "THROTTLED": _too_many_requests("Too many requests. Try again shortly.", retry_after=1),
    "QUOTA_EXCEEDED": _too_many_requests(
        "The tenant's requests of this day are used up. They count anew at 00:00 UTC.", retry_after=3600
    ),
    # A function or the authorizer could not be called, or did not answer in time: the caller can only try again.
    "INTEGRATION_FAILURE": _unavailable("The request could not be served just now. Try again."),
    "INTEGRATION_TIMEOUT": _unavailable("The request took too long. Read the ticket again before you repeat a change."),
    "AUTHORIZER_FAILURE": _unavailable("The token could not be checked just now. Try again."),
    "AUTHORIZER_CONFIGURATION_ERROR": _FAULT,
    "API_CONFIGURATION_ERROR": _FAULT,
    "DEFAULT_5XX": _FAULT,
}
"""An entry for each type of gateway response that exists."""


def compose(contract: dict[str, Any]) -> dict[str, Any]:
    """Return the document that API Gateway imports.

    Its title is the name of the API, and the alarms look for the API's metrics by the name of the stack.
    """
    return {
        "swagger": "2.0",
        "info": {"title": {"Ref": "AWS::StackName"}, "version": contract["info"]["version"]},
        # The usage plan counts by the key that the authorizer names, never by one that a caller sends.
        "x-amazon-apigateway-api-key-source": "AUTHORIZER",
        "securityDefinitions": {AUTHORIZER: _authorizer()},
        "paths": {path: dict(_methods(path, item)) for path, item in contract["paths"].items()},
        "x-amazon-apigateway-gateway-responses": {
            kind: refusal.as_gateway_response() for kind, refusal in REFUSALS.items()
        },
    }


def function_of(operation_id: str) -> str:
    """Return the logical id of the function that serves an operation."""
    return f"{operation_id[0].upper()}{operation_id[1:]}Function"


def _authorizer() -> dict[str, Any]:
    return {
        "type": "apiKey",  # of a Lambda authorizer it says which header has the token
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {
            "type": "token",
            "authorizerUri": _invocation_of("AuthorizeFunction"),
            "authorizerCredentials": _API_ROLE,
            "authorizerResultTtlInSeconds": 60,
            # Any other spelling is 401 without a call of the function: each would be an entry of its own in the cache.
            # Which dialect of regular expressions API Gateway takes is not documented, so this is plain.
            "identityValidationExpression": "^Bearer [-0-9A-Za-z._]+$",
        },
    }


def _methods(path: str, item: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for method in _METHODS:
        if method in item:
            operation = item[method]
            public = operation.get("security") == []
            yield (
                method,
                {
                    "operationId": operation["operationId"],
                    **_served_by(function_of(operation["operationId"]), path, success=min(operation["responses"])),
                    "security": [{NOT_COUNTED if public else AUTHORIZER: []}],
                },
            )
    yield "options", _served_by("PreflightFunction", path, success="204")


def _served_by(function: str, path: str, *, success: str) -> dict[str, Any]:
    names = re.findall(r"\{(\w+)\}", path)
    parameters = [{"name": name, "in": "path", "required": True, "type": "string"} for name in names]
    return {
        **({"parameters": parameters} if parameters else {}),
        "responses": {success: {"description": HTTPStatus(int(success)).phrase}},
        "x-amazon-apigateway-integration": {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "uri": _invocation_of(function),
            "credentials": _API_ROLE,
        },
    }


def _invocation_of(function: str) -> dict[str, str]:
    service = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31"
    return {"Fn::Sub": f"{service}/functions/${{{function}.Arn}}/invocations"}


class _Dumper(yaml.SafeDumper):
    """Writes each value out, without anchors, which CloudFormation does not take."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def written(document: dict[str, Any]) -> str:
    """Return the text of the file that holds a document."""
    return _HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=sys.maxsize)


if __name__ == "__main__":
    sys.stdout.write(written(compose(yaml.safe_load(CONTRACT.read_text(encoding="utf-8")))))
