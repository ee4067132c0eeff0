"""disconnect: the WebSocket API's $disconnect. The connection is closed already."""

from collections.abc import Mapping
from typing import Any

from ticketing.access.identity import caller_of
from ticketing.api.live_frame import count, live_endpoint
from ticketing.aws.data import of_caller
from ticketing.errors import ApiError
from ticketing.live.connections import Connections
from ticketing.live.conversation import connection_of


def _refuse(_event: Mapping[str, Any], error: ApiError) -> dict[str, Any]:
    return {"statusCode": error.status}


@live_endpoint("disconnect", _refuse)
def handler(event: Mapping[str, Any]) -> dict[str, Any]:
    """Forget the connection.

    API Gateway tries this once and promises nothing: what is left goes when a post finds it gone, or by TTL.
    """
    Connections(of_caller(caller_of(event))).close(connection_of(event).id)
    count(ConnectionsClosed=1)
    return {"statusCode": 200}
