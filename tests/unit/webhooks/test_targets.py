"""Where webhooks may lead, in all the ways to write down an address that is not public."""

import socket
from ipaddress import ip_address
from threading import Event

import pytest

from tests.unit.webhooks.conftest import PUBLIC, Names
from ticketing.webhooks.errors import WebhookTargetNotAllowedError
from ticketing.webhooks.targets import (
    Target,
    addresses_of,
    is_public,
    target_of,
)

NOT_PUBLIC = {
    "this network": ["0.0.0.0", "0.255.255.255"],
    "private": ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
    "shared by carriers": ["100.64.0.1", "100.127.255.255"],
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "link-local, and AWS's metadata": ["169.254.169.254", "fe80::1", "fd00:ec2::254"],
    "protocol assignments": ["192.0.0.1", "192.0.0.9", "192.0.0.170", "192.0.0.255", "2001:1::1", "2001:1ff:ffff::"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1", "3fff:fff:ffff::1"],
    "AS112": ["192.31.196.1", "192.175.48.6", "2001:4:112::1", "2620:4f:8000::1"],
    "multicast tunneling": ["192.52.193.1", "2001:3::1"],
    "benchmarking": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "hashes instead of places (ORCHID), drones": ["2001:10::1", "2001:20::1", "2001:30::1"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "::", "4000::1", "e000::1"],
    "discarded, or segments of routes": ["100::1", "100:0:0:1::1", "5f00::1"],
    "local, and what was": ["fc00::1", "fdff::1", "fec0::1"],
    "with an IPv4 address inside": ["::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:203.0.113.1"],
    "NAT64 to what is not public": ["64:ff9b::10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::192.0.2.1", "64:ff9b:1::1"],
    "6to4 and its relays": ["192.88.99.1", "2002:7f00:1::", "2002:5db8:d70e::1"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "with a zone": ["fe80::1%eth0", "2606:4700::1111%eth0"],
}
"""Of every entry of IANA's registries of special-purpose addresses, and of what hides one."""

PUBLIC_ONES = [
    *(PUBLIC, "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"),
    *("100.63.255.255", "192.0.1.1", "198.17.255.255", "223.255.255.255", "2001:200::1", "2a00::1", "3ffe::1"),
]
"""Ordinary ones, and neighbors of those that are not."""


@pytest.mark.parametrize("addresses", NOT_PUBLIC.values(), ids=NOT_PUBLIC.keys())
def test_what_is_not_public(addresses: list[str]) -> None:
    assert [address for address in addresses if is_public(ip_address(address))] == []


@pytest.mark.parametrize("address", PUBLIC_ONES)
def test_what_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.com", Target("https", "example.com", 443, "/")),
        ("HTTPS://Example.COM/In?a=b&c=%20", Target("https", "example.com", 443, "/In?a=b&c=%20")),
        ("https://example.com?a", Target("https", "example.com", 443, "/?a")),
        ("https://example.com:8443/", Target("https", "example.com", 8443, "/")),
        ("https://xn--bcher-kva.example/", Target("https", "xn--bcher-kva.example", 443, "/")),
        ("https://1.1.1.1/", Target("https", "1.1.1.1", 443, "/")),
        ("https://[2606:4700::1111]:1024/", Target("https", "2606:4700::1111", 1024, "/")),
    ],
)
def test_addresses_that_may_be_written_down(url: str, target: Target) -> None:
    assert target_of(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "file://example.com/etc/passwd",
        "gopher://example.com/",
        "https:///in",
        "https://",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com/#fragment",
        "https://example.com\\@127.0.0.1/",
        "https://example.com/ in",
        "https://example.com/\r\nX: y",
        "https://exam\tple.com/",
        " https://example.com/",
        "https://example.com./",
        "https://ex\u00e4mple.com/",
        "https://example.com/\u00e4",
        "https://\u24d4xample.com/",
        "https://example.com:/",
        "https://example.com:0/",
        "https://example.com:22/",
        "https://example.com:80/",
        "https://example.com:65536/",
        "https://localhost/",
        "https://localhost.localdomain:443x/",
        "https://intranet/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://0177.0.0.1/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://017700000001/",
        "https://1.1.1.0x1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fd00:ec2::254]/",
        "https://[1.1.1.1]:x/",
        "https://::1/",
    ],
)
def test_addresses_that_may_not(url: str) -> None:
    with pytest.raises(WebhookTargetNotAllowedError) as refused:
        target_of(url)
    assert refused.value.details[0].startswith("url: ")


TARGET = target_of("https://hooks.example.com:8443/in")


def test_a_name_is_resolved_once(names: Names) -> None:
    assert addresses_of(TARGET, 1, names.resolve) == [PUBLIC]
    assert names.asked == [("hooks.example.com", 8443)]


@pytest.mark.parametrize("address", [addresses[0] for addresses in NOT_PUBLIC.values()])
def test_one_address_that_is_not_public_is_too_many(names: Names, address: str) -> None:
    for found in ([address], [PUBLIC, address], [address, PUBLIC]):
        names.addresses["hooks.example.com"] = found
        with pytest.raises(WebhookTargetNotAllowedError):
            addresses_of(TARGET, 1, names.resolve)


@pytest.mark.parametrize("error", [socket.gaierror(), UnicodeError(), None])
def test_a_name_without_addresses_leads_nowhere(error: Exception | None) -> None:
    def resolve(_host: str, _port: int) -> list[str]:
        if error is not None:
            raise error
        return []

    with pytest.raises(WebhookTargetNotAllowedError):
        addresses_of(TARGET, 1, resolve)


def test_a_name_that_takes_long_is_not_waited_for() -> None:
    over = Event()

    def resolve(_host: str, _port: int) -> list[str]:
        over.wait(10)
        return [PUBLIC]

    with pytest.raises(TimeoutError):
        addresses_of(TARGET, 0.05, resolve)
    over.set()


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://localhost:9000/in", True),
        ("HTTP://LOCALHOST:9000/in", True),
        ("https://10.0.0.7/", True),
        ("https://10.0.0.7:443/", True),
        ("http://localhost:9001/in", False),
        ("http://localhost/in", False),
        ("https://localhost:9000/in", False),
        ("http://localhost.example.com:9000/in", False),
        ("http://127.0.0.1:9000/in", False),
        ("http://10.0.0.7/", False),
        ("https://10.0.0.8/", False),
    ],
)
def test_private_origins_are_let_through_one_by_one(
    monkeypatch: pytest.MonkeyPatch, url: str, *, allowed: bool
) -> None:
    monkeypatch.setenv("WEBHOOK_PRIVATE_ORIGINS", "http://localhost:9000,https://10.0.0.7")
    if allowed:
        target = target_of(url)
        assert addresses_of(target, 1, lambda _host, _port: ["127.0.0.1"]) == ["127.0.0.1"]
    else:
        with pytest.raises(WebhookTargetNotAllowedError):
            target_of(url)
