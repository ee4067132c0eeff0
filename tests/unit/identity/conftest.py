"""The user pool that the authorizer asks: for its public keys, and about its users."""

from typing import Any
from urllib.request import OpenerDirector

import pytest

from tests.unit.identity.support import CLIENT, POOL, Accounts, Pool
from ticketing.aws import clients
from ticketing.users import tokens


@pytest.fixture(autouse=True)
def accounts(monkeypatch: pytest.MonkeyPatch) -> Accounts:
    answering = Accounts()
    answer: Any = answering.answer  # the types know of no handler that answers
    clients.cognito().meta.events.register("before-send.cognito-identity-provider.AdminGetUser", answer)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    return answering


@pytest.fixture(autouse=True)
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    served = Pool()
    monkeypatch.setenv("USER_POOL_ID", POOL)
    monkeypatch.setenv("CLIENT_ID", CLIENT)
    monkeypatch.setenv("NEWCOMERS_KEY", "requests-of-newcomers-of-test")
    monkeypatch.setattr(OpenerDirector, "open", lambda _self, request, **kwargs: served.open(request, **kwargs))
    tokens._keys.cache_clear()
    return served
