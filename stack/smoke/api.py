"""The REST API: that it refuses strangers in the contract's shape, and counts every call for its tenant."""

from pathlib import Path
from typing import Any, Final

import yaml

from stack.smoke.deployment import Deployment

CONTRACT: Final = Path(__file__).parents[2] / "openapi" / "api.yaml"
_METHODS: Final = ("get", "post", "put", "patch", "delete")


def strangers_are_refused(deployment: Deployment) -> list[str]:
    """Check that a request without a token is 401, and one of no path 404, both in the shape of all errors."""
    wrong = []
    for path, status, code in (("/v1/tickets", 401, "unauthorized"), ("/v1/nothing", 404, "path_not_found")):
        answer = deployment.ask("GET", path)
        body = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
        if (answer.status_code, body.get("code")) != (status, code):
            wrong.append(f"GET {path} answers {answer.status_code} {body.get('code')}, not {status} {code}.")
        elif missing := {"message", "requestId"} - body.keys():
            wrong.append(f"The {status} of GET {path} lacks {', '.join(sorted(missing))}.")
        elif status == 401 and answer.headers.get("WWW-Authenticate") != "Bearer":  # noqa: PLR2004
            wrong.append("The 401 lacks WWW-Authenticate: Bearer.")
    return wrong


def browsers_may_ask(deployment: Deployment) -> list[str]:
    """Check that preflight requests name the allowed origins and no other."""
    allowed = [each for each in deployment.parameters.get("CorsOrigins", "").split(",") if each]
    wrong = []
    for origin in {*allowed, "https://stranger.invalid"} - {"*"}:
        answer = deployment.ask("OPTIONS", "/v1/tickets", Origin=origin, **{"Access-Control-Request-Method": "GET"})
        expected = "*" if "*" in allowed else origin if origin in allowed else None
        found = answer.headers.get("Access-Control-Allow-Origin")
        if (answer.status_code, found) != (204, expected):
            wrong.append(f"A preflight from {origin} answers {answer.status_code} for {found}, not 204 for {expected}.")
    return wrong


def every_call_counts(deployment: Deployment) -> list[str]:
    """Check that every operation has its method, behind the authorizer and with an API key, but public ones.

    Without an API key there are no limits of tenants, and no other test would show it.
    """
    expected = {(path, method.upper()): public for path, method, public in _operations()}
    found: dict[tuple[str, str], tuple[bool, str]] = {}
    pages = deployment.session.client("apigateway").get_paginator("get_resources")
    for page in pages.paginate(restApiId=deployment.outputs["ApiId"], embed=["methods"]):
        for resource in page["items"]:
            for name, about in resource.get("resourceMethods", {}).items():
                # A method that says nothing needs no key.
                found[resource["path"], name] = (about.get("apiKeyRequired", False), about["authorizationType"])
    wrong = [f"{method} {path} is missing." for path, method in sorted(expected.keys() - found.keys())]
    for (path, method), (key, authorization) in sorted(found.items()):
        public = method == "OPTIONS" or expected.get((path, method), False)
        if (key, authorization) != ((False, "NONE") if public else (True, "CUSTOM")):
            wrong.append(f"{method} {path} has apiKeyRequired {key} and authorizationType {authorization}.")
    return wrong


def alarms_know_the_api(deployment: Deployment) -> list[str]:
    """Check that the API has the name that alarms look for its metrics by."""
    name = deployment.session.client("apigateway").get_rest_api(restApiId=deployment.outputs["ApiId"])["name"]
    return [] if name == deployment.name else [f"The API's name is {name}: no alarm of it can go off."]


def _operations() -> list[tuple[str, str, bool]]:
    """Return the contract's operations: path, method, whether it is public."""
    document: dict[str, Any] = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    return [
        (path, method, item[method].get("security") == [])
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
