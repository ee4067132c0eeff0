"""listReportTickets: GET /v1/reports/tickets."""

from functools import partial

from ticketing.access.permissions import Operation
from ticketing.analytics.operations import open_number
from ticketing.analytics.presenting import presented_tickets, ticket_rows
from ticketing.analytics.queries import ReportTicketsQuery
from ticketing.analytics.sheets import sheet, wanted
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.search.engines import reporting_index_of_caller
from ticketing.search.index_queue import rebuild


@endpoint(Operation.LIST_REPORT_TICKETS, takes_query=True)
def handler(request: Request) -> Response:
    """Answer one page of the tickets behind a number of a report, as JSON or as a sheet."""
    query, caller = request.query(ReportTicketsQuery), request.caller
    index = reporting_index_of_caller(caller)
    behind = open_number(request.grant, query, index, partial(rebuild, caller.tenant_id))
    link = request.next_link(behind.cursor)
    if wanted(request):
        return Response(200, csv=sheet(ticket_rows(behind)), headers=link)
    return Response(200, presented_tickets(behind), headers=link)
