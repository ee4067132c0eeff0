"""What the template promises where the local AWS would not notice."""

import json
import re
import tomllib
from fnmatch import fnmatchcase
from typing import Any

from tests.unit.support import ROOT, template
from ticketing.live import fan_out
from ticketing.mail.rules import OLDEST

ROLE_NAME = 64
"""Characters of a role's name; CloudFormation cuts what it generates to that."""

STACK = "ticket-system-prod"

STACK_NAME = 26
"""Characters that a stack's name may have with strict isolation (docs/deploying.md)."""


def test_no_client_can_choose_its_tenant() -> None:
    client = template()["Resources"]["UserPoolClient"]["Properties"]
    assert "custom:tenantId" in client["ReadAttributes"]
    assert client["WriteAttributes"] == ["email"]


def test_nobody_signs_up_unless_an_environment_says_so() -> None:
    assert template()["Parameters"]["PublicSignUp"]["Default"] == "false"
    environments = tomllib.loads((ROOT / "samconfig.toml").read_text())
    open_to_all = {
        name
        for name, content in environments.items()
        if name not in {"default", "version"}
        and "PublicSignUp=true" in content["deploy"]["parameters"]["parameter_overrides"]
    }
    assert open_to_all == {"local", "dev"}


def test_nobody_signs_in_by_password_alone_outside_of_the_local_aws() -> None:
    _, local, others = template()["Resources"]["UserPoolClient"]["Properties"]["ExplicitAuthFlows"]
    _, dev, elsewhere = others
    assert "ALLOW_USER_PASSWORD_AUTH" in local
    assert "ALLOW_USER_PASSWORD_AUTH" not in dev
    assert elsewhere == ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]


def test_the_case_of_an_address_is_nothing_to_sign_in_by() -> None:
    pool = template()["Resources"]["UserPool"]["Properties"]
    assert pool["UsernameConfiguration"] == {"CaseSensitive": False}


def test_data_outlives_a_mistake() -> None:
    resources = template()["Resources"]
    for name in ("NotificationsTable", "SearchTable", "TicketsTable", "UserPool", "UsersTable"):
        assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resources[name]["UpdateReplacePolicy"] == "Retain"
    for name in ("NotificationsTable", "SearchTable", "TicketsTable", "UsersTable"):
        table = resources[name]["Properties"]
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["SSESpecification"] == {"SSEEnabled": True}


def test_the_bucket_of_attachments_is_private_and_keeps_versions() -> None:
    """What its policy denies is in test_policies.py."""
    resources = template()["Resources"]
    for name in ("AttachmentsBucket", "AttachmentsBucketPolicy"):
        assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resources[name]["UpdateReplacePolicy"] == "Retain"
    bucket = resources["AttachmentsBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    condition, cors, without = bucket["CorsConfiguration"]
    assert (condition, without) == ("AllowsOrigins", "AWS::NoValue")
    (rule,) = cors["CorsRules"]
    assert rule["AllowedOrigins"] == [",", "CorsOrigins"]
    assert rule["AllowedMethods"] == ["GET", "HEAD", "PUT"]


def test_no_lifecycle_rule_takes_a_file_that_somebody_may_read() -> None:
    """Of versions that are not the current one, all are deleted in a week; the current one by the code alone."""
    rules = template()["Resources"]["AttachmentsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert not [each for each in rules if each.keys() & {"ExpirationDate", "ExpirationInDays", "Transitions"}]
    assert [each["NoncurrentVersionExpiration"] for each in rules if "NoncurrentVersionExpiration" in each] == [
        {"NoncurrentDays": 7}
    ]


def test_every_environment_says_whether_attachments_are_scanned() -> None:
    for name, content in tomllib.loads((ROOT / "samconfig.toml").read_text()).items():
        if name not in {"default", "version"}:
            assert "AttachmentScan=guardduty" in content["deploy"]["parameters"]["parameter_overrides"], name


def check_queue(resources: dict[str, Any], name: str, start: str) -> None:
    """Assert that a function consumes a queue which keeps what fails, and puts it aside, for two weeks."""
    function, queue = (resources[each]["Properties"] for each in (f"{name}Function", f"{start}Queue"))
    (event,) = function["Events"].values()
    assert event["Properties"]["Queue"] == f"{start}Queue.Arn"
    assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == f"{start}DeadLetters.Arn"
    dead = resources[f"{start}DeadLetters"]["Properties"]
    assert queue["MessageRetentionPeriod"] == dead["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


def test_what_becomes_of_attachments_is_put_aside_if_it_fails() -> None:
    """Of their own bucket alone, and a group of messages for each file."""
    resources = template()["Resources"]
    for name, start, path, detail in (
        ("ReceiveUpload", "Uploads", "$.detail.object.key", {"bucket": {"name": ["AttachmentsBucket"]}}),
        (
            *("RecordScan", "Scans", "$.detail.s3ObjectDetails.objectKey"),
            {"s3ObjectDetails": {"bucketName": ["AttachmentsBucket"]}},
        ),
    ):
        rule = resources[f"{start}Rule"]["Properties"]
        assert rule["EventPattern"]["detail"] == detail
        (target,) = rule["Targets"]
        assert target["DeadLetterConfig"] == {"Arn": f"{start}DeadLetters.Arn"}
        assert target["SqsParameters"] == {"MessageGroupId": path}
        check_queue(resources, name, start)


def test_tables_with_indexes_are_created_one_after_the_other() -> None:
    tables = {name: each for name, each in template()["Resources"].items() if each["Type"] == "AWS::DynamoDB::Table"}
    indexed = {name for name, table in tables.items() if "GlobalSecondaryIndexes" in table["Properties"]}
    before = {name: tables[name].get("DependsOn") for name in indexed}
    (first,) = (name for name, other in before.items() if other is None)
    order = [first]
    while following := [name for name, other in before.items() if other == order[-1]]:
        order += following
    assert sorted(order) == sorted(indexed)


def test_an_authorizer_asks_for_what_every_request_has() -> None:
    """Of a WebSocket API it must ask for something; the token is in either of two headers."""
    resources = template()["Resources"]
    assert resources["LiveAuthorizer"]["Properties"]["IdentitySource"] == ["route.request.header.Host"]


def test_no_regular_expression_is_of_one_dialect() -> None:
    """API Gateway documents none: no flags and no look-around."""
    schemes = template()["Resources"]["Api"]["Properties"]["DefinitionBody"]["securityDefinitions"].values()
    (expression,) = (
        expression
        for each in schemes
        if (expression := each.get("x-amazon-apigateway-authorizer", {}).get("identityValidationExpression"))
    )
    assert "(?" not in expression


def test_every_function_has_a_role_of_its_own_and_its_services_log() -> None:
    resources = template()["Resources"]
    services = set()
    for name, function in _functions().items():
        service = function["CodeUri"].removeprefix("functions/").capitalize()
        services.add(service)
        role = f"{name.removesuffix('Function')}Role"
        assert function["Role"] == f"{role}.Arn"
        assert function["LoggingConfig"] == {"LogGroup": f"{service}Logs"}
        assert function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == service.lower()
        assert resources[role]["Properties"]["ManagedPolicyArns"][:2] == [f"{service}Policy", "FunctionsPolicy"]
    groups = {name for name, each in resources.items() if each["Type"] == "AWS::Logs::LogGroup"}
    others = {"ApiAccessLogs", "TenantDeletionLogs", "TicketLifecycleLogs"}
    assert groups == {f"{service}Logs" for service in services} | others
    assert all(resources[group]["Properties"]["RetentionInDays"] == "LogRetentionDays" for group in groups)
    for service in services:
        (log,) = resources[f"{service}Policy"]["Properties"]["PolicyDocument"]["Statement"]
        assert log == {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"{service}Logs.Arn",
        }


def test_a_role_trusts_no_other_role_of_the_stack() -> None:
    """All functions may assume roles of the stack: which, the roles say."""
    account = {"AWS": "AWS::AccountId"}
    ours = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${AWS::StackName}-"
    seen = 0
    for name, resource in template()["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            for each in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
                itself = {"ArnLike": {"aws:PrincipalArn": f"{ours}{name}-*"}}
                nobody = {"ArnNotLike": {"aws:PrincipalArn": f"{ours}*"}}
                bootstrap = {"ArnLike": {"aws:PrincipalArn": f"{ours}bootstrap-*"}}  # no name of ours has a hyphen
                assert each["Principal"] != account or each["Condition"] in (itself, nobody, bootstrap), name
                assert each["Principal"] == account or each["Principal"].keys() == {"Service"}, name
                seen += each["Principal"] == account
    assert seen > 50


def test_the_pipeline_may_take_the_role_of_the_smoke_test_and_no_function_may() -> None:
    """DeployRole is of a stack whose name begins as this one's (docs/deploying.md)."""
    resources = template()["Resources"]
    roles = [name for name, resource in resources.items() if resource["Type"] == "AWS::IAM::Role"]
    trust = resources["SmokeRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert f"--stack-name {STACK}-bootstrap" in (ROOT / "docs" / "deploying.md").read_text()

    conditions = [condition for each in trust for condition in each["Condition"].items()]

    def trusts(role: str) -> bool:
        arn = f"arn:aws:iam::123456789012:role/{role}"
        for kind, condition in conditions:
            pattern = condition["aws:PrincipalArn"].replace("${AWS::Partition}", "aws")
            pattern = pattern.replace("${AWS::AccountId}", "123456789012").replace("${AWS::StackName}", STACK)
            if fnmatchcase(arn, pattern) is (kind == "ArnLike"):
                return True
        return False

    assert len(conditions) == len(trust), "each statement has one"
    assert trusts(f"{STACK}-bootstrap-DeployRole-1A2B3C4D5E6F")
    assert trusts("Developer")
    assert not any(trusts(f"{STACK}-{name}-1A2B3C4D5E6F") for name in roles)


def test_api_gateway_may_invoke_what_it_calls_and_nothing_else() -> None:
    """By one role. API Gateway sends no account and no ARN when it assumes it: a condition would refuse every call."""
    resources = template()["Resources"]
    role = resources["ApiRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust == {
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    document = resources["Api"]["Properties"]["DefinitionBody"]
    calls = [
        (each["uri"]["Fn::Sub"], each["credentials"])
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and (each := operation.get("x-amazon-apigateway-integration"))
    ]
    calls += [
        (each["authorizerUri"]["Fn::Sub"], each["authorizerCredentials"])
        for scheme in document["securityDefinitions"].values()
        if (each := scheme.get("x-amazon-apigateway-authorizer"))
    ]
    assert all(credentials == {"Fn::Sub": "${ApiRole.Arn}"} for _, credentials in calls)
    for each in (resource["Properties"] for resource in resources.values()):
        if uri := each.get("IntegrationUri"):
            assert each["CredentialsArn"] == "ApiRole.Arn"
            calls.append((uri, None))
        elif uri := each.get("AuthorizerUri"):
            assert each["AuthorizerCredentialsArn"] == "ApiRole.Arn"
            calls.append((uri, None))
    called = {re.fullmatch(r".*/functions/\$\{(\w+)\.Arn\}/invocations", uri)[1] for uri, _ in calls}  # type: ignore[index]
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": "lambda:InvokeFunction",
        "Resource": sorted(f"{function}.Arn" for function in called),
    }
    assert not [name for name, each in resources.items() if each["Type"] == "AWS::Lambda::Permission"]


def test_every_environment_is_built_for_the_processor_that_it_is_deployed_to() -> None:
    """`sam build` does not read what is set for `sam deploy`."""
    for name, content in tomllib.loads((ROOT / "samconfig.toml").read_text()).items():
        if name not in {"default", "version"}:
            built, deployed = (
                [
                    each
                    for each in content[command]["parameters"].get("parameter_overrides", ())
                    if "Architecture" in each
                ]
                for command in ("build", "deploy")
            )
            assert built == deployed
            assert len(built) == (name != "local")  # there it is the machine's: `make run` gives it to both


def _functions() -> dict[str, dict[str, Any]]:
    resources = template()["Resources"]
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::Serverless::Function"}


def test_work_that_nobody_waits_for_leaves_its_failures_behind() -> None:
    events = {
        name: (event["Type"], each.get("EventInvokeConfig") or event["Properties"])
        for name, each in _functions().items()
        for event in each.get("Events", {}).values()
        if event["Type"] != "SQS"  # queues have dead letters of their own
    }
    assert {name: kind for name, (kind, _) in events.items()} == {
        "CloseResolvedTicketsFunction": "Schedule",
        "PublishEventsFunction": "DynamoDB",
        "PurgeTicketFunction": "DynamoDB",
        "RecordMailFeedbackFunction": "EventBridgeRule",
        "ReconcileUsersFunction": "Schedule",
        "SweepAttachmentsFunction": "Schedule",
        "SweepIndexesFunction": "Schedule",
    }
    outbox = events.pop("PublishEventsFunction")[1]
    assert outbox["DestinationConfig"]["OnFailure"] == {"Type": "SQS", "Destination": "UnpublishedEvents.Arn"}
    # However often the bus refuses: as long as half of the time that the stream keeps its records is left.
    assert "MaximumRetryAttempts" not in outbox
    assert outbox["MaximumRecordAgeInSeconds"] <= 12 * 60 * 60
    for name, (_, config) in events.items():
        assert config["DestinationConfig"]["OnFailure"] == {"Type": "SQS", "Destination": "FailedEvents.Arn"}, name
        assert config["MaximumRetryAttempts"] <= 10, name


def test_what_can_not_be_pushed_is_put_aside() -> None:
    resources = template()["Resources"]
    function, queue = resources["PushEventFunction"]["Properties"], resources["PushEventsQueue"]["Properties"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == "PushEventsDeadLetters.Arn"
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    (target,) = resources["PushEventsRule"]["Properties"]["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": "PushEventsDeadLetters.Arn"}
    assert function["Events"]["Told"]["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert fan_out._LEASE.total_seconds() > function["Timeout"]


def test_no_log_of_the_websocket_api_can_hold_a_token() -> None:
    """A browser's handshake carries one in a header."""
    stage = template()["Resources"]["LiveStage"]["Properties"]
    assert "AccessLogSettings" not in stage
    assert not {"DataTraceEnabled", "LoggingLevel"} & stage["DefaultRouteSettings"].keys()


def test_what_webhooks_are_to_be_told_is_put_aside_if_it_fails() -> None:
    resources = template()["Resources"]
    (target,) = resources["WebhooksRule"]["Properties"]["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": "DispatchWebhooksDeadLetters.Arn"}
    for name, start in (("DispatchWebhooks", "DispatchWebhooks"), ("DeliverWebhook", "WebhookDeliveries")):
        check_queue(resources, name, start)


def test_deliveries_are_tried_for_a_day() -> None:
    waits = [int(each) for each in template()["Parameters"]["WebhookRetrySeconds"]["Default"].split(",")]
    assert 24 * 3600 <= sum(waits) <= 26 * 3600
    assert waits == sorted(waits)


def test_one_tenants_many_delay_no_others_few() -> None:
    """Each event is in its tenant's group (fair queues), and what may take long takes one at a time."""
    resources = template()["Resources"]
    targets = [
        target
        for each in resources.values()
        if each["Type"] == "AWS::Events::Rule" and each["Properties"].get("EventBusName") == "EventBus"
        for target in each["Properties"]["Targets"]
    ]
    assert len(targets) >= 3
    assert all(target["SqsParameters"] == {"MessageGroupId": "$.detail.tenantId"} for target in targets)
    for name, source in (("MailEvents", "Queue"), ("DispatchWebhooks", "Events"), ("DeliverWebhook", "Deliveries")):
        event = resources[f"{name}Function"]["Properties"]["Events"][source]["Properties"]
        assert (event["BatchSize"], event["ScalingConfig"]["MaximumConcurrency"] > 1) == (1, True)


def test_nothing_private_is_reached_by_webhooks_but_on_the_local_aws() -> None:
    assert template()["Parameters"]["WebhookPrivateOrigins"]["Default"] == ""
    environments = tomllib.loads((ROOT / "samconfig.toml").read_text())
    named = [name for name, content in environments.items() if "WebhookPrivateOrigins" in str(content)]
    assert named == ["local"]


def test_what_can_not_be_mailed_is_put_aside() -> None:
    resources = template()["Resources"]
    function, queue = resources["MailEventsFunction"]["Properties"], resources["MailEventsQueue"]["Properties"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == "MailEventsDeadLetters.Arn"
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    (target,) = resources["MailEventsRule"]["Properties"]["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": "MailEventsDeadLetters.Arn"}
    assert function["Events"]["Queue"]["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # As long as events are mailed about, and no longer.
    assert queue["MessageRetentionPeriod"] == OLDEST.total_seconds()


def test_html_mails_take_escaped_values_alone() -> None:
    """SES puts values in as they are."""
    for name, resource in template()["Resources"].items():
        if resource["Type"] == "AWS::SES::Template":
            parts = resource["Properties"]["Template"]
            tags = {part: re.findall(r"\{\{(?!#|/|else)(.+?)\}\}", text) for part, text in parts.items()}
            assert tags["HtmlPart"], name
            assert all(tag.startswith("html.") for tag in tags["HtmlPart"]), name
            assert not [tag for tag in (*tags["SubjectPart"], *tags["TextPart"]) if "html" in tag], name
            assert "{{{" not in "".join(map(str, parts.values()))


def test_a_role_that_assumes_itself_is_known_by_its_name() -> None:
    """The name that CloudFormation makes: the stack's, the role's in the template, and a dash and 12 characters."""
    roles = [
        name.removesuffix("Function") + "Role"
        for name, each in _functions().items()
        if "TENANT_ROLE" in each.get("Environment", {}).get("Variables", {})
    ]
    assert STACK_NAME + max(map(len, roles)) + len("--123456789012") <= ROLE_NAME


def test_the_dashboard_can_be_read() -> None:
    (dashboard,) = (
        each["Properties"] for each in template()["Resources"].values() if each["Type"] == "AWS::CloudWatch::Dashboard"
    )
    widgets = json.loads(dashboard["DashboardBody"])["widgets"]
    assert all(metric for widget in widgets for metric in widget["properties"]["metrics"])
    places = [(widget["x"], widget["y"]) for widget in widgets]
    assert len(set(places)) == len(places)


def test_damaged_items_of_every_service_are_alarmed() -> None:
    # The API's own functions read nothing; what those of events can't read goes into UnpublishedEvents.
    services = {path.parent.name for path in (ROOT / "functions").glob("*/*.py")} - {"api", "events"}
    alarms = [
        metric.get("MetricStat")
        for name in ("DamagedItemsAlarm", "DamagedSearchItemsAlarm")  # one takes ten metrics
        for metric in template()["Resources"][name]["Properties"]["Metrics"]
    ]
    assert {stat["Metric"]["Dimensions"][0]["Value"] for stat in alarms if stat} == services


def test_every_dead_letter_is_alarmed_and_shown() -> None:
    resources = template()["Resources"]
    queues = {f"{name}.QueueName" for name in resources if name.endswith("DeadLetters")} | {
        "UnpublishedEvents.QueueName"
    }
    alarm = [metric.get("MetricStat") for metric in resources["DeadLettersAlarm"]["Properties"]["Metrics"]]
    assert {stat["Metric"]["Dimensions"][0]["Value"] for stat in alarm if stat} == queues
    shown = resources["PipelineDashboard"]["Properties"]["DashboardBody"]
    assert {queue for queue in queues if f"${{{queue}}}" in shown} == queues


def test_what_can_not_be_indexed_is_put_aside() -> None:
    """Changes are gathered for a second, and followed by one pass of a tenant at a time, in order."""
    resources = template()["Resources"]
    (target,) = resources["SearchChangesRule"]["Properties"]["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": "SearchChangesDeadLetters.Arn"}
    check_queue(resources, "NoteForSearch", "SearchChanges")
    event = resources["NoteForSearchFunction"]["Properties"]["Events"]["Changes"]["Properties"]
    assert (event["BatchSize"], event["MaximumBatchingWindowInSeconds"]) == (100, 1)
    function, queue = (resources[f"{name}"]["Properties"] for name in ("IndexTenantFunction", "SearchIndexingQueue"))
    (orders,) = function["Events"].values()
    assert orders["Properties"]["Queue"] == "SearchIndexingQueue.Arn"
    assert orders["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # Not six times as long: what is waited is waited by all of a tenant's changes, and two passes at once do no harm.
    assert queue["VisibilityTimeout"] == 2 * function["Timeout"]
    dead = resources["SearchIndexingDeadLetters"]["Properties"]
    assert queue["FifoQueue"] is dead["FifoQueue"] is True
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == "SearchIndexingDeadLetters.Arn"
    assert queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"] >= 60 * 60, "an outage of an hour"
    assert dead["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


def test_the_bucket_of_indexes_is_private_and_keeps_nothing_that_is_deleted() -> None:
    resources = template()["Resources"]
    for name in ("SearchBucket", "SearchBucketPolicy"):
        assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resources[name]["UpdateReplacePolicy"] == "Retain"
    bucket = resources["SearchBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert "VersioningConfiguration" not in bucket
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}


def test_the_engine_of_search_is_only_where_it_is_needed() -> None:
    """It has 17 MB, which every start of a function would unpack."""
    with_it = {name for name, each in _functions().items() if "SearchLayer" in each.get("Layers", ())}
    searching = {"CountViewsFunction", "SearchTicketsFunction", "SuggestSearchFunction"}
    searching |= {"GetReportFunction", "ListReportTicketsFunction"}
    assert searching | {"IndexTenantFunction"} <= with_it
    assert all(_functions()[name]["CodeUri"] == "functions/search" for name in with_it - searching)


def test_no_partition_is_named() -> None:
    """AWS GovCloud (US) has a partition of its own, `aws-us-gov` (docs/deploying.md)."""
    sources = [ROOT / "template.yaml", ROOT / "stack" / "bootstrap" / "account.yaml"]
    for folder in ("statemachines", "functions", "layers/ticketing/ticketing"):
        sources += [path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".yaml"}]
    assert [str(path.relative_to(ROOT)) for path in sources if re.search(r"\barn:aws[\w-]*:", path.read_text())] == []
