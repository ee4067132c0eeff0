"""Callers of the running API, as in the integration tests."""

from tests.integration.conftest import acme, connect, contract, globex

__all__ = ["acme", "connect", "contract", "globex"]
