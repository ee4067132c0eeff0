"""Erasing a tenant: everything that the services store of it is deleted, step by step."""
