"""Tickets: the lifecycle, creating, editing, moving, the trash, and the events of all changes."""
