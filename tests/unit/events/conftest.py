"""Fixtures of the tests of the pipeline."""

import time

import pytest


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
