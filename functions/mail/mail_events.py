"""mailEvents: sends emails about the events in MailEventsQueue."""

from typing import Any

from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.events.consumer import BatchResponse, Work, consumer
from ticketing.mail.mail_queue import MAIL_EVENTS, MailEvent
from ticketing.mail.mailer import Limits, Mailer
from ticketing.mail.sender import MailSender
from ticketing.mail.texts import Addresses


def handler(batch: dict[str, Any], context: Any) -> BatchResponse:  # noqa: ANN401 - Lambda's own type
    """Send the emails about a batch of events."""
    # A connection of before the environment was frozen may be dead, and an email that is written to it counts as sent.
    clients.ses().close()
    return _mail(batch, context)


@consumer("mailEvents", MAIL_EVENTS)
def _mail(message: MailEvent, work: Work) -> None:
    """Send the emails about an event to the people whom it concerns."""
    sender = MailSender(
        clients.ses(), DEPLOYMENT.mail_from, DEPLOYMENT.mail_templates, DEPLOYMENT.mail_configuration_set
    )
    limits = Limits(DEPLOYMENT.person_mails_per_minute, DEPLOYMENT.tenant_mails_per_minute)
    Mailer(sender, Addresses(DEPLOYMENT.app_url, DEPLOYMENT.api_url), limits).mail(message, work)
