"""What the document promises of the operations on users, tenants and API keys: every answer that one can provoke."""

from datetime import datetime, timedelta
from urllib.parse import quote
from uuid import uuid4

from tests.contract.attempts import SOMEBODY, Attempt, Valid, World
from tests.harness.people import DOMAIN
from ticketing import clock
from ticketing.dynamodb.attributes import to_item
from ticketing.people.keys import user_key

INVITED_AGAIN = f"{uuid4()}@{DOMAIN}"
INVITED_TWICE = f"{uuid4()}@{DOMAIN}"


def users(_: World) -> str:
    return "/v1/users"


def me(_: World) -> str:
    return "/v1/users/me"


def my_sessions(_: World) -> str:
    return "/v1/users/me/sign-out"


def somebody(world: World) -> str:
    return f"/v1/users/{world.own.invite()['id']}"


def nobody(_: World) -> str:
    return f"/v1/users/{SOMEBODY}"


def the_last_admin(world: World) -> str:
    return f"/v1/users/{world.own.admin.get('/v1/users/me').json()['id']}"


def the_ghost(world: World) -> str:
    return f"/v1/users/{world.gone.admin.get('/v1/users/me').json()['id']}"


def an_api_key_as_a_user(world: World) -> str:
    return f"/v1/users/{an_api_key(world).rpartition('/')[2]}"


def invited_before(world: World) -> str:
    world.own.invite(email=INVITED_TWICE)
    return "/v1/users"


def invited_again(world: World) -> str:
    """Invite somebody as of some minutes ago: in the same minute it would be taken for the same request."""
    user = world.own.invite("agent", email=INVITED_AGAIN)
    until = datetime.fromisoformat(user["invitedUntil"]) - timedelta(minutes=5)
    world.stack.client("dynamodb").update_item(
        TableName=world.stack.outputs["UsersTableName"],
        Key=to_item(user_key(world.own.id, user["id"])),
        UpdateExpression="SET invitedUntil = :until",
        ExpressionAttributeValues=to_item({":until": clock.timestamp(until)}),
    )
    return "/v1/users"


def invitations(_: World) -> str:
    return "/v1/users/me/invitations"


def an_invitation(world: World) -> str:
    return f"/v1/users/me/invitations/{world.own.id}/accept"


def audit_events(_: World) -> str:
    return "/v1/audit-events"


def tenant(_: World) -> str:
    return "/v1/tenant"


def tenant_by_name(world: World) -> str:
    return f"/v1/tenant?name={quote(world.own.name)}"


def tenant_that_leaves(world: World) -> str:
    return f"/v1/tenant?name={quote(world.leaving.name)}"


def deletion(world: World) -> str:
    return f"/v1/tenant-deletions/{world.left.id}"


def no_deletion(world: World) -> str:
    return f"/v1/tenant-deletions/{world.own.id}"


def api_keys(_: World) -> str:
    return "/v1/api-keys"


def an_api_key(world: World) -> str:
    return str(world.own.admin.post("/v1/api-keys", json={"name": "A key", "role": "agent"}).headers["Location"])


def no_api_key(_: World) -> str:
    return f"/v1/api-keys/{SOMEBODY}"


def invitation(_: World) -> dict[str, str]:
    return {"email": f"{uuid4()}@{DOMAIN}", "role": "agent", "name": "Ben"}


def founding(_: World) -> dict[str, str]:
    return {"name": f"Tenant {uuid4()}", "adminName": "Mira"}


def taken_name(world: World) -> dict[str, str]:
    return {"name": world.acme_name.upper()}


def address_of_somebody_else(world: World) -> dict[str, str]:
    return {"email": world.own.email, "role": "agent"}


VALID = {
    "inviteUser": Valid("POST", users, invitation, "owner", status=201),
    "listUsers": Valid("GET", users, by="owner"),
    "getMe": Valid("GET", me, by="owner"),
    "updateMe": Valid("PATCH", me, {"locale": "pt-PT", "notifications": {"commented": False}}, "owner"),
    "signOut": Valid("POST", my_sessions, by="leaving_member", status=204),
    "getUser": Valid("GET", somebody, by="owner"),
    "updateUser": Valid("PATCH", somebody, {"role": "agent"}, "owner"),
    "deactivateUser": Valid("DELETE", somebody, by="owner", status=204),
    "listInvitations": Valid("GET", invitations, by="newcomer"),
    "acceptInvitation": Valid("POST", an_invitation, by="invited"),
    "listAuditEvents": Valid("GET", audit_events, by="owner"),
    "createTenant": Valid("POST", tenant, founding, "newcomer", status=201),
    "getTenant": Valid("GET", tenant, by="owner"),
    "updateTenant": Valid("PATCH", tenant, {"settings": {"autoCloseDays": 14}}, "owner"),
    "deleteTenant": Valid("DELETE", tenant_that_leaves, by="leaver", status=202),
    "getTenantDeletion": Valid("GET", deletion, by="former"),
    "createApiKey": Valid("POST", api_keys, {"name": "Monitoring", "role": "reporter"}, "owner", status=201),
    "listApiKeys": Valid("GET", api_keys, by="owner"),
    "getApiKey": Valid("GET", an_api_key, by="owner"),
    "revokeApiKey": Valid("DELETE", an_api_key, by="owner", status=204),
}

FOR_ADMINS = (
    *("inviteUser", "updateUser", "deactivateUser", "updateTenant", "listAuditEvents"),
    *("listApiKeys", "createApiKey", "getApiKey", "revokeApiKey"),
)
ATTEMPTS = [
    # Each role, and whoever has none
    *(Attempt(name, 403, by="member") for name in (*FOR_ADMINS, "listUsers")),
    *(Attempt(name, 403, by="newcomer") for name in (*FOR_ADMINS, "getMe", "updateMe", "signOut", "getTenant")),
    Attempt("createTenant", 403, by="owner"),
    Attempt("listInvitations", 403, by="owner"),
    Attempt("acceptInvitation", 403, by="owner"),
    Attempt("deleteTenant", 403, by="member", given=tenant_by_name),
    Attempt("deleteTenant", 403, by="key", given=tenant_by_name),
    Attempt("createApiKey", 403, by="key"),
    Attempt("updateMe", 403, by="key"),
    Attempt("signOut", 403, by="key"),
    # A tenant that is gone
    Attempt("getTenant", 404, by="ghost", code="tenant_not_found"),
    Attempt("updateTenant", 404, by="ghost", code="tenant_not_found"),
    Attempt("deleteTenant", 404, by="ghost", code="tenant_not_found"),
    Attempt("inviteUser", 404, by="ghost", code="tenant_not_found"),
    Attempt("updateUser", 404, "ghost", the_ghost, code="tenant_not_found"),
    Attempt("deactivateUser", 404, "ghost", the_ghost, code="tenant_not_found"),
    Attempt("createApiKey", 404, by="ghost", code="tenant_not_found"),
    # Users
    Attempt("inviteUser", 200, given=invited_before, body={"email": INVITED_TWICE, "role": "agent"}),
    Attempt(
        "inviteUser", 429, given=invited_again, body={"email": INVITED_AGAIN, "role": "agent"}, code="invited_recently"
    ),
    Attempt("inviteUser", 409, body=address_of_somebody_else, code="user_exists"),
    Attempt("inviteUser", 422, body={"email": "a@b.example", "role": "agent"}, code="email_domain_not_allowed"),
    Attempt("listInvitations", 200, by="invited"),
    Attempt("acceptInvitation", 404, by="newcomer", code="invitation_not_found"),
    Attempt("acceptInvitation", 409, by="founder", code="conflict"),
    Attempt("listUsers", 200, query="?role=admin&active=true&limit=1"),
    Attempt("listUsers", 200, query=f"?email={INVITED_TWICE[:8]}"),
    Attempt("listUsers", 200, query="?q=a&limit=1"),
    Attempt("listUsers", 400, query="?q="),
    Attempt("listUsers", 400, query="?active=yes"),
    Attempt("listUsers", 400, query="?cursor=AAAA"),
    Attempt("getMe", 200, by="key"),
    Attempt("getMe", 304, headers={"If-None-Match": "*"}),
    Attempt("getMe", 404, by="unknown", code="user_not_found"),
    Attempt("updateMe", 400, body={"timeZone": "Middle/Earth"}),
    Attempt("updateMe", 404, by="unknown", code="user_not_found"),
    Attempt("signOut", 404, by="unknown", code="user_not_found"),
    Attempt("getUser", 200, given=an_api_key_as_a_user),
    Attempt("getUser", 304, headers={"If-None-Match": "*"}),
    Attempt("getUser", 404, given=nobody, code="user_not_found"),
    Attempt("getUser", 404, by="member", code="user_not_found"),
    Attempt("updateUser", 404, given=an_api_key_as_a_user, code="user_not_found"),
    Attempt("updateUser", 409, given=the_last_admin, code="last_admin"),
    Attempt("deactivateUser", 404, given=an_api_key_as_a_user, code="user_not_found"),
    Attempt("deactivateUser", 409, given=the_last_admin, code="last_admin"),
    # Tenants
    Attempt("createTenant", 409, body=taken_name, code="tenant_name_taken"),
    Attempt("createTenant", 409, by="founder", code="conflict"),
    Attempt("getTenant", 304, headers={"If-None-Match": "*"}),
    Attempt("getTenant", 200, by="member"),
    Attempt("updateTenant", 400, body={"settings": {"autoCloseDays": 0}}),
    Attempt("updateTenant", 400, body={"settings": {"timeZone": "Middle/Earth"}}),
    Attempt("updateTenant", 409, body=taken_name, code="tenant_name_taken"),
    Attempt("deleteTenant", 400, by="owner", given=tenant),
    Attempt("deleteTenant", 400, by="owner", given=tenant, query="?name=Another"),
    Attempt("deleteTenant", 400, by="owner", given=tenant_by_name, query="?colour=red"),
    Attempt("getTenantDeletion", 404, given=no_deletion, code="deletion_not_found"),
    Attempt("getTenantDeletion", 404, by="owner", code="deletion_not_found"),
    # The audit trail
    Attempt("listAuditEvents", 200, query="?limit=1"),
    Attempt("listAuditEvents", 400, query="?cursor=AAAA"),
    # API keys
    Attempt("createApiKey", 201, body={"name": "A", "role": "agent", "expiresAt": "2999-01-01T00:00:00Z"}),
    Attempt("createApiKey", 400, body={"name": "A", "role": "agent", "expiresAt": "2001-01-01T00:00:00Z"}),
    Attempt("listApiKeys", 200, query="?limit=1"),
    Attempt("listApiKeys", 400, query="?cursor=AAAA"),
    Attempt("getApiKey", 404, given=no_api_key, code="api_key_not_found"),
    Attempt("revokeApiKey", 404, given=no_api_key, code="api_key_not_found"),
]

LOST_RACES = "it takes five lost races in a row; the unit tests have them"
NOT_ON_DEMAND = {(name, 409): LOST_RACES for name in ("updateMe", "deleteTenant", "createApiKey")}
