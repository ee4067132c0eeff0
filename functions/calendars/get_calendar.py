"""getCalendar: GET /v1/calendars/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.calendars.errors import CalendarNotFoundError
from ticketing.calendars.operations import presented
from ticketing.calendars.repository import CalendarRepository
from ticketing.calendars.rules import find


@endpoint(Operation.GET_CALENDAR)
def handler(request: Request) -> Response:
    """Answer the calendar."""
    calendar_id = request.id_or(CalendarNotFoundError)
    calendar = find(CalendarRepository(of_caller(request.caller)).read().calendars, calendar_id)
    if request.has_current(calendar.version):
        return Response(304, etag=calendar.version)
    return Response(200, presented(calendar), etag=calendar.version)
