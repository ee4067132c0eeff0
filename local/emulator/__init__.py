"""MiniStack, the emulator of AWS: loading it, patching it, and reading its calls. No service is changed here.

Modules import `local.settings` and `local.environment`, and nothing else of the project.
"""
