"""What child processes have of a developer's environment."""

import urllib.request
from collections.abc import Mapping

import pytest

from local.environment import for_children


def test_a_developers_account_and_modules_stay_theirs() -> None:
    theirs = {"AWS_PROFILE": "production", "PYTHONHOME": "/opt/python", "PYTHONPATH": "src", "HOME": "/home/me"}
    assert for_children(theirs).keys() & theirs.keys() == {"HOME"}


@pytest.mark.parametrize(
    "theirs", [{}, {"NO_PROXY": "intra.example"}, {"no_proxy": "intra.example"}, {"no_proxy": "*"}]
)
def test_this_machine_is_called_without_a_proxy(monkeypatch: pytest.MonkeyPatch, theirs: Mapping[str, str]) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in for_children(theirs).items():
        monkeypatch.setenv(name, value)
    direct = [
        host for host in ("127.0.0.1:4566", "localhost:8000", "intra.example") if urllib.request.proxy_bypass(host)
    ]
    assert direct == ["127.0.0.1:4566", "localhost:8000", *(["intra.example"] if theirs else [])]
