"""Fixtures of the tests of mails."""

import io
import logging
import time as clock_of_the_machine
from collections.abc import Callable
from typing import Any, cast

import pytest
from moto.core.models import botocore_stubber
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.conftest import Clock
from tests.unit.mail.support import Ses, put_recipient
from tests.unit.support import ADMIN, AGENT, OTHER_REPORTER, REPORTER
from ticketing.api import frame
from ticketing.aws import clients

ENVIRONMENT = {
    "API_URL": "https://api.example.com",
    "APP_URL": "https://desk.example.com/tickets/{number}?id={id}",
    "MAIL_CONFIGURATION_SET": "tickets",
    "MAIL_EVENTS": "https://sqs.us-east-1.amazonaws.com/000000000000/mail-events",
    "MAIL_FROM": "desk@example.com",
    "MAIL_TEMPLATES": "tickets",
    "PERSON_MAILS_PER_MINUTE": "1000",
    "TENANT_MAILS_PER_MINUTE": "1000",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clock_of_the_machine, "sleep", lambda _seconds: None)  # try again at once


@pytest.fixture
def ses(dynamodb: DynamoDBClient) -> Ses:
    """Return SES, which takes every mail unless told otherwise, in the place of moto's, which knows no templates."""
    assert dynamodb
    stand_in, events = Ses(), cast("Any", clients.ses().meta.events)
    events.unregister("before-send", botocore_stubber)
    events.register("before-send.sesv2.SendEmail", stand_in)
    return stand_in


@pytest.fixture
def recipients(dynamodb: DynamoDBClient, time: Clock) -> None:
    """Make the tests' callers recipients of acme, who want every email, at the moment of the events."""
    assert time
    for caller in (REPORTER, OTHER_REPORTER, AGENT, ADMIN):
        put_recipient(dynamodb, caller)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Return a look at what was logged and counted since the last one."""
    stream = io.StringIO()
    handler = frame.logger.registered_handler  # all loggers write to one handler
    assert isinstance(handler, logging.StreamHandler)
    monkeypatch.setattr(handler, "stream", stream)

    def read() -> str:
        logged = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return logged + "".join(capsys.readouterr())

    return read
