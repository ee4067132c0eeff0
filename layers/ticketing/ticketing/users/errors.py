"""The errors of users, tenants and API keys, as the contract's responses."""

from ticketing.errors import ApiError


class UserNotFoundError(ApiError):
    """There is no such user, or the caller may not see them."""

    status = 404
    code = "user_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such user.")


class TenantNotFoundError(ApiError):
    """The caller's tenant does not exist: it is being created or deleted."""

    status = 404
    code = "tenant_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such tenant.")


class ApiKeyNotFoundError(ApiError):
    """The tenant has no such API key."""

    status = 404
    code = "api_key_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such API key.")


class DeletionNotFoundError(ApiError):
    """No tenant with this id was deleted, or somebody else requested it."""

    status = 404
    code = "deletion_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such deletion.")


class InvitationNotFoundError(ApiError):
    """Nobody invites the caller under this id: the invitation was withdrawn, has expired, or never existed."""

    status = 404
    code = "invitation_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such invitation.")


class UserExistsError(ApiError):
    """A user of this tenant has this e-mail address. Nobody is told about other tenants."""

    status = 409
    code = "user_exists"

    def __init__(self) -> None:
        super().__init__("A user of your tenant has this e-mail address already.")


class InvitedRecentlyError(ApiError):
    """The tenant invited the address a short while ago, in the same role and with the same name."""

    status = 429
    code = "invited_recently"

    def __init__(self, seconds: int) -> None:
        super().__init__("Your tenant has just invited this address. Wait before you send another email.")
        self.retry_after = seconds


class TooManyInvitationsError(ApiError):
    """The tenant has used up the day's invitations."""

    status = 429
    code = "too_many_invitations"

    def __init__(self, seconds: int) -> None:
        super().__init__("The tenant's invitations of this day are used up. They count anew at 00:00 UTC.")
        self.retry_after = seconds


class TenantNameTakenError(ApiError):
    """Another tenant has this name."""

    status = 409
    code = "tenant_name_taken"

    def __init__(self) -> None:
        super().__init__("Another tenant has this name. Choose another.")


class LastAdminError(ApiError):
    """The change would leave the tenant without an active admin."""

    status = 409
    code = "last_admin"

    def __init__(self) -> None:
        super().__init__("This is the tenant's last admin. Make somebody else an admin first.")


class EmailDomainNotAllowedError(ApiError):
    """The tenant's settings do not allow addresses of this domain."""

    status = 422
    code = "email_domain_not_allowed"
