"""AWS: clients, and credentials for one tenant's data only."""
