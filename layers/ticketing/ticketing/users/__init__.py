"""The User Service: tenants, their people and their API keys."""
