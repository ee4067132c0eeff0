"""The emulator's services made to behave as AWS's, one file per service.

Each module has a `patch` that changes one service when the process starts; `iam`, which says how IAM sees and decides a
call, changes nothing. A new difference from AWS goes into the file of its service, and into the table of differences in
docs/local.md if it stays. Modules import `local.emulator` and `local.settings`, and of this folder only `iam`.
"""
