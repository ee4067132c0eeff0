"""AWS: clients, and credentials that reach one tenant's data alone."""
