"""The demo tenants and users, created at the first start."""

from datetime import UTC, datetime

from local.stack.client import COGNITO, DYNAMODB, CallError, call, invoke

# Fixed, so that a tenant's tickets are found again whatever happens to the user pool.
TENANTS = {
    "acme": "ac3e0000-0000-4000-8000-000000000001",
    "globex": "910be000-0000-4000-8000-000000000002",
}
ROLES = ("admin", "agent", "reporter")
PASSWORD = "Demo-password-1"  # of users that exist on this machine only


def seed(aws_port: int, outputs: dict[str, str], *, deployed: bool = False) -> int:
    """Make the demo tenants and users that are not there yet; return how many users were made.

    A tenant that somebody has deleted stays deleted. What follows from accounts (the users' rows, the tenants' keys in
    the usage plan) is made by the system's own function, as for any user pool that is older than the users table. So is
    what rows of an earlier version lack, after the stack was `deployed` anew.

    Raises
    ------
    CallError
        If Cognito or DynamoDB refuses, or the function fails.
    """
    made, is_whole = 0, True
    for name, tenant_id in TENANTS.items():
        if _item(aws_port, outputs["UsersTableName"], tenant_id, "DELETION") is not None:
            continue
        made += sum(_ensure_user(aws_port, outputs["UserPoolId"], name, role) for role in ROLES)
        tenant = _item(aws_port, outputs["UsersTableName"], tenant_id, "TENANT")
        if tenant is None:
            _make_tenant(aws_port, outputs, name)
        # Its admins are counted as their rows are made.
        is_whole &= tenant is not None and tenant["admins"] != {"N": "0"}
    if made or deployed or not is_whole:
        reconcile(aws_port, outputs)
    return made


def reconcile(aws_port: int, outputs: dict[str, str]) -> None:
    """Let the system bring rows up to date with the user pool and with the deployed version.

    Raises
    ------
    CallError
        If the function fails.
    """
    invoke(aws_port, outputs["ReconcileUsersName"], {"everything": True})


def _item(aws_port: int, table: str, tenant_id: str, kind: str) -> dict[str, object] | None:
    key = {"PK": {"S": f"TENANT#{tenant_id}#{kind}"}, "SK": {"S": kind}}
    found: dict[str, object] | None = call(aws_port, DYNAMODB, "GetItem", {"TableName": table, "Key": key}).get("Item")
    return found


def _make_tenant(aws_port: int, outputs: dict[str, str], name: str) -> None:
    admin: dict[str, object] = {"UserPoolId": outputs["UserPoolId"], "Username": f"admin@{name}.example"}
    attributes = call(aws_port, COGNITO, "AdminGetUser", admin)["UserAttributes"]
    founder = next(attribute["Value"] for attribute in attributes if attribute["Name"] == "sub")
    now = {"S": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    tenant_id = {"S": TENANTS[name]}
    tenant = {
        "PK": {"S": f"TENANT#{TENANTS[name]}#TENANT"},
        "SK": {"S": "TENANT"},
        "id": tenant_id,
        "name": {"S": name.capitalize()},
        "state": {"S": "ACTIVE"},
        "settings": {"M": {}},
        "admins": {"N": "0"},
        "foundedById": {"S": founder},
        "version": {"N": "1"},
        "createdAt": now,
        "updatedAt": now,
    }
    claim = {"PK": {"S": f"NAME#{name}"}, "SK": {"S": "NAME"}, "tenantId": tenant_id}
    puts = [{"Put": {"TableName": outputs["UsersTableName"], "Item": item}} for item in (tenant, claim)]
    call(aws_port, DYNAMODB, "TransactWriteItems", {"TransactItems": puts})


def _ensure_user(aws_port: int, pool_id: str, tenant: str, role: str) -> bool:
    email = f"{role}@{tenant}.example"
    user: dict[str, object] = {"UserPoolId": pool_id, "Username": email}
    if _has_role(aws_port, user, role):
        return False
    attributes = {
        "email": email,
        "email_verified": "true",
        "name": f"{tenant.capitalize()}'s {role}",
        "custom:tenantId": TENANTS[tenant],
    }
    try:
        call(
            aws_port,
            COGNITO,
            "AdminCreateUser",
            {
                **user,
                "MessageAction": "SUPPRESS",
                "UserAttributes": [{"Name": name, "Value": value} for name, value in attributes.items()],
            },
        )
    except CallError as error:
        # A seed that was cut short left the user behind; what is missing follows.
        if error.code != "UsernameExistsException":
            raise
    call(aws_port, COGNITO, "AdminSetUserPassword", {**user, "Password": PASSWORD, "Permanent": True})
    # Last, because it is what tells a finished user from an unfinished one.
    call(aws_port, COGNITO, "AdminAddUserToGroup", {**user, "GroupName": role})
    return True


def _has_role(aws_port: int, user: dict[str, object], role: str) -> bool:
    try:
        groups = call(aws_port, COGNITO, "AdminListGroupsForUser", user)["Groups"]
    except CallError as error:
        if error.code == "UserNotFoundException":
            return False
        raise
    return any(group["GroupName"] == role for group in groups)
