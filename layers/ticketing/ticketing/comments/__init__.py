"""Comments: the comments on a ticket, and who watches it."""
