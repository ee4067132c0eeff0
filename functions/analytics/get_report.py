"""getReport: GET /v1/reports/{report}."""

from functools import partial

from ticketing.access.permissions import Operation
from ticketing.analytics.errors import ReportNotFoundError
from ticketing.analytics.models import ReportName
from ticketing.analytics.operations import make_report
from ticketing.analytics.presenting import presented_report, report_rows
from ticketing.analytics.queries import ReportQuery
from ticketing.analytics.sheets import sheet, wanted
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.search.engines import reporting_index_of_caller
from ticketing.search.index_queue import rebuild


@endpoint(Operation.GET_REPORT, takes_query=True)
def handler(request: Request) -> Response:
    """Answer the report, as JSON or as a sheet."""
    name = request.one_of(ReportName, "report", ReportNotFoundError)
    query, caller = request.query(ReportQuery), request.caller
    index = reporting_index_of_caller(caller)
    made = make_report(request.grant, name, query, index, partial(rebuild, caller.tenant_id))
    if wanted(request):
        return Response(200, csv=sheet(report_rows(made)))
    return Response(200, presented_report(made))
