"""Alarms: that each looks at metrics that exist, says what it is about, and costs what docs/operating.md says."""

import re
from typing import Any

import pytest
from ministack.services.cloudformation.engine import _evaluate_conditions, _evaluate_rules

from stack.template import parsed
from tests.unit.support import ROOT, template

DOLLARS_A_METRIC = 0.10
SOURCE: dict[str, Any] = parsed((ROOT / "template.yaml").read_text())


def alarms() -> dict[str, dict[str, Any]]:
    resources = template()["Resources"]
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Alarm"}


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metrics that an alarm reads."""
    return [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each] or [alarm]


def test_every_alarm_says_what_it_is_about() -> None:
    for alarm in alarms().values():
        assert alarm["AlarmDescription"].endswith((".", ")"))
        assert alarm["AlarmActions"] == ["AlarmTopic"]
        assert len(metrics(alarm)) <= 10, "CloudWatch takes no more in one expression"


def test_every_alarm_has_its_price() -> None:
    rows = re.findall(r"^\| (\w+Alarm) \| (\d+) \| ([\d.]+) \|", (ROOT / "docs/operating.md").read_text(), re.MULTILINE)
    assert {name: int(number) for name, number, _ in rows} == {
        name: len(metrics(alarm)) for name, alarm in alarms().items()
    }
    assert all(float(price) == pytest.approx(DOLLARS_A_METRIC * int(number)) for _, number, price in rows)
    total = sum(int(number) for _, number, _ in rows)
    assert (
        f"Together {total} metrics, {total * DOLLARS_A_METRIC:.2f} $ a month."
        in (ROOT / "docs/operating.md").read_text()
    )


def test_the_throttles_of_every_table_and_index_are_watched() -> None:
    watched = {
        (metric["MetricName"], *sorted(each["Value"] for each in metric["Dimensions"]))
        for alarm in alarms().values()
        for metric in metrics(alarm)
        if metric["Namespace"] == "AWS/DynamoDB"
    }
    expected = set()
    for name, each in template()["Resources"].items():
        if each["Type"] == "AWS::DynamoDB::Table":
            indexes = [index["IndexName"] for index in each["Properties"].get("GlobalSecondaryIndexes", [])]
            for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
                expected |= {(metric, name), *((metric, *sorted((name, index))) for index in indexes)}
    assert watched == expected


def test_the_api_has_the_name_that_its_alarms_look_for() -> None:
    """An import names the API by the title of the document, a name in the template notwithstanding."""
    api = template()["Resources"]["Api"]["Properties"]
    assert api["Name"] == "AWS::StackName"
    assert api["DefinitionBody"]["info"]["title"] == {"Ref": "AWS::StackName"}
    dimensions = [
        each["Dimensions"]
        for alarm in alarms().values()
        for each in metrics(alarm)
        if "ApiGateway" in each["Namespace"]
    ]
    assert dimensions == [[{"Name": "ApiName", "Value": "AWS::StackName"}]] * 2


# --- what CloudFormation refuses before it changes anything, by the rules as the local AWS evaluates them -------------


def refusal(**chosen: str) -> str | None:
    """Return why these parameters are refused, or None."""
    values = {name: str(each.get("Default", "")) for name, each in SOURCE["Parameters"].items()} | chosen
    parameters = {
        name: {"Value": value, "NoEcho": False, "Type": SOURCE["Parameters"][name]["Type"]}
        for name, value in values.items()
    }
    try:
        _evaluate_rules(SOURCE, parameters, _evaluate_conditions(SOURCE, parameters))
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("chosen", "part"),
    [
        ({"Environment": "prod"}, "AlarmEmail"),
        ({"Environment": "dev", "MonthlyBudget": "50"}, "AlarmEmail"),
        ({"Environment": "dev", "DomainName": "tickets.example.com"}, "CertificateArn"),
        ({"Environment": "dev", "LiveDomainName": "live.example.com"}, "CertificateArn"),
    ],
)
def test_what_is_not_deployed(chosen: dict[str, str], part: str) -> None:
    assert part in (refusal(**chosen) or "")


@pytest.mark.parametrize(
    "chosen",
    [
        {"Environment": "local"},
        {"Environment": "prod", "AlarmEmail": "operations@example.com", "MonthlyBudget": "50"},
        {"Environment": "dev", "LiveDomainName": "live.example.com", "CertificateArn": "arn:aws:acm:::certificate/1"},
    ],
)
def test_what_is_deployed(chosen: dict[str, str]) -> None:
    assert refusal(**chosen) is None


# --- what is kept and what is not logged ------------------------------------------------------------------------------


def test_every_log_outlives_the_stack() -> None:
    groups = [each for each in template()["Resources"].values() if each["Type"] == "AWS::Logs::LogGroup"]
    assert len(groups) > 10
    assert {(each["DeletionPolicy"], each["UpdateReplacePolicy"]) for each in groups} == {
        ("RetainExceptOnCreate", "Retain")
    }
    # So a new stack of the same name must find no group in its way.
    named = [each for each in SOURCE["Resources"].values() if each.get("Properties", {}).get("LogGroupName")]
    assert len(named) == 2
    for group in named:
        text, values = group["Properties"]["LogGroupName"]["Fn::Sub"]
        assert text.startswith("/aws/vendedlogs/")
        assert text.endswith("/${Id}")
        assert values == {"Id": {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}}


def test_no_access_log_can_hold_a_token() -> None:
    condition, settings, without = SOURCE["Resources"]["Api"]["Properties"]["AccessLogSetting"]["Fn::If"]
    assert (condition, without) == ("LogsAccess", {"Ref": "AWS::NoValue"})
    logged = set(re.findall(r"\$context\.([\w.]+)", settings["Format"]))
    assert logged == {
        *("authorizer.tenantId", "authorizer.userId", "error.responseType", "httpMethod", "identity.sourceIp"),
        *(
            "integrationLatency",
            "requestId",
            "requestTime",
            "resourcePath",
            "responseLatency",
            "responseLength",
            "status",
        ),
    }


# --- parameters that are absent by default ---------------------------------------------------------------------------


def test_what_starts_the_lifecycle_or_authorizes_or_publishes_can_have_concurrency_of_its_own() -> None:
    reserved: dict[str, set[str]] = {}
    for name, each in SOURCE["Resources"].items():
        if value := each.get("Properties", {}).get("ReservedConcurrentExecutions"):
            _, parameter, without = value["Fn::If"]
            assert without == {"Ref": "AWS::NoValue"}
            reserved.setdefault(parameter["Ref"], set()).add(name)
            assert SOURCE["Parameters"][parameter["Ref"]]["Default"] == ""
    starters = {
        name
        for name, each in template()["Resources"].items()
        if "TICKET_LIFECYCLE" in each.get("Properties", {}).get("Environment", {}).get("Variables", {})
    }
    assert reserved == {
        "AuthorizerConcurrency": {"AuthorizeFunction", "AuthorizeConnectionFunction"},
        "LifecycleConcurrency": starters,
        "PublisherConcurrency": {"PublishEventsFunction"},
    }


def test_a_domain_takes_the_place_of_api_gateways_own_address() -> None:
    resources = template()["Resources"]
    for api, condition in (("Api", "HasDomain"), ("LiveApi", "HasLiveDomain")):
        assert resources[api]["Properties"]["DisableExecuteApiEndpoint"] == [condition, True, False]
    # What posts to connections uses the domain as well: the other address is closed to it, too.
    for function in ("PushEventFunction", "ReceiveMessageFunction"):
        endpoint = resources[function]["Properties"]["Environment"]["Variables"]["LIVE_ENDPOINT"]
        assert endpoint[:2] == ["HasLiveDomain", "https://${LiveDomainName}"]
