"""Events: from the outbox to the bus, and how consumers handle each event once."""
