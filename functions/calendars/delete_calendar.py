"""deleteCalendar: DELETE /v1/calendars/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.calendars import operations
from ticketing.calendars.errors import CalendarNotFoundError


@endpoint(Operation.DELETE_CALENDAR)
def handler(request: Request) -> Response:
    """Delete the calendar."""
    operations.delete_calendar(request.caller, request.id_or(CalendarNotFoundError), request.expected_version())
    return Response(204)
