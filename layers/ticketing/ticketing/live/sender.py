"""Posts to connections through API Gateway: many at once, each on its own time."""

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
"""Posts under way at the same time. More would not be faster: signing them is what takes the time."""

_PAUSES: Final = (0.2, 0.8, 2.0)
"""Seconds to wait before those that failed are tried again, all others being done."""

logger = Logger(service="notifications")


class Outcome(Enum):
    """What became of a post."""

    TOLD = "told"
    GONE = "gone"
    """The connection is closed."""
    FAILED = "failed"
    """API Gateway throttled, failed or did not answer in time; it may have told them."""


class Poster:
    """Sends texts to connections, and closes them."""

    def __init__(self, client: ApiGatewayManagementApiClient) -> None:
        self._client = client

    def post(self, connection_id: str, text: str) -> Outcome:
        """Send a text to one connection: one try of at most three seconds."""
        try:
            self._client.post_to_connection(ConnectionId=connection_id, Data=text.encode())
        except self._client.exceptions.GoneException:
            return Outcome.GONE
        except (BotoCoreError, ClientError) as error:
            logger.info("a post failed", extra={"reason": type(error).__name__, "connectionId": connection_id})
            return Outcome.FAILED
        return Outcome.TOLD

    def post_to_all(self, connection_ids: Collection[str], text: str) -> dict[str, Outcome]:
        """Send a text to many connections and return what became of each.

        Whoever fails waits for the next round, so that nobody waits for them: four rounds, 15 s at most where few fail.
        """
        outcomes: dict[str, Outcome] = {}
        left = list(connection_ids)
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            for pause in (*_PAUSES, None):
                outcomes |= zip(left, pool.map(partial(self.post, text=text), left), strict=True)
                left = [each for each in left if outcomes[each] is Outcome.FAILED]
                if not left or pause is None:
                    break
                time.sleep(pause)
        return outcomes

    def close(self, connection_id: str) -> None:
        """Close a connection, if that can be had: it is told nothing any more in any case, and ends by itself."""
        try:
            self._client.delete_connection(ConnectionId=connection_id)
        except self._client.exceptions.GoneException:
            pass
        except (BotoCoreError, ClientError) as error:
            logger.warning("a connection can't be closed", extra={"reason": type(error).__name__})
