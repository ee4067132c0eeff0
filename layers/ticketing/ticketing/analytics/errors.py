"""The errors of reports."""

from ticketing.errors import ServiceUnavailableError


class ReportsUnavailableError(ServiceUnavailableError):
    """The engine that searches here has no facts of tickets: OpenSearch alone."""

    code = "reports_unavailable"
    retry_after = 3600

    def __init__(self) -> None:
        super().__init__("Reports need the embedded search index, which this deployment does not keep.")
