"""Watching calls of AWS, for tests: who makes which call, and calls that fail on demand. Off unless asked for.

Modules import `local.emulator`, `local.settings` and `local.aws.iam`.
"""
