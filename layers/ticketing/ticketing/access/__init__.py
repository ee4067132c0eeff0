"""Access: who is calling, in which role, and what the role may do (operation x role x relation)."""
