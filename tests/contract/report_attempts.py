"""What the document promises of reports: every answer that a request can provoke."""

from urllib.parse import quote

from tests.contract.attempts import Attempt, Valid, World
from ticketing.analytics.models import ReportName


def report(_: World) -> str:
    return "/v1/reports/volume"


def tickets(_: World) -> str:
    return "/v1/reports/tickets?report=volume&figure=created"


def no_report(_: World) -> str:
    return "/v1/reports/profits"


def no_number(_: World) -> str:
    return "/v1/reports/tickets?report=volume&figure=lost"


def workload_by_status(_: World) -> str:
    return "/v1/reports/workload?by=status"


VALID = {
    "getReport": Valid("GET", report),
    "listReportTickets": Valid("GET", tickets),
}

PERIODS = (
    "?from=2026-02-01&to=2026-01-31",
    "?from=2016-01-01&to=2025-12-31",
    "?from=0001-01-01&to=0001-01-02",
    "?from=2026-02-30",
    "?to=20260101",
    "?zone=Asia/Tokyo",
    "?zone=Europe/Atlantis",
    "?interval=hour",
    "?clock=sun",
    f"?q={quote('colour:red')}",
)
"""Periods that nobody can mean."""


def _named(name: ReportName) -> "Attempt":
    return Attempt("getReport", 200, given=lambda _: f"/v1/reports/{name}", query="?interval=month&clock=elapsed")


ATTEMPTS = [
    *(_named(name) for name in ReportName),
    *(
        Attempt("getReport", 200, query=query)
        for query in (
            "?from=2026-01-01&to=2026-12-31&zone=UTC&compare=previous",
            "?by=tag,assignee&interval=week&q=vpn",
            f"?q={quote('created:>-7d -reporter:me')}&by=reporter",
        )
    ),
    *(Attempt(name, 200, headers={"Accept": "text/csv"}) for name in VALID),
    *(Attempt(name, 200, by="agent") for name in VALID),
    *(Attempt(name, 403, by=by) for name in VALID for by in ("reporter", "newcomer")),
    *(Attempt(name, 400, query=query) for name in VALID for query in PERIODS),
    *(Attempt("getReport", 400, query=query) for query in ("?by=colour", "?by=tag,tag", "?compare=next")),
    Attempt("getReport", 400, given=workload_by_status),
    Attempt("getReport", 404, given=no_report, code="report_not_found"),
    *(
        Attempt("listReportTickets", 200, query=query)
        for query in ("?group=status%3DNEW", "?group=tag.none%3D&limit=1")
    ),
    *(
        Attempt("listReportTickets", 400, query=query)
        for query in ("?part=400", "?group=colour%3Dred", "?group=agent%3Dx", "?cursor=abc", "?by=tag")
    ),
    Attempt("listReportTickets", 400, given=no_number),
]

NOT_ON_DEMAND: dict[tuple[str, int], str] = {}
