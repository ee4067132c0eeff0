"""Saved views: searches that people keep under a name, for themselves or for everybody who works on the desk."""
