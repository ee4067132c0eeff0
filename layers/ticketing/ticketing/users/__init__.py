"""Users: tenants, their people, and their API keys."""
