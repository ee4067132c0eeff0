"""What all tests may use: the deployed local stack, and callers of it. Nothing starts before a test asks for it."""

from tests.callers import acme, connect, contract, globex, new_ticket
from tests.stack import stack

__all__ = ["acme", "connect", "contract", "globex", "new_ticket", "stack"]
