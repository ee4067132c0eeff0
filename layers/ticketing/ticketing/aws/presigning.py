"""Addresses of S3: URLs that let whoever has them do one thing to one object, until they expire.

Signing needs neither a request nor an S3 client, whose service model takes longer to load than all the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from ticketing.deployment import DEPLOYMENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.credentials import Credentials


def presigned(method: str, url: str, headers: Mapping[str, str], credentials: Credentials, seconds: int) -> str:
    """Return a URL with a signature (Signature Version 4) of the method, the whole URL and these headers.

    Whoever uses it has to send the headers exactly as they are here. It is good for so many seconds, and no longer than
    the credentials.
    """
    request = AWSRequest(method, url, headers=dict(headers))
    S3SigV4QueryAuth(credentials, "s3", DEPLOYMENT.region, expires=seconds).add_auth(request)
    return str(request.url)
