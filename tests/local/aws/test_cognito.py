"""What people may do with their own accounts, as Cognito has it."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.harness.stack import Stack


@pytest.fixture
def cognito(stack: Stack) -> Any:
    return stack.client("cognito-idp")


@pytest.fixture
def email() -> str:
    return f"{uuid4()}@signup.example"


def sign_up(stack: Stack, cognito: Any, email: str, **attributes: str) -> None:
    given = {"email": email, **attributes}
    cognito.sign_up(
        ClientId=stack.outputs["UserPoolClientId"],
        Username=email,
        Password=stack.password,
        UserAttributes=[{"Name": name, "Value": value} for name, value in given.items()],
    )


def confirm(stack: Stack, cognito: Any, email: str, code: str) -> None:
    cognito.confirm_sign_up(ClientId=stack.outputs["UserPoolClientId"], Username=email, ConfirmationCode=code)


def sign_in(stack: Stack, cognito: Any, email: str) -> dict[str, str]:
    """Return the tokens of somebody who signs in with the password that all have here."""
    tokens: dict[str, str] = cognito.initiate_auth(
        ClientId=stack.outputs["UserPoolClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": stack.password},
    )["AuthenticationResult"]
    return tokens


def refresh(stack: Stack, cognito: Any, token: str) -> None:
    cognito.initiate_auth(
        ClientId=stack.outputs["UserPoolClientId"],
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": token},
    )


def attributes_of(stack: Stack, cognito: Any, email: str) -> dict[str, str]:
    user = cognito.admin_get_user(UserPoolId=stack.outputs["UserPoolId"], Username=email)
    return {attribute["Name"]: attribute["Value"] for attribute in user["UserAttributes"]}


def refusal(call: Callable[..., object], **parameters: object) -> str:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return str(error.value.response["Error"]["Code"])


@pytest.fixture
def member(stack: Stack, cognito: Any, email: str) -> str:
    """Somebody who has signed up and confirmed their address."""
    sign_up(stack, cognito, email)
    confirm(stack, cognito, email, stack.mailed_code(email))
    return email


def test_signing_up_takes_the_code_that_was_mailed(stack: Stack, cognito: Any, email: str) -> None:
    sign_up(stack, cognito, email)
    (mail,) = stack.mails(email)
    assert mail.subject == "Your code for the ticket system"
    assert "email_verified" not in attributes_of(stack, cognito, email)
    code = stack.mailed_code(email)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    with pytest.raises(cognito.exceptions.CodeMismatchException):
        confirm(stack, cognito, email, wrong)
    with pytest.raises(cognito.exceptions.UserNotConfirmedException):
        sign_in(stack, cognito, email)
    confirm(stack, cognito, email, code)
    assert attributes_of(stack, cognito, email)["email_verified"] == "true"
    assert sign_in(stack, cognito, email)


@pytest.mark.parametrize("attribute", ["custom:tenantId", "name", "email_verified"])
def test_no_client_writes_more_than_the_address(stack: Stack, cognito: Any, member: str, attribute: str) -> None:
    with pytest.raises(cognito.exceptions.NotAuthorizedException):
        sign_up(stack, cognito, f"other-{member}", **{attribute: "x"})
    token, given = sign_in(stack, cognito, member)["AccessToken"], [{"Name": attribute, "Value": "x"}]
    with pytest.raises(cognito.exceptions.NotAuthorizedException):
        cognito.update_user_attributes(AccessToken=token, UserAttributes=given)


def test_a_changed_address_has_to_be_proved(stack: Stack, cognito: Any, member: str) -> None:
    token, new = sign_in(stack, cognito, member)["AccessToken"], f"new-{member}"

    def change(address: str) -> None:
        cognito.update_user_attributes(AccessToken=token, UserAttributes=[{"Name": "email", "Value": address}])

    with pytest.raises(cognito.exceptions.AliasExistsException):
        change("agent@acme.example")
    change(new)
    assert attributes_of(stack, cognito, member)["email_verified"] == "true"
    with pytest.raises(cognito.exceptions.UserNotFoundException):
        attributes_of(stack, cognito, new)  # until then it stays who it was
    with pytest.raises(cognito.exceptions.CodeMismatchException):
        cognito.verify_user_attribute(AccessToken=token, AttributeName="email", Code="none")
    cognito.get_user_attribute_verification_code(AccessToken=token, AttributeName="email")
    assert len(stack.mails(new)) == 2
    cognito.verify_user_attribute(AccessToken=token, AttributeName="email", Code=stack.mailed_code(new))
    assert attributes_of(stack, cognito, new)["email_verified"] == "true"
    with pytest.raises(cognito.exceptions.UserNotFoundException):
        attributes_of(stack, cognito, member)


def test_a_disabled_account_ends_all_that_it_began(stack: Stack, cognito: Any, member: str) -> None:
    pool, tokens = stack.outputs["UserPoolId"], sign_in(stack, cognito, member)
    cognito.admin_disable_user(UserPoolId=pool, Username=member)
    for ending in (
        lambda: sign_in(stack, cognito, member),
        lambda: refresh(stack, cognito, tokens["RefreshToken"]),
        lambda: cognito.get_user(AccessToken=tokens["AccessToken"]),
    ):
        assert refusal(ending) == "NotAuthorizedException"
    cognito.admin_enable_user(UserPoolId=pool, Username=member)
    assert refusal(lambda: refresh(stack, cognito, tokens["RefreshToken"])) == "NotAuthorizedException"
    refresh(stack, cognito, sign_in(stack, cognito, member)["RefreshToken"])


def test_a_forgotten_password_takes_the_code_that_was_mailed(stack: Stack, cognito: Any, member: str) -> None:
    client, password = stack.outputs["UserPoolClientId"], "Another-password-2"
    cognito.forgot_password(ClientId=client, Username=member)
    change = {"ClientId": client, "Username": member, "Password": password}
    assert refusal(cognito.confirm_forgot_password, **change, ConfirmationCode="none") == "CodeMismatchException"
    cognito.confirm_forgot_password(**change, ConfirmationCode=stack.mailed_code(member))
    with pytest.raises(cognito.exceptions.NotAuthorizedException):
        sign_in(stack, cognito, member)


def test_a_blank_value_removes_an_attribute(stack: Stack, cognito: Any, member: str) -> None:
    pool = stack.outputs["UserPoolId"]
    for value, expected in (("t", {"t"}), ("", set[str]())):
        given = [{"Name": "custom:tenantId", "Value": value}]
        cognito.admin_update_user_attributes(UserPoolId=pool, Username=member, UserAttributes=given)
        attributes = attributes_of(stack, cognito, member)
        assert {attributes[name] for name in attributes if name == "custom:tenantId"} == expected


def test_nobody_signs_up_where_admins_invite(stack: Stack, cognito: Any, email: str) -> None:
    pool = stack.outputs["UserPoolId"]
    before = cognito.describe_user_pool(UserPoolId=pool)["UserPool"]["AdminCreateUserConfig"]
    cognito.update_user_pool(UserPoolId=pool, AdminCreateUserConfig=before | {"AllowAdminCreateUserOnly": True})
    try:
        with pytest.raises(cognito.exceptions.NotAuthorizedException):
            sign_up(stack, cognito, email)
    finally:
        cognito.update_user_pool(UserPoolId=pool, AdminCreateUserConfig=before)
    sign_up(stack, cognito, email)
