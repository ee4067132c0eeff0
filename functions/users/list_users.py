"""listUsers: GET /v1/users."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.users.models import UserQuery
from ticketing.users.operations import presented
from ticketing.users.repository import UserFilter, UserRepository
from ticketing.users.sought import Sought


@endpoint(Operation.LIST_USERS, takes_query=True)
def handler(request: Request) -> Response:
    """Return one page of the tenant's people, by name or address."""
    query = request.query(UserQuery)
    wanted = UserFilter(
        role=query.role,
        active=None if query.active is None else query.active == "true",
        name=query.name,
        email=query.email,
        sought=None if query.q is None else Sought.of(query.q),
    )
    page = UserRepository(of_caller(request.caller)).list(wanted, limit=query.limit, cursor=query.cursor)
    return Response(200, [presented(user) for user in page.items], headers=request.next_link(page.cursor))
