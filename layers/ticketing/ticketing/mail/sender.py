"""Sends emails by SES, and tells its failures apart: retry, permanent, or unknown."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004 - botocore's own

from ticketing.mail.errors import NotSentError, RefusedError, UnknownOutcomeError

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

    from ticketing.mail.rules import Reason

_PAUSES: Final = (0.2, 0.8)
"""Seconds to wait before an email is retried; after that, the event is retried."""

_PERMANENT: Final = frozenset({"BadRequestException", "MessageRejected"})
"""What SES answers where it will never send this email, such as to an invalid address."""


@dataclass(frozen=True, slots=True)
class Email:
    """An email to one person: the template of its reason, the template's values, and the unsubscribe link."""

    to: str
    reason: Reason
    values: Mapping[str, Any]
    unsubscribe: str
    tags: Mapping[str, str]
    """SES returns them with a bounce or a complaint: letters, digits, `_` and `-`."""


class MailSender:
    """Sends emails from one address, with one set of templates, whose names are `<prefix>-<reason>`."""

    def __init__(self, client: SESV2Client, sender: str, templates: str, configuration_set: str) -> None:
        self._client = client
        self._sender = sender
        self._templates = templates
        self._configuration_set = configuration_set

    def send(self, email: Email) -> None:
        """Send an email at most once: it is retried only after a failure that says that it was not sent.

        Raises
        ------
        NotSentError
            SES throttled, failed, or can't be reached.
        RefusedError
            SES refused this email, which is permanent.
        UnknownOutcomeError
            SES did not answer in time.
        """
        for pause in (*_PAUSES, None):
            try:
                self._try(email)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in _PERMANENT:
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

    def _try(self, email: Email) -> None:
        self._client.send_email(
            FromEmailAddress=self._sender,
            Destination={"ToAddresses": [email.to]},
            ConfigurationSetName=self._configuration_set,
            EmailTags=[{"Name": name, "Value": value} for name, value in email.tags.items()],
            Content={
                "Template": {
                    "TemplateName": f"{self._templates}-{email.reason}",
                    "TemplateData": json.dumps(email.values, ensure_ascii=False),
                    "Headers": [
                        {"Name": "List-Unsubscribe", "Value": f"<{email.unsubscribe}>"},
                        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
                    ],
                }
            },
        )
