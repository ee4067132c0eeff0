"""Sends messages to connections through API Gateway: many at once, so that a slow one does not hold up the others."""

from __future__ import annotations

import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

AT_ONCE: Final = 32
"""Requests under way at the same time. More would not be faster: signing them is what takes the time."""

_PAUSES: Final = (0.2, 0.8, 2.0)
"""Seconds to wait before failed messages are retried, when all others are done."""

logger = Logger()


class Outcome(Enum):
    """How sending a message ended."""

    SENT = "sent"
    GONE = "gone"
    """The connection is closed."""
    FAILED = "failed"
    """API Gateway throttled, failed or did not answer in time. The message may have arrived."""


class ConnectionSender:
    """Sends messages to connections, and closes connections."""

    def __init__(self, client: ApiGatewayManagementApiClient) -> None:
        self._client = client

    def send(self, connection_id: str, message: str) -> Outcome:
        """Send a message to one connection: one try of at most three seconds."""
        try:
            self._client.post_to_connection(ConnectionId=connection_id, Data=message.encode())
        except self._client.exceptions.GoneException:
            return Outcome.GONE
        except (BotoCoreError, ClientError) as error:
            extra = {"reason": type(error).__name__, "connectionId": connection_id}
            logger.info("a message to a connection failed", extra=extra)
            return Outcome.FAILED
        return Outcome.SENT

    def send_to_all(self, connection_ids: Collection[str], message: str) -> dict[str, Outcome]:
        """Send a message to many connections and return how it ended for each.

        Failed ones are retried together in the next round: four rounds, 15 s at most where few fail.
        """
        outcomes: dict[str, Outcome] = {}
        left = list(connection_ids)
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            for pause in (*_PAUSES, None):
                outcomes |= zip(left, pool.map(partial(self.send, message=message), left), strict=True)
                left = [each for each in left if outcomes[each] is Outcome.FAILED]
                if not left or pause is None:
                    break
                time.sleep(pause)
        return outcomes

    def close(self, connection_id: str) -> None:
        """Close a connection. If that fails, it gets no more messages all the same, and ends by itself."""
        try:
            self._client.delete_connection(ConnectionId=connection_id)
        except self._client.exceptions.GoneException:
            pass
        except (BotoCoreError, ClientError) as error:
            logger.warning("a connection can't be closed", extra={"reason": type(error).__name__})
