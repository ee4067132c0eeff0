"""Tickets: the lifecycle, creating, updating, moving, deleting and restoring, and the events of all changes."""
