"""Email about tickets: who gets it, what it says, how to unsubscribe, and what bounces."""
