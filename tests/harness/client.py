"""The one client of the API that all suites call it by."""

import base64
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, Self, TypedDict, Unpack

import httpx

type Json = dict[str, Any]
type Params = Mapping[str, str | int | bool | None] | list[tuple[str, str | int | float | bool | None]]
type Check = Callable[[httpx.Response], None]

SECONDS: Final = 60.0
TLS: Final = ssl.create_default_context()
"""For all that calls by httpx, which makes one for each client otherwise: that takes longer than a request."""


class Options(TypedDict, total=False):
    """What a request may have besides its method and path."""

    expect: int
    """The status; any other fails the test with the answer's text."""
    if_match: str | None
    if_none_match: str | None
    key: str | None
    """The Idempotency-Key."""
    params: Params
    headers: Mapping[str, str]
    json: Any
    content: str | bytes
    data: Mapping[str, Any]


class Client:
    """One caller of a running API, whoever that is.

    Answers are httpx's. Each of them is handed to `check` first, which is to raise if it is not as it has to be.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        check: Check | None = None,
        timeout: float = SECONDS,
    ) -> None:
        self.token = token
        self._check = check
        bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=base_url, headers={**bearer, **(headers or {})}, timeout=timeout, verify=TLS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **options: Unpack[Options]) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Unpack[Options]) -> httpx.Response:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Unpack[Options]) -> httpx.Response:
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Unpack[Options]) -> httpx.Response:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Unpack[Options]) -> httpx.Response:
        return self.request("DELETE", path, **options)

    def options(self, path: str, **options: Unpack[Options]) -> httpx.Response:
        return self.request("OPTIONS", path, **options)

    def request(self, method: str, path: str, **options: Unpack[Options]) -> httpx.Response:
        """Send a request to a path, or to a whole address, and return the answer."""
        named = {
            "If-Match": options.pop("if_match", None),
            "If-None-Match": options.pop("if_none_match", None),
            "Idempotency-Key": options.pop("key", None),
        }
        headers = {name: value for name, value in named.items() if value is not None} | dict(options.pop("headers", {}))
        expected = options.pop("expect", None)
        plain: dict[str, Any] = {**options}
        answer = self._http.request(method, path, headers=headers, **plain)
        if self._check is not None:
            self._check(answer)
        assert expected in {None, answer.status_code}, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def create(self, path: str, body: Mapping[str, Any], *, key: str | None = None) -> Json:
        """Make something and return it as the answer has it."""
        made: Json = self.post(path, json=body, key=key, expect=httpx.codes.CREATED).json()
        return made

    def pages(self, path: str, **params: str | int) -> Iterator[list[Any]]:
        """Go through a list, page by page, by the addresses in `Link`."""
        answer = self.get(path, params=params, expect=httpx.codes.OK)
        yield answer.json()
        while following := answer.links.get("next"):
            answer = self.get(following["url"], expect=httpx.codes.OK)
            yield answer.json()

    @cached_property
    def me(self) -> Json:
        """What getMe said of the caller when first asked."""
        user: Json = self.get("/v1/users/me", expect=httpx.codes.OK).json()
        return user

    @property
    def id(self) -> str:
        """The caller's id: that of a person stands in the token, so nobody has to be asked."""
        if self.token is None or self.token.count(".") != 2:
            return str(self.me["id"])
        return str(json.loads(base64.urlsafe_b64decode(self.token.split(".")[1] + "=="))["sub"])
