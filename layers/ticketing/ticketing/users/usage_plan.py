"""The rate limit of a tenant: its key in API Gateway's usage plan, which counts and throttles its requests.

This key is no credential. The authorizer returns it for each allowed request (`usageIdentifierKey`), so its value need
not be secret: it is derived from the tenant's id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient

_PAGE: Final = 500
"""The most keys that API Gateway lists in one response."""


class UsagePlanNotFoundError(Exception):
    """There is no usage plan of this name: the deployment is incomplete."""


_KEY: Final = "requests-of-tenant-"


def usage_key(tenant_id: str) -> str:
    """Return the name and value of a tenant's key: 20 to 83 characters. API Gateway accepts 20 to 128."""
    return f"{_KEY}{tenant_id}"


class UsagePlan:
    """The tenants' keys in one usage plan. All methods are idempotent."""

    def __init__(self, client: APIGatewayClient, plan_name: str) -> None:
        self._client = client
        self._plan_name = plan_name

    def ensure_key(self, tenant_id: str) -> None:
        """Create the tenant's key, and add it to the usage plan.

        Raises
        ------
        UsagePlanNotFoundError
            The usage plan does not exist.
        """
        plan_id = self._plan_id()
        value = usage_key(tenant_id)
        try:
            key_id = self._client.create_api_key(name=value, value=value, enabled=True)["id"]
        except self._client.exceptions.ConflictException:
            known = next(self._ids(value), None)
            if known is None:
                raise  # it exists but is not listed yet: a retry finds it
            key_id = known
        try:
            self._client.create_usage_plan_key(usagePlanId=plan_id, keyId=key_id, keyType="API_KEY")
        except self._client.exceptions.ConflictException:
            return  # the plan has the key already

    def list_keys(self) -> frozenset[str]:
        """Return the names of all keys in the usage plan: two requests, and one more for each 500 keys.

        Raises
        ------
        UsagePlanNotFoundError
            The usage plan does not exist.
        """
        plan_keys = self._client.get_paginator("get_usage_plan_keys")
        pages = plan_keys.paginate(usagePlanId=self._plan_id(), PaginationConfig={"PageSize": _PAGE})
        return frozenset(key["name"] for page in pages for key in page["items"])

    def tenants(self) -> frozenset[str]:
        """Return the ids of all tenants, as far as they have their keys; raises as `list_keys`."""
        return frozenset(name.removeprefix(_KEY) for name in self.list_keys() if name.startswith(_KEY))

    def delete_key(self, tenant_id: str) -> None:
        """Delete the tenant's key, which also removes it from the usage plan."""
        for key_id in self._ids(usage_key(tenant_id)):
            try:
                self._client.delete_api_key(apiKey=key_id)
            except self._client.exceptions.NotFoundException:
                continue

    def _ids(self, value: str) -> Iterator[str]:
        """Yield the ids of the keys with exactly this name. API Gateway's query matches prefixes."""
        pages = self._client.get_paginator("get_api_keys").paginate(nameQuery=value, includeValues=False)
        yield from (key["id"] for page in pages for key in page["items"] if key.get("name") == value)

    def _plan_id(self) -> str:
        """Return the usage plan's id, by its name: the stack creates the plan after the functions that use it."""
        for page in self._client.get_paginator("get_usage_plans").paginate():
            for plan in page["items"]:
                if plan.get("name") == self._plan_name:
                    return plan["id"]
        raise UsagePlanNotFoundError(self._plan_name)


def usage_plan() -> UsagePlan:
    """Return the deployment's usage plan."""
    return UsagePlan(clients.apigateway(), DEPLOYMENT.usage_plan_name)
