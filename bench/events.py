"""The first event that each operation gets when its start is measured: one that it answers with a success."""

import json
from typing import Any, Final

from bench.aws import ME, OTHER, TENANT

_TICKET = {"title": "VPN drops", "description": "Every ten minutes."}
_WHOLE = _TICKET | {"status": "OPEN", "priority": "LOW", "type": "QUESTION", "reporterId": ME}


def _event(
    body: Any = None,
    *,
    role: str = "admin",
    tenant_id: str = TENANT,
    query: dict[str, str] | None = None,
    **path: str,
) -> dict[str, Any]:
    """Return what API Gateway sends; ids in the path are of somebody's else's thing, unless the path says otherwise."""
    query = query or {}
    return {
        "path": "/v1/tickets",
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json"},
        "pathParameters": {"id": OTHER, "commentId": OTHER, "attachmentId": OTHER, "deliveryId": OTHER, **path},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()},
        "requestContext": {
            "requestId": "bench",
            "stage": "api",
            "authorizer": {"userId": ME, "tenantId": tenant_id, "role": role},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


EVENTS: Final[dict[str, dict[str, Any]]] = {
    "createTicket": _event(_TICKET),
    "listTickets": _event(),
    "getTicket": _event(),
    "replaceTicket": _event(_WHOLE),
    "updateTicket": _event({"title": "VPN drops again"}),
    "deleteTicket": _event(),
    "restoreTicket": _event(),
    "transitionTicket": _event({"to": "OPEN"}),
    "listTicketHistory": _event(),
    "listComments": _event(),
    "createComment": _event({"body": "Which floor?"}),
    "getComment": _event(),
    "updateComment": _event({"body": "Which floor, please?"}),
    "deleteComment": _event(),
    "createAttachment": _event({"fileName": "screen.png", "contentType": "image/png", "size": 12, "sha256": "0" * 64}),
    "listAttachments": _event(),
    "getAttachment": _event(),
    "getAttachmentContent": _event(),
    "deleteAttachment": _event(),
    "watchTicket": _event(),
    "unwatchTicket": _event(),
    "getWatching": _event(),
    "searchTickets": _event(query={"q": "vpn"}),
    "suggestSearch": _event(query={"q": "vp"}),
    "getMe": _event(),
    "updateMe": _event({"name": "Ada L."}),
    "signOut": _event(),
    "listUsers": _event(),
    "getUser": _event(),
    "inviteUser": _event({"email": "ben@example.com", "role": "agent"}),
    "updateUser": _event({"role": "agent"}, id=ME),
    "deactivateUser": _event(id=ME),
    "getTenant": _event(),
    "updateTenant": _event({"name": "Bench 2"}),
    "deleteTenant": _event(query={"name": "Bench"}),
    "getTenantDeletion": _event(id=TENANT),
    "listApiKeys": _event(),
    "createApiKey": _event({"name": "Import", "role": "agent"}),
    "getApiKey": _event(),
    "revokeApiKey": _event(),
    "listWebhooks": _event(),
    "createWebhook": _event({"url": "https://93.184.216.34/hooks", "eventTypes": ["*"]}),
    "getWebhook": _event(),
    "updateWebhook": _event({"description": "Desk"}),
    "deleteWebhook": _event(),
    "rotateSecret": _event({}),
    "listDeliveries": _event(),
    "getDelivery": _event(),
    "redeliver": _event(),
    "listViews": _event(),
    "createView": _event({"name": "My open tickets", "query": "assignee:me status:OPEN"}),
    "countViews": _event(query={"ids": OTHER}),
    "getView": _event(),
    "updateView": _event({"query": "assignee:me"}),
    "deleteView": _event(),
    "listCalendars": _event(),
    "createCalendar": _event({"name": "Support", "hours": {"monday": [{"from": "09:00", "to": "17:00"}]}}),
    "getCalendar": _event(),
    "updateCalendar": _event({"name": "Support, Berlin"}),
    "deleteCalendar": _event(),
    "getReport": _event(query={"by": "assignee"}, report="volume"),
    "listReportTickets": _event(query={"report": "volume", "figure": "created"}),
    "listAuditEvents": _event(),
    "listInvitations": _event(role="newcomer", tenant_id=""),
}
"""By operation, but createTenant, which takes three clients, and acceptInvitation, whose account is no tenant's."""

TWO_CLIENTS: Final = frozenset(
    {
        "deleteAttachment",
        "inviteUser",
        "updateUser",
        "deactivateUser",
        "deleteTenant",
        "getReport",
        "listReportTickets",
        "redeliver",
        "searchTickets",
        "signOut",
        "suggestSearch",
    }
)
"""The operations that ask another service of AWS beside DynamoDB."""
