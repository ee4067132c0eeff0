"""updateCalendar: PATCH /v1/calendars/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.calendars.errors import CalendarNotFoundError
from ticketing.calendars.models import CalendarUpdate
from ticketing.calendars.operations import edit_calendar, presented


@endpoint(Operation.UPDATE_CALENDAR)
def handler(request: Request) -> Response:
    """Change the calendar's name, time zone, hours or holidays, or make it the default or no default."""
    calendar_id, expected = request.id_or(CalendarNotFoundError), request.expected_version()
    calendar = edit_calendar(request.caller, calendar_id, request.body(CalendarUpdate), expected)
    return Response(200, presented(calendar), etag=calendar.version)
