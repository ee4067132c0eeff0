"""The end of a tenant: what every service keeps of it is erased, step by step."""
