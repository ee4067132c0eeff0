"""SES's events: whom bounces and complaints unsubscribe, and which emails were not sent at all.

SES publishes them by the configuration set, with the tags of the email: tenant and user.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ticketing.users.states import MailOff

_FALSE_ALARM: Final = "not-spam"
"""The kind of complaint that takes one back: somebody moved an email out of their spam folder."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """Whom to unsubscribe, why, and which address the email went to."""

    tenant_id: str
    user_id: str
    address: str
    reason: MailOff


def feedback_in(detail: Mapping[str, Any]) -> Feedback | None:
    """Return whom SES's event unsubscribes, or None: a soft bounce, or an email that this system did not send.

    Parameters
    ----------
    detail
        The `detail` of the event on EventBridge: SES's record of the bounce or complaint.

    Raises
    ------
    KeyError, IndexError
        It is no such record.
    """
    reason = _reason(detail)
    mail = detail["mail"]
    tags = mail.get("tags", {})
    if reason is None or "tenant" not in tags or "user" not in tags:
        return None
    return Feedback(tags["tenant"][0], tags["user"][0], mail["destination"][0], reason)


def not_sent(detail: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return why SES did not send an email that it had accepted, or None if it did send it.

    SES says so afterwards only: it rejects what looks like malware, and can't render a template that lacks a value.
    None of the fields holds anything of a ticket.
    """
    match detail["eventType"]:
        case "Reject":
            return {"reason": str(detail["reject"]["reason"])}
        case "Rendering Failure":
            failure = detail["failure"]
            return {"reason": str(failure["errorMessage"]), "template": str(failure["templateName"])}
        case _:
            return None


def _reason(detail: Mapping[str, Any]) -> MailOff | None:
    match detail["eventType"]:
        case "Bounce" if detail["bounce"]["bounceType"] == "Permanent":
            return MailOff.BOUNCED
        case "Complaint" if detail["complaint"].get("complaintFeedbackType") != _FALSE_ALARM:
            return MailOff.COMPLAINED
        case _:
            return None
