"""listCalendars: GET /v1/calendars."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.calendars.operations import presented
from ticketing.calendars.repository import CalendarRepository


@endpoint(Operation.LIST_CALENDARS)
def handler(request: Request) -> Response:
    """Answer all calendars of the tenant (20 at most), by name."""
    calendars = CalendarRepository(of_caller(request.caller)).read().calendars
    return Response(200, [presented(calendar) for calendar in calendars])
