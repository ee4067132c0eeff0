"""What all tests may use: the deployed local stack, and callers of it. Nothing starts before a test asks for it."""

import gc

from tests.harness.people import accounts, acme, connect, contract, found_tenant, globex, new_ticket
from tests.harness.size import pytest_addoption, pytest_collection_modifyitems, pytest_configure
from tests.harness.stack import receiver, stack, unpublished

__all__ = [
    "accounts",
    "acme",
    "connect",
    "contract",
    "found_tenant",
    "globex",
    "new_ticket",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "receiver",
    "stack",
    "unpublished",
]


def pytest_collection_finish() -> None:
    """Let no search for garbage look at the modules and tests again, half a million objects that stay."""
    gc.freeze()
