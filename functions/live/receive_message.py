"""receiveMessage: answers the messages of clients, on the same connection."""

from collections.abc import Mapping
from typing import Any

from ticketing.access.identity import caller_of
from ticketing.api.live_frame import live_endpoint
from ticketing.aws import clients
from ticketing.aws.data import of_caller
from ticketing.errors import ApiError, UnauthorizedError
from ticketing.live.errors import FloodError
from ticketing.live.limits import Limits
from ticketing.live.messages import error_of, parsed, text_of
from ticketing.live.operations import Client
from ticketing.live.sender import ConnectionSender


def _refuse(event: Mapping[str, Any], error: ApiError) -> dict[str, Any]:
    """Answer the error. The connection stays open, unless its user is not allowed in any more, or floods it."""
    context = event["requestContext"]
    text = text_of(error_of(error, context["requestId"]))
    if isinstance(error, UnauthorizedError | FloodError):
        sender = ConnectionSender(clients.live_connections())
        sender.send(context["connectionId"], text)  # the answer would come too late
        sender.close(context["connectionId"])
        return {"statusCode": 200}
    return {"statusCode": 200, "body": text}


@live_endpoint("receiveMessage", _refuse)
def handler(event: Mapping[str, Any]) -> dict[str, Any]:
    """Do what a message asks. A message that fails has changed nothing, or can be repeated."""
    caller = caller_of(event)
    Limits(of_caller(caller)).count_messages(caller.user_id)
    client = Client.of(event)
    message = parsed(str(event.get("body") or ""))
    return {"statusCode": 200, "body": text_of(client.answer(message))}
