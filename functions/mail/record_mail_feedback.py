"""recordMailFeedback: unsubscribes people whose emails bounce permanently (hard bounces), or who complain about one.

It also counts the emails that SES accepted and then did not send, for an alarm.
"""

from typing import Any

from ticketing.aws.data import of_tenant
from ticketing.events.consumer import Work, job
from ticketing.mail.feedback import feedback_in, not_sent
from ticketing.mail.recipients import Recipients


@job("recordMailFeedback")
def handler(event: dict[str, Any], work: Work) -> None:
    """Record one of SES's events, which a rule on the default bus sends. It is idempotent.

    Failures are left to Lambda, which retries twice and then sends the event to FailedEvents.
    """
    feedback = feedback_in(event["detail"])
    stopped = feedback is not None and Recipients(of_tenant(feedback.tenant_id)).stop(
        feedback.user_id, feedback.reason, address=feedback.address
    )
    work.log(kind=event["detail"]["eventType"], stopped=stopped)
    if (failure := not_sent(event["detail"])) is not None:
        work.log(**failure)
        work.count("MailsNotSent")
    work.count("MailsStopped", int(stopped), reason=feedback.reason.value if feedback else "none")
