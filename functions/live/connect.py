"""connect: the WebSocket API's $connect, after the authorizer has let the caller in."""

from collections.abc import Mapping
from typing import Any

from ticketing.access.identity import caller_of
from ticketing.api.live_frame import live_endpoint
from ticketing.aws.data import of_caller
from ticketing.errors import ApiError, BadRequestError
from ticketing.live.limits import Limits
from ticketing.live.messages import PROTOCOL
from ticketing.live.operations import connection_of
from ticketing.metrics import count


def _refuse(_event: Mapping[str, Any], error: ApiError) -> dict[str, Any]:
    return {"statusCode": error.status}  # API Gateway shows a client no more of it


@live_endpoint("connect", _refuse)
def handler(event: Mapping[str, Any]) -> dict[str, Any]:
    """Write the connection, if its user and tenant may have another one.

    It selects the subprotocol if the client offers any, because a browser insists on it.

    If the write fails, the client is refused and connects again: no connection is open that is not in the table.
    """
    protocols = _protocols(event.get("headers") or {})
    if protocols and PROTOCOL not in protocols:
        message = f"The subprotocol of this API is {PROTOCOL}."
        raise BadRequestError(message)
    Limits(of_caller(caller_of(event))).open(connection_of(event))
    count({"ConnectionsOpened": 1}, {})
    return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": PROTOCOL} if protocols else {}}


def _protocols(headers: Mapping[str, str]) -> list[str]:
    """Return the subprotocols that the client offers."""
    offered = next((value for name, value in headers.items() if name.lower() == "sec-websocket-protocol"), "")
    return [protocol.strip() for protocol in offered.split(",") if protocol.strip()]
