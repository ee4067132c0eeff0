"""The deployed stack: building and deploying it, its outputs and demo data, and the commands that use it from outside.

Modules import `local.settings`, `local.environment` and `local.progress`, and nothing of the emulator: they see it as
AWS, through its port, so that `make token` answers at once.
"""
