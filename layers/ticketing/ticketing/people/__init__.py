"""Users as other services read them: their names and roles, and whether they are active."""
