"""disconnect: the WebSocket API's $disconnect, when the connection is closed already."""

from collections.abc import Mapping
from typing import Any

from ticketing.access.identity import caller_of
from ticketing.api.live_frame import live_endpoint
from ticketing.aws.data import of_caller
from ticketing.errors import ApiError
from ticketing.live.connections import Connections
from ticketing.live.operations import connection_of
from ticketing.metrics import count


def _refuse(_event: Mapping[str, Any], error: ApiError) -> dict[str, Any]:
    return {"statusCode": error.status}


@live_endpoint("disconnect", _refuse)
def handler(event: Mapping[str, Any]) -> dict[str, Any]:
    """Delete the connection.

    API Gateway calls this at best effort. What is left goes when a message finds it gone, or by TTL.
    """
    Connections(of_caller(caller_of(event))).close(connection_of(event))
    count({"ConnectionsClosed": 1}, {})
    return {"statusCode": 200}
