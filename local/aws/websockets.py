"""API Gateway's WebSocket API as AWS has it: subprotocols, refusals by authorizers, route responses."""

from collections.abc import Callable
from typing import Any

from local.emulator.loading import EmulatorError, MiniStack
from local.emulator.patching import require, rewrite

type Record = dict[str, Any]

_CREATED = 201


def patch(emulator: MiniStack) -> None:
    """Serve WebSockets, and deploy their API, as AWS does.

    Raises
    ------
    EmulatorError
        At once if what this builds on is not there; at a deployment if a route response is refused.
    """
    _serve_as_aws_does(emulator)
    _deploy_as_aws_does(emulator)


def _serve_as_aws_does(emulator: MiniStack) -> None:
    """Let $connect choose the subprotocol, authorizers answer 401, functions log, connections wait for what is sent.

    The emulator accepts without a subprotocol, which a browser that has offered some takes for a failure. It answers
    500 to an authorizer that fails with "Unauthorized", and 403 whatever status $connect's function refuses with. It
    calls functions in a way of its own, which keeps no logs and makes calls of one function wait for each other. And
    twice a second it looks for each connection whether there is something to send: a thousand idle ones keep it busy.
    """
    changes = {
        "        authorizer_context = None\n": "        authorizer_context = resp = None\n",
        "            if status < 200 or status >= 300:\n"
        '                await send({"type": "websocket.close", "code": 1008})\n': (
            "            if status < 200 or status >= 300:\n"
            '                await _refuse_ws_handshake(scope, send, status, "", connection_id, connect_request_id)\n'
        ),
        '{"type": "websocket.accept"}': '{"type": "websocket.accept", "subprotocol": _subprotocol_of(resp)}',
        "            while not close_event.is_set():\n"
        "                try:\n"
        "                    item = await asyncio.wait_for(outbox.get(), timeout=0.5)\n"
        "                except asyncio.TimeoutError:\n"
        "                    continue\n": "            while True:\n                item = await outbox.get()\n",
        "            closed_by_delete.cancel()\n": (
            "            closed_by_delete.cancel()\n            outbox.put_nowait(None)\n"
        ),
    }
    rewrite(emulator.apigateway_v2, "handle_websocket", changes, _subprotocol_of=_subprotocol_of)
    # Without code, as it sees it, the emulator calls a function as all others do.
    changes = {'    code_zip = func_data.get("code_zip")\n': "    code_zip = None\n"}
    rewrite(emulator.apigateway_v2, "_invoke_ws_lambda", changes)
    changes = {
        '    if not result or result.get("error"):\n': (
            '    if _is_unauthorized(result):\n        return {"unauthorized": True}\n'
            '    if not result or result.get("error"):\n'
        )
    }
    rewrite(emulator.apigateway_v2, "_invoke_request_authorizer_lambda", changes, _is_unauthorized=_is_unauthorized)
    changes = {
        '    policy = (payload or {}).get("policyDocument")\n': (
            '    if (payload or {}).get("unauthorized"):\n        return (401, "Unauthorized"), None\n'
            '    policy = (payload or {}).get("policyDocument")\n'
        )
    }
    rewrite(emulator.apigateway_v2, "_authorize_ws_connect", changes)


def _subprotocol_of(answer: Record | None) -> str | None:
    """Return the subprotocol in the answer of $connect's function."""
    headers = (answer or {}).get("headers") or {}
    return next((value for name, value in headers.items() if name.lower() == "sec-websocket-protocol"), None)


def _is_unauthorized(result: Record | None) -> bool:
    """Return whether a function failed with the one text that API Gateway answers 401 to."""
    body = (result or {}).get("body")
    return isinstance(body, dict) and body.get("errorMessage") == "Unauthorized"


def _deploy_as_aws_does(emulator: MiniStack) -> None:
    """Let templates have route responses."""
    handlers = emulator.provisioners._RESOURCE_HANDLERS  # noqa: SLF001
    handlers["AWS::ApiGatewayV2::RouteResponse"] = {
        "create": _route_response_maker(emulator),
        "delete": lambda _physical_id, _props: None,  # it goes with its route
    }


def _route_response_maker(emulator: MiniStack) -> Callable[[str, Record, str], tuple[str, Record]]:
    make = require(emulator.apigateway_v2, "_create_route_response", "api_id", "route_id", "data")

    def create(_logical_id: str, props: Record, _stack_name: str) -> tuple[str, Record]:
        route_id = props["RouteId"].rpartition("/")[2]  # the emulator's Ref of a route has the API's id in it
        status, _, body = make(props["ApiId"], route_id, {"routeResponseKey": props["RouteResponseKey"]})
        if status != _CREATED:
            message = f"A route response is refused: {body!r}"
            raise EmulatorError(message)
        return f"{route_id}/{props['RouteResponseKey']}", {}

    return create
