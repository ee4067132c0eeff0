"""A request: API Gateway's event, parsed on demand and validated against the contract."""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from ticketing.access.identity import Caller
from ticketing.access.permissions import Grant
from ticketing.api.bodies import UUID, Body
from ticketing.api.problems import problems
from ticketing.errors import (
    ApiError,
    BadRequestError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
)

BODY_LIMIT: Final = 256 * 1024
"""The largest body in bytes. API Gateway alone would allow 10 MiB."""

NO_VERSION: Final = 0
"""Stands for an ETag that no ticket ever had."""

_REFUSED: Final = re.compile(r"(^|;)q=0(\.0*)?($|;)")
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_VERSION_ETAG = re.compile(r'"([1-9][0-9]{0,15})"')


@dataclass(frozen=True, slots=True)
class Request:
    """An event of API Gateway (REST, proxy integration). It is parsed on demand, which saves time."""

    event: Mapping[str, Any]
    grant: Grant

    @property
    def caller(self) -> Caller:
        """The caller."""
        return self.grant.caller

    @property
    def path(self) -> str:
        """The path of this request for links. On API Gateway's own domain it starts with the stage.

        Empty segments are left out: a path that starts with `//` would name another host.
        """
        context = self.event["requestContext"]
        on_own_domain = ".execute-api." in str(context.get("domainName", ""))
        steps = [step for step in str(self.event["path"]).split("/") if step]
        return "/" + "/".join([str(context["stage"]), *steps] if on_own_domain else steps)

    @property
    def path_id(self) -> str:
        """The id in the path, as it was sent."""
        return self._path_parameter("id")

    def id_or(self, missing: Callable[[], ApiError], name: str = "id") -> str:
        """Return an id in the path, in lower case. If it is not a UUID, raise the error for a missing resource."""
        value = self._path_parameter(name)
        if not re.fullmatch(UUID, value):
            raise missing()
        return value.lower()

    def one_of[E: StrEnum](self, kind: type[E], name: str, missing: Callable[[], ApiError]) -> E:
        """Return a value in the path that is one of few. If it is none, raise the error for a missing resource."""
        try:
            return kind(self._path_parameter(name))
        except ValueError as error:
            raise missing() from error

    def _path_parameter(self, name: str) -> str:
        return str((self.event.get("pathParameters") or {}).get(name, ""))

    def header(self, name: str) -> str | None:
        """Return a header's value. The case of its name does not matter."""
        headers: Mapping[str, str] = self.event.get("headers") or {}
        return next((value for key, value in headers.items() if key.lower() == name), None)

    def query[M: Body](self, model: type[M]) -> M:
        """Return the query's parameters as the model.

        Raises
        ------
        BadRequestError
            A parameter is unknown, invalid, or given twice though it has one value.
        """
        given: Mapping[str, list[str]] = self.event.get("multiValueQueryStringParameters") or {}
        message = "The query is not what this operation takes."
        repeated = [name for name, values in given.items() if len(values) > 1 and name not in model.REPEATABLE]
        if repeated:
            raise BadRequestError(message, [f"{name}: given more than once" for name in repeated])
        try:
            return model.model_validate({name: ",".join(values) for name, values in given.items()})
        except ValidationError as error:
            raise BadRequestError(message, problems(error)) from error

    def next_link(self, cursor: str | None) -> dict[str, str]:
        """Return the `Link` header to the next page; no header at the end of the list."""
        if cursor is None:
            return {}
        given: Mapping[str, list[str]] = self.event.get("multiValueQueryStringParameters") or {}
        return {"Link": f'<{self.path}?{urlencode({**given, "cursor": cursor}, doseq=True)}>; rel="next"'}

    def body[M: BaseModel](self, model: type[M]) -> M:
        """Return the body as the model.

        Raises
        ------
        UnsupportedMediaTypeError, PayloadTooLargeError, BadRequestError
            The content type is not JSON, the body is over 256 KiB, or it does not match the contract.
        """
        media_type = (self.header("content-type") or "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            message = "Send the body as Content-Type: application/json."
            raise UnsupportedMediaTypeError(message)
        text = self.event.get("body") or ""
        raw = base64.b64decode(text) if self.event.get("isBase64Encoded") else text.encode(errors="surrogatepass")
        if len(raw) > BODY_LIMIT:
            message = f"The body has {len(raw)} bytes; the limit is {BODY_LIMIT}."
            raise PayloadTooLargeError(message)
        message = "The body is not what this operation takes."
        try:
            # Not model_validate_json: it accepts an unknown field that has the Python name of a known one.
            return model.model_validate(from_json(raw))
        except ValidationError as error:
            raise BadRequestError(message, problems(error)) from error
        except ValueError as error:
            raise BadRequestError(message, [f"body: Invalid JSON: {error}"]) from error

    def idempotency_key(self) -> str | None:
        """Return the header `Idempotency-Key`, or None if there is none.

        Raises
        ------
        BadRequestError
            It is empty, too long, or contains invalid characters.
        """
        key = self.header("idempotency-key")
        if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
            message = "The Idempotency-Key is invalid."
            raise BadRequestError(message, ["Idempotency-Key: takes 1 to 255 visible ASCII characters, no spaces"])
        return key

    def expected_version(self) -> int | None:
        """Return the version in `If-Match`: `NO_VERSION` for an unknown ETag, None for no condition.

        Raises
        ------
        BadRequestError
            The header is neither `*` nor one strong ETag.
        """
        tag = self.header("if-match")
        if tag is None or tag.strip() == "*":
            return None
        tag = tag.strip()
        if not _STRONG_ETAG.fullmatch(tag):
            message = "If-Match takes one ETag as it was served, or *."
            raise BadRequestError(message, ['If-Match: for example "7", with the quotes'])
        version = _VERSION_ETAG.fullmatch(tag)
        return int(version[1]) if version else NO_VERSION

    def accepts(self, media_type: str) -> bool:
        """Return whether `Accept` names a type, and not to refuse it (`q=0`). A type with a wildcard does not."""
        accepted = (self.header("accept") or "").lower().replace(" ", "").split(",")
        return any(
            media == media_type and not _REFUSED.search(parameters)
            for media, _, parameters in (each.partition(";") for each in accepted)
        )

    def has_current(self, version: int) -> bool:
        """Return whether the caller has this version already, by `If-None-Match`."""
        tags = [tag.strip().removeprefix("W/") for tag in (self.header("if-none-match") or "").split(",")]
        return "*" in tags or f'"{version}"' in tags
