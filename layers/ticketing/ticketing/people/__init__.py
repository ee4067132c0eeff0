"""People as other services read them: who is active, in which role, under which name."""
