"""The code that all functions share, one folder per service.

A folder imports from floors below it, never from its own: erasure - live, mail, webhooks - comments - users, events -
tickets - api - people - aws, dynamodb - access - clock, deployment, errors, ids (docs/architecture.md).
"""
