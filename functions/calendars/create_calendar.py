"""createCalendar: POST /v1/calendars."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.calendars import operations
from ticketing.calendars.models import CalendarCreate


@endpoint(Operation.CREATE_CALENDAR)
def handler(request: Request) -> Response:
    """Create a calendar."""
    calendar = operations.create_calendar(request.caller, request.body(CalendarCreate))
    location = {"Location": f"{request.path}/{calendar.id}"}
    return Response(201, operations.presented(calendar), etag=calendar.version, headers=location)
