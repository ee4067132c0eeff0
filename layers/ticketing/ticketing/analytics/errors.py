"""The errors of reports."""

from ticketing.errors import ApiError, ServiceUnavailableError


class ReportNotFoundError(ApiError):
    """There is no report of this name."""

    status = 404
    code = "report_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such report.")


class ReportsUnavailableError(ServiceUnavailableError):
    """The engine that searches here has no facts of tickets: OpenSearch alone."""

    code = "reports_unavailable"
    retry_after = 3600

    def __init__(self) -> None:
        super().__init__("Reports need the embedded search index, which this deployment does not keep.")
