"""receiveMessage: what clients send over their connections, whatever it is; it is answered on the same connection."""

from collections.abc import Mapping
from typing import Any

from ticketing.api.live_frame import live_endpoint
from ticketing.aws import clients
from ticketing.errors import ApiError, UnauthorizedError
from ticketing.live.conversation import Speaker
from ticketing.live.messages import error_of, parsed, text_of
from ticketing.live.sender import Poster


def _refuse(event: Mapping[str, Any], error: ApiError) -> dict[str, Any]:
    """Tell what was wrong; the connection stays, unless it is over for whoever opened it."""
    context = event["requestContext"]
    text = text_of(error_of(error, context["requestId"]))
    if isinstance(error, UnauthorizedError):
        poster = Poster(clients.live_connections())
        poster.post(context["connectionId"], text)  # the answer would come too late
        poster.close(context["connectionId"])
        return {"statusCode": 200}
    return {"statusCode": 200, "body": text}


@live_endpoint("receiveMessage", _refuse)
def handler(event: Mapping[str, Any]) -> dict[str, Any]:
    """Do what a message asks; a message that fails has changed nothing, or can be repeated."""
    speaker = Speaker.of(event)
    message = parsed(str(event.get("body") or ""))
    return {"statusCode": 200, "body": text_of(speaker.answer(message))}
