"""What all tests may use."""

from tests.stack import stack

__all__ = ["stack"]
