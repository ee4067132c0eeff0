"""Comments: what people say about a ticket, and who watches it."""
