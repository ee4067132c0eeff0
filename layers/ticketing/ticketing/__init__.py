"""What the ticket functions share: models, lifecycle, permissions, repository, identity and the handler's frame."""
