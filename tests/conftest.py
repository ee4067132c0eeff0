"""What all tests may use: the deployed local stack, and callers of it. Nothing starts before a test asks for it."""

from tests.callers import accounts, acme, connect, contract, found_tenant, globex, new_ticket
from tests.stack import receiver, stack

__all__ = ["accounts", "acme", "connect", "contract", "found_tenant", "globex", "new_ticket", "receiver", "stack"]
