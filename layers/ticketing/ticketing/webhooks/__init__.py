"""Webhooks: where a tenant's events are sent, and how each delivery goes."""
