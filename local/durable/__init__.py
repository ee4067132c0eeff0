"""Durability: what was acknowledged is on the disk, and there again after `kill -9`.

DynamoDB's items are in a journal, the state of every other service in snapshots. Modules import `local.emulator`,
`local.settings` and, to follow deployments, `local.stack.outputs`.
"""
