"""Requests to an OpenSearch cluster: signed, with a time limit, and retried where a retry may help.

There is no client of AWS for what is in a cluster, and none is installed for it: botocore signs and sends.
See docs/decisions/0036-opensearch-behind-the-same-port.md.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from aws_lambda_powertools.logging import Logger
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from ticketing.aws import clients
from ticketing.aws.failures import cause_of, is_transient
from ticketing.deployment import DEPLOYMENT
from ticketing.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from ticketing.aws.data import Cluster

logger = Logger()

READING: Final = 4.0
"""Seconds that the answer to a search may take: three attempts end within the time of an operation."""

WRITING: Final = 15.0
"""Seconds that writing may take, which waits for the next refresh of the index."""

PAUSES: Final = (0.2, 0.8)
"""Seconds before each retry, at most; at least half of it (jitter)."""

_RETRIED: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class RefusedError(Exception):
    """OpenSearch refused a request. What it said about it is not kept: it may quote what was searched or written."""

    def __init__(self, status: int, kind: str) -> None:
        super().__init__(f"{status} {kind}")
        self.status = status
        self.kind = kind
        """OpenSearch's name of the error, such as `index_not_found_exception`."""


class Requests:
    """Requests to a cluster. All of them are idempotent, so all may be sent again."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def send(  # noqa: PLR0913 - a request has many parts, most of them by name
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        parameters: Mapping[str, str] | None = None,
        seconds: float = READING,
        pauses: Sequence[float] = PAUSES,
    ) -> dict[str, Any]:
        """Return the answer to a request, which is JSON. Bytes are JSON objects, one a line.

        Raises
        ------
        RefusedError
            OpenSearch answered with an error that a retry would not change.
        ServiceUnavailableError
            It throttled, failed or did not answer, also after the pauses.
        """
        data = body if isinstance(body, bytes) else b"" if body is None else encoded(body)
        kind = "application/x-ndjson" if isinstance(body, bytes) else "application/json"
        url = f"{self._cluster.endpoint}/{path}"
        if parameters:
            url += f"?{urlencode(parameters)}"
        for pause in (*pauses, None):
            try:
                status, answer = self._sent(AWSRequest(method, url, {"Content-Type": kind}, data), seconds)
                if status not in _RETRIED:
                    break
                cause: str = str(int(status))
            except BotoCoreError as error:
                if not is_transient(error):
                    raise
                cause = cause_of(error)
            if pause is None:
                logger.warning("OpenSearch does not answer", extra={"cause": cause})
                message = "The search index can't be reached. Repeat the request in a moment."
                raise ServiceUnavailableError(message)
            wait(pause)
        if status >= HTTPStatus.BAD_REQUEST:
            raise RefusedError(status, _kind(answer))
        found: dict[str, Any] = json.loads(answer or b"{}")
        return found

    def _sent(self, request: AWSRequest, seconds: float) -> tuple[int, bytes]:
        SigV4Auth(self._cluster.credentials(), "es", DEPLOYMENT.region).add_auth(request)
        answer = clients.http(seconds).send(request.prepare())
        return answer.status_code, answer.content


def encoded(value: Mapping[str, Any]) -> bytes:
    """Return a JSON object as bytes, on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def wait(pause: float) -> None:
    """Wait for so many seconds at most, and at least half of it."""
    time.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - jitter, not a secret


def _kind(answer: bytes) -> str:
    """Return OpenSearch's name of an error; a load balancer's answer has none."""
    try:
        return str(json.loads(answer)["error"]["type"])
    except (LookupError, TypeError, ValueError):
        return "unknown"
