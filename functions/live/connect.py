"""connect: the WebSocket API's $connect. The authorizer has let the caller in; from here on there is a connection."""

from collections.abc import Mapping
from typing import Any

from ticketing.access.identity import caller_of
from ticketing.api.live_frame import count, live_endpoint
from ticketing.aws.data import of_caller
from ticketing.errors import ApiError, BadRequestError
from ticketing.live.connections import Connections
from ticketing.live.conversation import connection_of
from ticketing.live.messages import PROTOCOL


def _refuse(_event: Mapping[str, Any], error: ApiError) -> dict[str, Any]:
    return {"statusCode": error.status}  # API Gateway shows a client no more of it


@live_endpoint("connect", _refuse)
def handler(event: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the connection, and select the subprotocol if the client offers any: a browser insists on it.

    If the table can't be written, the client is refused and connects again: there is no connection that nobody knows.
    """
    protocols = _protocols(event.get("headers") or {})
    if protocols and PROTOCOL not in protocols:
        message = f"The subprotocol of this API is {PROTOCOL}."
        raise BadRequestError(message)
    Connections(of_caller(caller_of(event))).open(connection_of(event))
    count(ConnectionsOpened=1)
    return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": PROTOCOL} if protocols else {}}


def _protocols(headers: Mapping[str, str]) -> list[str]:
    """Return the subprotocols that the client offers."""
    offered = next((value for name, value in headers.items() if name.lower() == "sec-websocket-protocol"), "")
    return [protocol.strip() for protocol in offered.split(",") if protocol.strip()]
