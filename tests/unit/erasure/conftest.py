"""Tenants to erase: those of the tests of founding and deleting."""

from tests.unit.users.tenants.conftest import place, world

__all__ = ["place", "world"]
