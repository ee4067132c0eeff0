"""How much a tenant may ask of the API: its key in API Gateway's usage plan, which counts and limits its requests.

Such a key identifies nobody and opens nothing. The authorizer names it for each request that it lets through
(`usageIdentifierKey`), so its value may be guessed: it follows from the tenant's id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient

_PAGE: Final = 500
"""How many keys API Gateway lists in one answer, at most."""


class UsagePlanNotFoundError(Exception):
    """There is no usage plan of this name; the deployment is not whole."""


def usage_key(tenant_id: str) -> str:
    """Return name and value of a tenant's key: 20 to 83 characters; API Gateway takes values of 20 to 128."""
    return f"requests-of-tenant-{tenant_id}"


class UsagePlan:
    """The tenants' keys in one usage plan. All that is done here may be done again, with the same result."""

    def __init__(self, client: APIGatewayClient, plan_name: str) -> None:
        self._client = client
        self._plan_name = plan_name

    def ensure_key(self, tenant_id: str) -> None:
        """See to it that the tenant has its key and that the usage plan holds it.

        Raises
        ------
        UsagePlanNotFoundError
            The usage plan is not there.
        """
        plan_id = self._plan_id()
        value = usage_key(tenant_id)
        try:
            key_id = self._client.create_api_key(name=value, value=value, enabled=True)["id"]
        except self._client.exceptions.ConflictException:
            known = next(self._ids(value), None)
            if known is None:
                raise  # it is there but not listed yet: the next try finds it
            key_id = known
        try:
            self._client.create_usage_plan_key(usagePlanId=plan_id, keyId=key_id, keyType="API_KEY")
        except self._client.exceptions.ConflictException:
            return  # it is in the plan already

    def list_keys(self) -> frozenset[str]:
        """Return the names of all keys that the usage plan holds: two requests, and one more for each 500 keys.

        Raises
        ------
        UsagePlanNotFoundError
            The usage plan is not there.
        """
        plan_keys = self._client.get_paginator("get_usage_plan_keys")
        pages = plan_keys.paginate(usagePlanId=self._plan_id(), PaginationConfig={"PageSize": _PAGE})
        return frozenset(key["name"] for page in pages for key in page["items"])

    def delete_key(self, tenant_id: str) -> None:
        """See to it that the tenant has no key; that takes it out of the usage plan, too."""
        for key_id in self._ids(usage_key(tenant_id)):
            try:
                self._client.delete_api_key(apiKey=key_id)
            except self._client.exceptions.NotFoundException:
                continue

    def _ids(self, value: str) -> Iterator[str]:
        """Yield the ids of the keys of exactly this name; the query finds those that start with it."""
        pages = self._client.get_paginator("get_api_keys").paginate(nameQuery=value, includeValues=False)
        yield from (key["id"] for page in pages for key in page["items"] if key.get("name") == value)

    def _plan_id(self) -> str:
        """Return the usage plan's id. It is looked up by name: the plan is made after the functions that ask for it."""
        for page in self._client.get_paginator("get_usage_plans").paginate():
            for plan in page["items"]:
                if plan.get("name") == self._plan_name:
                    return plan["id"]
        raise UsagePlanNotFoundError(self._plan_name)


def usage_plan() -> UsagePlan:
    """Return the tenants' keys in the deployment's usage plan."""
    return UsagePlan(clients.apigateway(), DEPLOYMENT.usage_plan_name)
