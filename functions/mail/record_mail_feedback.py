"""recordMailFeedback: switches the mail of those off whose mails bounce for good, or who complain about one."""

from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from ticketing.aws.data import of_tenant
from ticketing.mail.feedback import feedback_in
from ticketing.mail.recipients import Readers

logger = Logger(service="notifications")
metrics = Metrics(namespace="TicketSystem", service="notifications")


def handler(event: dict[str, Any], _context: Any) -> None:  # noqa: ANN401 - Lambda's own type
    """Take one of SES's events, as EventBridge hands it on. The same one again changes nothing.

    DynamoDB's failures are left to Lambda, which tries twice more and then puts the event into FailedEvents.
    """
    feedback = feedback_in(event["detail"])
    stopped = feedback is not None and Readers(of_tenant(feedback.tenant_id)).stop(
        feedback.user_id, feedback.reason, address=feedback.address
    )
    logger.info("recordMailFeedback", extra={"kind": event["detail"]["eventType"], "stopped": stopped})
    metrics.add_dimension("reason", feedback.reason.value if feedback else "none")
    metrics.add_metric("MailsStopped", MetricUnit.Count, int(stopped))
    metrics.flush_metrics()
