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


class UserExistsError(ApiError):
    """Another user has this e-mail address, in this tenant or elsewhere."""

    status = 409
    code = "user_exists"

    def __init__(self) -> None:
        super().__init__("This e-mail address can't be invited: somebody uses it already.")


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
