"""Which URLs webhooks may have: HTTPS to public addresses, whatever a name resolves to (no SSRF).

A URL is checked when it is registered, and again at each attempt, because a name may resolve differently. An attempt
connects to the address that was checked: the name is resolved once, so DNS rebinding does not help
(docs/decisions/0017-webhooks.md).
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Final

from ticketing.deployment import DEPLOYMENT
from ticketing.webhooks.errors import WebhookTargetNotAllowedError

type Resolver = Callable[[str, int], Iterable[str]]
"""Returns the addresses of a name, as texts; raises OSError if it has none."""

_URL = re.compile(
    r"(?P<scheme>[A-Za-z]+)://(?P<host>[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:[/?][!\"$-\[\]-~]*)?)",  # visible ASCII without # and backslash
)
_NAME = re.compile(
    r"(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_PORTS: Final = {"http": 80, "https": 443}
_LOWEST_OTHER_PORT: Final = 1024
_HIGHEST_PORT: Final = 65535

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")

_SPECIAL: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # IETF protocol assignments
            "192.31.196.0/24",  # AS112, which answers for private addresses
            "192.52.193.0/24",  # automatic multicast tunneling
            "192.88.99.0/24",  # relays of 6to4, obsolete
            "192.175.48.0/24",  # AS112
            "2001::/23",  # IETF protocol assignments: Teredo, benchmarking, ORCHID, AS112 and others
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, obsolete
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation, since 2024
        ),
    )
)
"""What IANA's registries of special-purpose addresses list and some versions of `ipaddress` call global."""

_NOT_PUBLIC: Final = "must lead to public addresses of the internet, and to no others"

_RESOLVING: Final = ThreadPoolExecutor(max_workers=4, thread_name_prefix="resolve")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL of an allowed form; `addresses_of` checks where it leads."""

    scheme: str
    host: str
    """The name, in lower case, or the address without brackets."""
    port: int
    path: str
    """The path with its query."""

    @property
    def netloc(self) -> str:
        """The host as the header `Host` has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port, as a browser writes them."""
        return f"{self.scheme}://{self.netloc}"

    @property
    def is_private(self) -> bool:
        """Whether the deployment lets webhooks reach just this origin, though it is not public."""
        return self.origin in DEPLOYMENT.webhook_private_origins


def target_of(url: str) -> Target:
    """Return the parts of a URL.

    Raises
    ------
    WebhookTargetNotAllowedError
        It is not HTTPS, or its host is plainly not public.
    """
    match = _URL.fullmatch(url)
    scheme = match["scheme"].lower() if match else ""
    if match is None or scheme not in _PORTS:
        message = "must be an address like https://example.com/hooks, without user, password or fragment"
        raise WebhookTargetNotAllowedError(message)
    path = match["path"] if match["path"].startswith("/") else f"/{match['path']}"
    port = int(match["port"] or _PORTS[scheme])
    target = Target(scheme, match["host"].strip("[]").lower(), port, path)
    if not target.is_private:
        _check(target)
    return target


def _check(target: Target) -> None:
    if target.scheme != "https":
        message = "must begin with https://"
        raise WebhookTargetNotAllowedError(message)
    if target.port != _PORTS["https"] and not _LOWEST_OTHER_PORT <= target.port <= _HIGHEST_PORT:
        message = "the port must be 443, or one from 1024 to 65535"
        raise WebhookTargetNotAllowedError(message)
    literal = _literal(target.host)
    if not is_public(literal) if literal else not _NAME.fullmatch(target.host):
        raise WebhookTargetNotAllowedError(_NOT_PUBLIC)


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a host is, in its usual form. Other forms, such as 0x7f.1, are not names: see `_NAME`."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def addresses_of(target: Target, seconds: float, resolver: Resolver | None = None) -> list[str]:
    """Resolve a target's name, once, and return the addresses, all of which may be connected to.

    Raises
    ------
    WebhookTargetNotAllowedError
        The name has no address, or one that is not public; where one is not, none is used.
    TimeoutError
        It takes longer than that many seconds.
    """
    # The system's resolver takes no timeout.
    asked = _RESOLVING.submit(resolver or _resolve, target.host, target.port)
    try:
        found = list(dict.fromkeys(asked.result(timeout=max(seconds, 0))))
    except TimeoutError:
        raise
    except (OSError, UnicodeError) as error:
        raise WebhookTargetNotAllowedError(_NOT_PUBLIC) from error
    if not found or not (target.is_private or all(is_public(ipaddress.ip_address(each)) for each in found)):
        raise WebhookTargetNotAllowedError(_NOT_PUBLIC)
    return found


def _resolve(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address is public.

    Of NAT64 and IPv4-mapped addresses, the IPv4 address inside decides. Nothing that has a special purpose is public,
    although some of it is routed.
    """
    if isinstance(address, IPv6Address):
        if address.scope_id:
            return False
        inside = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address.ipv4_mapped
        if inside is None:
            return address in _GLOBAL_UNICAST and _is_ordinary(address)
        address = inside
    return _is_ordinary(address) and not address.is_multicast


def _is_ordinary(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not any(address in network for network in _SPECIAL)
