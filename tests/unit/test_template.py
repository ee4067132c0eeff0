"""What the template promises where the local AWS would not notice."""

from tests.unit.support import template


def test_no_client_can_choose_its_tenant() -> None:
    client = template()["Resources"]["UserPoolClient"]["Properties"]
    assert "custom:tenantId" in client["ReadAttributes"]
    assert "custom:tenantId" not in client["WriteAttributes"]


def test_nobody_signs_in_by_password_alone_outside_of_the_local_aws() -> None:
    _, local, others = template()["Resources"]["UserPoolClient"]["Properties"]["ExplicitAuthFlows"]
    _, dev, elsewhere = others
    assert "ALLOW_USER_PASSWORD_AUTH" in local
    assert "ALLOW_USER_PASSWORD_AUTH" not in dev
    assert elsewhere == ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]


def test_the_api_has_one_stage() -> None:
    """Without OpenApiVersion SAM makes another one, "Stage", which no throttling applies to."""
    api = template()["Resources"]["Api"]["Properties"]
    assert (api["StageName"], str(api["OpenApiVersion"])) == ("api", "3.0.1")


def test_the_case_of_an_address_is_nothing_to_sign_in_by() -> None:
    pool = template()["Resources"]["UserPool"]["Properties"]
    assert pool["UsernameConfiguration"] == {"CaseSensitive": False}


def test_data_outlives_a_mistake() -> None:
    resources = template()["Resources"]
    for name in ("TicketsTable", "UserPool"):
        assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resources[name]["UpdateReplacePolicy"] == "Retain"
    table = resources["TicketsTable"]["Properties"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}


def test_every_function_has_a_role_and_a_log_of_its_own() -> None:
    resources = template()["Resources"]
    functions = {name for name, each in resources.items() if each["Type"] == "AWS::Serverless::Function"}
    for function in functions:
        name = function.removesuffix("Function")
        assert resources[function]["Properties"]["Role"] == f"{name}Role.Arn"
        assert resources[function]["Properties"]["LoggingConfig"] == {"LogGroup": f"{name}Logs"}
        assert resources[f"{name}Logs"]["Properties"]["RetentionInDays"] == "LogRetentionDays"
