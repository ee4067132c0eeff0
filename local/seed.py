"""The demo tenants and users, made once."""

from local.control import COGNITO, CallError, call

# Fixed, so that a tenant's tickets are found again whatever happens to the user pool.
TENANTS = {
    "acme": "ac3e0000-0000-4000-8000-000000000001",
    "globex": "910be000-0000-4000-8000-000000000002",
}
ROLES = ("admin", "agent", "reporter")
PASSWORD = "Demo-password-1"  # of users that exist on this machine only


def seed(aws_port: int, pool_id: str) -> int:
    """Make the demo users that are not there yet; return how many were made.

    Raises
    ------
    CallError
        If Cognito refuses.
    """
    return sum(
        _ensure_user(aws_port, pool_id, f"{role}@{tenant}.example", TENANTS[tenant], role)
        for tenant in TENANTS
        for role in ROLES
    )


def _ensure_user(aws_port: int, pool_id: str, email: str, tenant_id: str, role: str) -> bool:
    user: dict[str, object] = {"UserPoolId": pool_id, "Username": email}
    if _has_role(aws_port, user, role):
        return False
    attributes = {"email": email, "email_verified": "true", "custom:tenantId": tenant_id}
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
