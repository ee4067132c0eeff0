"""Cognito as AWS has it: who may sign up, which attributes a client may write, codes, and disabled accounts.

The emulator has several of these checks, but makes them only together with its checks of IAM.
"""

import secrets
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from local.emulator.calls import Response
from local.emulator.loading import MiniStack
from local.emulator.patching import replace, require, rewrite

type Attributes = list[dict[str, str]]

_ALWAYS = {"    from ministack.app import AUTH\n": "    AUTH = True\n"}


def patch(emulator: MiniStack) -> None:
    """Let the emulator's Cognito refuse what AWS refuses.

    Raises
    ------
    EmulatorError
        If what this builds on is not there.
    """
    cognito = emulator.cognito
    for name in ("_admin_disable_user", "_refresh_auth_user", "_run_idp_handler"):
        rewrite(cognito, name, _ALWAYS)
    _make_codes_random(cognito)
    _verify_addresses_by_codes(cognito)
    _remove_blank_attributes(cognito)
    _Rules(cognito).install()


def _make_codes_random(cognito: ModuleType) -> None:
    for name, fixed in (
        ("_sign_up", '"123456"'),
        ("_resend_confirmation_code", 'user.get("_confirmation_code") or "123456"'),
        ("_forgot_password", '"654321"'),
        ("_admin_reset_user_password", '"654321"'),
    ):
        rewrite(cognito, name, {fixed: "_new_code()"}, _new_code=_new_code)


def _new_code() -> str:
    return f"{secrets.randbelow(1_000_000):06}"


def _verify_addresses_by_codes(cognito: ModuleType) -> None:
    """Mark an address as verified when its owner enters a code that was sent to it."""
    change = '    user["UserStatus"] = "CONFIRMED"\n'
    verified = '    user["Attributes"] = _merge_attributes(user["Attributes"], _VERIFIED)\n'
    names = {"_VERIFIED": [{"Name": "email_verified", "Value": "true"}]}
    for name in ("_confirm_sign_up", "_confirm_forgot_password"):
        rewrite(cognito, name, {change: change + verified}, **names)


def _remove_blank_attributes(cognito: ModuleType) -> None:
    """Let an empty value remove an attribute."""
    merge = require(cognito, "_merge_attributes", "existing", "updates")

    def merge_without_blanks(existing: Attributes, updates: Attributes) -> Attributes:
        return [attribute for attribute in merge(existing, updates) if attribute["Value"]]

    replace(cognito, "_merge_attributes", merge_without_blanks)


class _Rules:
    """The rules for signing up and for changing one's own attributes."""

    def __init__(self, cognito: ModuleType) -> None:
        self._cognito = cognito
        self._sign_up: Callable[..., Response] = require(cognito, "_sign_up", "data")
        self._update: Callable[..., Response] = require(cognito, "_update_user_attributes", "data")
        self._dispatch: Callable[..., Awaitable[Response]] = require(cognito, "_dispatch_idp", "action", "data")
        self._pool_of = require(cognito, "_pool_for_client", "cid")
        self._claims_of = require(cognito, "_token_claims", "token")
        self._user_of = require(cognito, "_user_pool_for_access_token", "access_token")
        self._find = require(cognito, "_resolve_user", "pool", "username")
        self._merge = require(cognito, "_merge_attributes", "existing", "updates")
        self._code_error = require(cognito, "_code_error", "issued", "code")
        self._mail = require(
            cognito, "_send_verification_email", "pool", "username", "attr_dict", "code", "attribute_name"
        )

    def install(self) -> None:
        replace(self._cognito, "_sign_up", self._check_and_sign_up)
        replace(self._cognito, "_update_user_attributes", self._check_and_update)
        replace(self._cognito, "_dispatch_idp", self._dispatch_with_verification)

    async def _dispatch_with_verification(self, action: str, data: dict[str, Any]) -> Response:
        """Add the two calls that verify a changed address, which the emulator does not have."""
        more = {"GetUserAttributeVerificationCode": self._send_code, "VerifyUserAttribute": self._verify}
        if action not in more:
            return await self._dispatch(action, data)
        response: Response = self._cognito._run_idp_handler(more[action], action, data)  # noqa: SLF001
        return response

    def _check_and_sign_up(self, data: dict[str, Any]) -> Response:
        pool, _ = self._pool_of(data.get("ClientId"))
        if pool is not None:
            config = pool.get("AdminCreateUserConfig") or {}
            if str(config.get("AllowAdminCreateUserOnly")).lower() == "true":
                return self._refuse("NotAuthorizedException", "SignUp is not permitted for this user pool")
            if self._may_not_write(pool, data["ClientId"], data.get("UserAttributes", [])):
                return self._unauthorized_attribute()
        return self._sign_up(data)

    def _check_and_update(self, data: dict[str, Any]) -> Response:
        token, attributes = data.get("AccessToken", ""), data.get("UserAttributes", [])
        user, pool = self._user_of(token)
        if user is None:
            return self._update(data)
        if self._may_not_write(pool, self._claims_of(token).get("client_id"), attributes):
            return self._unauthorized_attribute()
        email = next((each["Value"] for each in attributes if each["Name"] == "email"), None)
        if email is None or email == self._value(user, "email"):
            return self._update(data)
        if (other := self._find(pool, email)[0]) is not None and other is not user:
            return self._refuse("AliasExistsException", "An account with the email already exists.")
        # The template's pool takes a new address when it is verified (AttributesRequireVerificationBeforeUpdate).
        user["_new_email"] = email
        self._update({**data, "UserAttributes": [each for each in attributes if each["Name"] != "email"]})
        return self._send_code(data)

    def _send_code(self, data: dict[str, Any]) -> Response:
        user, pool = self._user_of(data.get("AccessToken"))
        user["_attribute_code"] = _new_code()
        email = user.get("_new_email") or self._value(user, "email")
        self._mail(pool, user["Username"], {"email": email}, user["_attribute_code"])
        delivery = {"Destination": email, "DeliveryMedium": "EMAIL", "AttributeName": "email"}
        return self._answer(
            {"CodeDeliveryDetailsList": [delivery]} if "UserAttributes" in data else {"CodeDeliveryDetails": delivery}
        )

    def _verify(self, data: dict[str, Any]) -> Response:
        user, _ = self._user_of(data.get("AccessToken"))
        error: Response | None = self._code_error(user.get("_attribute_code"), data.get("Code"))
        if error is not None:
            return error
        del user["_attribute_code"]
        proven = {"email": user.pop("_new_email", self._value(user, "email")), "email_verified": "true"}
        found = [{"Name": name, "Value": value} for name, value in proven.items()]
        user["Attributes"] = self._merge(user["Attributes"], found)
        return self._answer({})

    @staticmethod
    def _may_not_write(pool: dict[str, Any], client_id: str | None, attributes: Attributes) -> bool:
        """Return whether the client may not write one of the attributes; without a list, it may write all."""
        allowed = pool["_clients"].get(client_id, {}).get("WriteAttributes")
        return bool(allowed) and not {each["Name"] for each in attributes} <= set(allowed)

    def _value(self, user: dict[str, Any], name: str) -> str:
        return next((each["Value"] for each in user["Attributes"] if each["Name"] == name), "")

    def _unauthorized_attribute(self) -> Response:
        return self._refuse("NotAuthorizedException", "A client attempted to write unauthorized attribute")

    def _refuse(self, code: str, message: str) -> Response:
        response: Response = self._cognito.error_response_json(code, message, 400)
        return response

    def _answer(self, content: dict[str, object]) -> Response:
        response: Response = self._cognito.json_response(content)
        return response
