"""Handing mails to SES, and what each of its failures means: not sent, never to be sent, or nobody knows."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004 - botocore's own

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

    from ticketing.mail.rules import Reason

_PAUSES: Final = (0.2, 0.8)
"""Seconds to wait before a mail that was not sent is tried again; after that, the event comes again."""

_FOR_GOOD: Final = frozenset({"BadRequestException", "MessageRejected"})
"""What SES answers where this very mail will never be sent, such as to an address that can't be one."""


class NotSentError(Exception):
    """SES has not taken the mail, and may take it later."""


class RefusedError(Exception):
    """SES will never take this mail."""


class UnknownOutcomeError(Exception):
    """SES was told to send the mail and did not answer: it may be on its way."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to one person: where to, from which template, with which values, and the address that stops them."""

    to: str
    reason: Reason
    values: Mapping[str, Any]
    unsubscribe: str
    tags: Mapping[str, str]
    """What comes back with a bounce or a complaint: letters, digits, `_` and `-`."""


class Post:
    """Sends mails from one address by one set of templates, whose names are `<prefix>-<reason>`."""

    def __init__(self, client: SESV2Client, sender: str, templates: str, configuration_set: str) -> None:
        self._client = client
        self._sender = sender
        self._templates = templates
        self._configuration_set = configuration_set

    def send(self, letter: Letter) -> None:
        """Send a mail once at most: it is tried again only after a failure that says that it was not sent.

        Raises
        ------
        NotSentError, RefusedError, UnknownOutcomeError
            SES was throttled, ill, or can't be reached; it refuses this mail for good; it did not answer in time.
        """
        for pause in (*_PAUSES, None):
            try:
                self._try(letter)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in _FOR_GOOD:
                    raise RefusedError(code) from error
                failure: Exception = error
            except ConnectionError as error:  # no connection, so no request
                failure = error
            except HTTPClientError as error:  # the request may have been read, the answer has not been
                raise UnknownOutcomeError(type(error).__name__) from error
            else:
                return
            if pause is None:
                raise NotSentError from failure
            time.sleep(pause)

    def _try(self, letter: Letter) -> None:
        self._client.send_email(
            FromEmailAddress=self._sender,
            Destination={"ToAddresses": [letter.to]},
            ConfigurationSetName=self._configuration_set,
            EmailTags=[{"Name": name, "Value": value} for name, value in letter.tags.items()],
            Content={
                "Template": {
                    "TemplateName": f"{self._templates}-{letter.reason}",
                    "TemplateData": json.dumps(letter.values, ensure_ascii=False),
                    "Headers": [
                        {"Name": "List-Unsubscribe", "Value": f"<{letter.unsubscribe}>"},
                        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
                    ],
                }
            },
        )
