"""What checks are given: a deployed stack, its outputs and parameters, and clients of AWS."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import boto3
import httpx

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

_SECONDS = 30


@dataclass(frozen=True)
class Deployment:
    """A stack as it is deployed. `session` has the credentials; the addresses lead to the API and to live updates."""

    name: str
    session: boto3.Session
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    api_url: str
    live_url: str

    @classmethod
    def of(cls, name: str, session: boto3.Session, api_url: str | None = None, live_url: str | None = None) -> Self:
        """Return the stack of this name; the APIs are where its outputs say, unless told otherwise."""
        stack: StackTypeDef
        (stack,) = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
        parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}
        api_url, live_url = api_url or outputs.get("ApiUrl", ""), live_url or outputs.get("LiveUrl", "")
        return cls(name, session, outputs, parameters, api_url, live_url)

    def ask(self, method: str, path: str, **headers: str) -> httpx.Response:
        """Send a request without a token."""
        return httpx.request(method, f"{self.api_url}{path}", headers=headers, timeout=_SECONDS)

    @cached_property
    def resources(self) -> Mapping[str, Mapping[str, str]]:
        """The physical ids of the stack's resources, by logical id, by type."""
        found: dict[str, dict[str, str]] = {}
        for each in self._summaries():
            found.setdefault(each[0], {})[each[1]] = each[2]
        return found

    def _summaries(self) -> Iterator[tuple[str, str, str]]:
        pages = self.session.client("cloudformation").get_paginator("list_stack_resources")
        for page in pages.paginate(StackName=self.name):
            for each in page["StackResourceSummaries"]:
                yield each["ResourceType"], each["LogicalResourceId"], each.get("PhysicalResourceId", "")


type Check = Callable[[Deployment], list[str]]
