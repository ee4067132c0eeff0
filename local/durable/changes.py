"""Which calls change state that must survive a crash."""

from local.emulator.calls import action_of

_READS = (
    "AdminGet",
    "AdminList",
    "BatchGet",
    "Check",
    "Describe",
    "Estimate",
    "Filter",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Query",
    "Scan",
    "Search",
    "Test",
    "Validate",
)
# Logs, metrics, messages, executions and invocations change all the time: they are kept as of the last snapshot.
# DynamoDB's items and S3's objects are in journals.
_NOT_SAVED = {
    "dynamodb": {
        "BatchExecuteStatement",
        "BatchWriteItem",
        "DeleteItem",
        "ExecuteStatement",
        "ExecuteTransaction",
        "PutItem",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
    },
    "events": {"PutEvents"},
    "logs": {"CreateLogStream", "PutLogEvents", "StartQuery"},
    "monitoring": {"PutMetricData"},
    "sns": {"Publish", "PublishBatch"},
    "sqs": {
        "ChangeMessageVisibility",
        "ChangeMessageVisibilityBatch",
        "DeleteMessage",
        "DeleteMessageBatch",
        "ReceiveMessage",
        "SendMessage",
        "SendMessageBatch",
    },
    "states": {"SendTaskFailure", "SendTaskHeartbeat", "SendTaskSuccess", "StartExecution", "StartSyncExecution"},
    "sts": {"AssumeRole"},
}


def changes_state(  # noqa: PLR0913, PLR0917 (the emulator's handler signature)
    service: str, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
) -> bool:
    """Return whether a successful call may have changed what the service's snapshot holds."""
    if service == "s3":  # whose bodies may be anything
        _, _, key = path.lstrip("/").partition("/")
        return method in {"PUT", "DELETE"} and not key
    action = action_of(headers, body, query)
    if action:
        return not action.startswith(_READS) and action not in _NOT_SAVED.get(service, ())
    if service == "lambda" and path.endswith(("/invocations", "/invoke-async")):
        return False
    return method not in {"GET", "HEAD", "OPTIONS"}
