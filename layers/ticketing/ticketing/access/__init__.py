"""Access control: who calls, in which role, and what the role may do (operation x role x relation)."""
