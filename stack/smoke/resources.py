"""What stands behind the API: state machines that AWS takes, and tables that keep what they should."""

from typing import Final

from stack.smoke.deployment import Deployment

OUTPUTS: Final = (
    *("ApiId", "ApiUrl", "LiveApiId", "LiveUrl", "UserPoolId", "UserPoolClientId"),
    *("TicketsTableName", "UsersTableName", "NotificationsTableName", "SearchTableName"),
    *("EventBusName", "AttachmentsBucketName", "SearchBucketName"),
    *("AttributeConditions", "SmokeRoleArn"),
)
_EXPIRING: Final = ("NotificationsTableName", "TicketsTableName")


def outputs_are_there(deployment: Deployment) -> list[str]:
    """Check that people and the other checks find what they need."""
    return [f"The output {name} is missing." for name in OUTPUTS if not deployment.outputs.get(name)]


def state_machines_are_valid(deployment: Deployment) -> list[str]:
    """Check that Step Functions finds nothing wrong with the definitions as they were deployed."""
    client = deployment.session.client("stepfunctions")
    machines = deployment.resources.get("AWS::StepFunctions::StateMachine", {})
    wrong = [] if machines else ["The stack has no state machine."]
    for name, arn in machines.items():
        machine = client.describe_state_machine(stateMachineArn=arn)
        result = client.validate_state_machine_definition(definition=machine["definition"], type=machine["type"])
        if result["result"] != "OK":
            wrong += [f"{name}: {each['code']} {each['message']}" for each in result["diagnostics"]]
    return wrong


def tables_keep_what_they_should(deployment: Deployment) -> list[str]:
    """Check that tables can be restored, expire items where they should, and are as protected as was asked for."""
    client = deployment.session.client("dynamodb")
    protected = deployment.parameters.get("DeletionProtection")
    wrong = []
    for output in ("NotificationsTableName", "SearchTableName", "TicketsTableName", "UsersTableName"):
        name = deployment.outputs[output]
        found = str(client.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled", False)).lower()
        if found != protected:
            wrong.append(f"{name}: its deletion protection is {found}, and not {protected} as the parameter says.")
        backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
            wrong.append(f"{name}: point-in-time recovery is off.")
        ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if output in _EXPIRING and ttl.get("TimeToLiveStatus") not in {"ENABLED", "ENABLING"}:
            wrong.append(f"{name}: nothing expires in it.")
    return wrong
