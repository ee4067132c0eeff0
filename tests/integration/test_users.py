"""Users from sign-up to their last day, on the running API with the real flows of Cognito."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from local.stack.client import invoke
from tests.harness.client import Client
from tests.harness.people import TICKET, Accounts, OwnTenant
from tests.harness.stack import Stack

type Found = Callable[[], OwnTenant]


@pytest.fixture(scope="module")
def tenant(found_tenant: Found) -> OwnTenant:
    return found_tenant()


def _me(caller: Client) -> dict[str, Any]:
    answer = caller.get("/v1/users/me", expect=200)
    me: dict[str, Any] = answer.json()
    return me


def _person(tenant: OwnTenant, role: str) -> tuple[Client, str]:
    """Let somebody join and return them with the path to their user."""
    caller = tenant.join(role)
    return caller, f"/v1/users/{_me(caller)['id']}"


def _sign_in(stack: Stack, email: str, password: str) -> Any:
    return stack.client("cognito-idp").initiate_auth(
        ClientId=stack.outputs["UserPoolClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": password},
    )


# --- joining ---------------------------------------------------------------------------------------------------------


def test_who_is_invited_gets_a_mail_and_comes_in_with_it(
    stack: Stack, tenant: OwnTenant, accounts: Accounts, connect: Callable[..., Client]
) -> None:
    invited = tenant.invite("agent", name="Nia New")
    (mail,) = stack.mails(to=invited["email"])
    found = re.search(r"password (\S+)", mail.text)
    assert found is not None
    challenge = _sign_in(stack, invited["email"], found[1].rstrip("."))
    assert challenge["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    answer = stack.client("cognito-idp").respond_to_auth_challenge(
        ClientId=stack.outputs["UserPoolClientId"],
        ChallengeName="NEW_PASSWORD_REQUIRED",
        Session=challenge["Session"],
        ChallengeResponses={"USERNAME": invited["email"], "NEW_PASSWORD": stack.password},
    )
    newcomer = connect(token=answer["AuthenticationResult"]["IdToken"])
    (invitation,) = newcomer.get("/v1/users/me/invitations").json()
    shown = {"id": tenant.id, "tenantName": tenant.name, "role": "agent", "expiresAt": invited["invitedUntil"]}
    assert invitation == shown
    assert newcomer.post(f"/v1/users/me/invitations/{invitation['id']}/accept").status_code == 200
    caller = accounts.member(invited["email"])
    me = _me(caller)
    assert (me["id"], me["name"], me["role"], me["tenantId"]) == (invited["id"], "Nia New", "agent", tenant.id)
    assert caller.get("/v1/tickets").status_code == 200


def test_two_invitations_at_once_make_one_user(tenant: OwnTenant) -> None:
    body = {"email": f"{uuid4()}@founded.example", "role": "reporter"}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: tenant.admin.post("/v1/users", json=body), range(4)))
    assert {answer.status_code for answer in answers} <= {200, 201, 409, 429}
    assert len({answer.json()["id"] for answer in answers if answer.is_success}) == 1
    assert len(tenant.admin.get("/v1/users", params={"email": body["email"]}).json()) == 1


def test_an_invitation_blocks_nobody_and_tells_nothing_of_others(
    stack: Stack, found_tenant: Found, accounts: Accounts
) -> None:
    """One tenant squats an address that another invites; the owner chooses, and the first learns nothing of it."""
    squatter, other = found_tenant(), found_tenant()
    squatted = squatter.invite("admin")
    email, body = squatted["email"], {"email": squatted["email"], "role": "agent", "name": "Ceo"}
    asked = other.admin.post("/v1/users", json=body)
    plain = other.admin.post("/v1/users", json=body | {"email": f"{uuid4()}@founded.example"})
    assert (
        (asked.status_code, asked.json().keys()) == (plain.status_code, plain.json().keys()) == (201, squatted.keys())
    )
    assert len(stack.mails(to=email)) == 1  # its password is for both

    accounts.choose_password(email)
    owner = accounts.caller(email)
    assert {each["id"] for each in owner.get("/v1/users/me/invitations").json()} == {squatter.id, other.id}
    assert squatter.admin.delete(f"/v1/users/{squatted['id']}").status_code == 204
    accept = "/v1/users/me/invitations/{}/accept".format
    assert owner.post(accept(squatter.id)).json()["code"] == "invitation_not_found"
    assert owner.post(accept(other.id)).json()["role"] == "agent"
    assert _me(accounts.member(email))["tenantId"] == other.id
    again = squatter.admin.post("/v1/users", json={"email": email, "role": "reporter"})
    assert (again.status_code, again.json()["role"]) == (201, "reporter")  # of who is elsewhere by now, nothing is told
    assert owner.post(accept(squatter.id)).json()["code"] == "conflict"


@pytest.mark.parametrize("attribute", ["custom:tenantId", "name", "locale"])
def test_cognitos_own_api_takes_no_attribute_but_the_address(stack: Stack, tenant: OwnTenant, attribute: str) -> None:
    cognito, client_id = stack.client("cognito-idp"), stack.outputs["UserPoolClientId"]
    tokens = _sign_in(stack, tenant.email, stack.password)["AuthenticationResult"]
    stolen = [{"Name": attribute, "Value": "ac3e0000-0000-4000-8000-000000000001"}]
    with pytest.raises(ClientError, match="unauthorized attribute") as changing:
        cognito.update_user_attributes(AccessToken=tokens["AccessToken"], UserAttributes=stolen)
    assert changing.value.response["Error"]["Code"] == "NotAuthorizedException"
    email = f"{uuid4()}@founded.example"
    own = [{"Name": "email", "Value": email}]
    with pytest.raises(ClientError, match="unauthorized attribute") as signing_up:
        cognito.sign_up(ClientId=client_id, Username=email, Password=stack.password, UserAttributes=own + stolen)
    assert signing_up.value.response["Error"]["Code"] == "NotAuthorizedException"
    with pytest.raises(ClientError, match="UserNotFound"):
        cognito.admin_get_user(UserPoolId=stack.outputs["UserPoolId"], Username=email)
    assert _me(tenant.admin)["tenantId"] == tenant.id


# --- changing roles, leaving -----------------------------------------------------------------------------------------


def test_a_changed_role_voids_the_tokens_with_the_old_one(tenant: OwnTenant, accounts: Accounts) -> None:
    email = tenant.add("agent")["email"]
    tokens = [accounts.token(email), accounts.token(email)]
    before = accounts.connect(token=tokens[0])
    url = f"/v1/users/{_me(before)['id']}"
    assert before.get("/v1/users").status_code == 200
    assert tenant.admin.patch(url, json={"role": "reporter"}).json()["role"] == "reporter"
    if tokens[1] != tokens[0]:  # one that the gateway has not seen yet
        assert accounts.connect(token=tokens[1]).get("/v1/users").status_code == 401
    after = accounts.member(email)
    assert _me(after)["role"] == "reporter"
    assert after.get("/v1/users").status_code == 403


def test_who_is_deactivated_is_locked_out_and_keeps_a_name(stack: Stack, tenant: OwnTenant, accounts: Accounts) -> None:
    email = tenant.add("agent", name="Lea Leaver")["email"]
    leaver = accounts.member(email)
    unused = accounts.token(email)
    url = f"/v1/users/{_me(leaver)['id']}"
    ticket = leaver.post("/v1/tickets", json=TICKET).headers["Location"]
    assert tenant.admin.patch(ticket, json={"assignedToId": _me(leaver)["id"]}).status_code == 200

    assert tenant.admin.delete(url).status_code == 204
    assert tenant.admin.delete(url).status_code == 204
    assert accounts.connect(token=unused).get("/v1/tickets").status_code == 401
    with pytest.raises(ClientError, match="disabled"):
        _sign_in(stack, email, stack.password)

    shown = tenant.admin.get(ticket, params={"expand": "reporter,assignedTo"}).json()
    somebody = {"id": shown["reporterId"], "name": "Lea Leaver", "active": False}
    assert (shown["reporter"], shown["assignedTo"]) == (somebody, somebody)
    first = tenant.admin.get(f"{ticket}/history", params={"expand": "actor"}).json()[0]
    assert (first["actor"]["name"], first["actor"]["active"]) == ("Lea Leaver", False)
    other = tenant.admin.post("/v1/tickets", json=TICKET).headers["Location"]
    refused = tenant.admin.patch(other, json={"assignedToId": shown["reporterId"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_reference")

    assert tenant.admin.patch(url, json={"active": True}).json()["active"] is True
    assert _me(accounts.member(email))["name"] == "Lea Leaver"


def test_whoever_signs_out_everywhere_is_out_everywhere(stack: Stack, tenant: OwnTenant, accounts: Accounts) -> None:
    email = tenant.invite("agent")["email"]
    accounts.accept(email, tenant.id)
    accounts.member(email)
    tokens = _sign_in(stack, email, stack.password)["AuthenticationResult"]
    time.sleep(1)  # a token of another second, which API Gateway has not seen
    caller, unused = accounts.connect(token=tokens["IdToken"]), accounts.token(email)
    caller.post("/v1/users/me/sign-out", expect=204)
    caller.post("/v1/users/me/sign-out", expect=401)  # with a token that was ended, it would end nothing
    assert accounts.connect(token=unused).get("/v1/users/me").status_code == 401
    with pytest.raises(ClientError, match="NotAuthorized"):
        stack.client("cognito-idp").initiate_auth(
            ClientId=stack.outputs["UserPoolClientId"],
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]},
        )
    assert _me(accounts.member(email))["active"] is True


def test_whoever_is_disabled_in_cognito_is_locked_out_by_the_next_run(
    stack: Stack, tenant: OwnTenant, accounts: Accounts
) -> None:
    """The run every five minutes, which does not compare everything."""
    email = tenant.invite("agent")["email"]
    accounts.accept(email, tenant.id)
    user_id = _me(accounts.member(email))["id"]
    time.sleep(1)
    unused = accounts.token(email)
    stack.client("cognito-idp").admin_disable_user(UserPoolId=stack.outputs["UserPoolId"], Username=email)
    invoke(stack.aws_port, stack.outputs["ReconcileUsersName"], {})
    assert accounts.connect(token=unused).get("/v1/users/me").status_code == 401
    assert tenant.admin.get(f"/v1/users/{user_id}").json()["active"] is False


def test_an_admin_who_is_dismissed_deletes_nothing_in_the_minute_that_is_left(found_tenant: Found) -> None:
    tenant = found_tenant()
    dismissed, url = _person(tenant, "admin")
    ticket = dismissed.post("/v1/tickets", json=TICKET).headers["Location"]
    webhook = {"url": "https://1.1.1.1/in", "eventTypes": ["*"], "active": False}
    webhook_url = dismissed.post("/v1/webhooks", json=webhook).headers["Location"]
    key = dismissed.post("/v1/api-keys", json={"name": "K", "role": "agent"}).headers["Location"]
    assert tenant.admin.patch(url, json={"role": "agent"}).status_code == 200
    for answer in (
        dismissed.delete(ticket),
        dismissed.delete(webhook_url),
        dismissed.delete(key),
        dismissed.patch("/v1/tenant", json={"name": "Mine"}),
        dismissed.delete("/v1/tenant", params={"name": tenant.name}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert tenant.admin.get(ticket).status_code == 200
    assert tenant.admin.get("/v1/tenant").json()["name"] == tenant.name


def test_two_admins_who_demote_each_other_leave_one(found_tenant: Found) -> None:
    tenant = found_tenant()
    other, url_of_other = _person(tenant, "admin")
    url_of_first = f"/v1/users/{_me(tenant.admin)['id']}"
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda pair: pair[0].patch(pair[1], json={"role": "agent"}),
                [(tenant.admin, url_of_other), (other, url_of_first)],
            )
        )
    # Who comes second is the last admin, or no admin any more; that depends on how far the first is.
    codes = {answer.status_code: answer.json().get("code") for answer in answers}
    assert codes in ({200: None, 409: "last_admin"}, {200: None, 403: "forbidden"})
    seen = tenant.admin.get("/v1/users", params={"role": "admin"}).json()
    assert len(seen) == 1


@pytest.mark.parametrize("way", ["deactivate", "demote", "PATCH inactive"])
def test_the_last_admin_stays(tenant: OwnTenant, way: str) -> None:
    before = _me(tenant.admin)
    url = f"/v1/users/{before['id']}"
    answer = {
        "deactivate": lambda: tenant.admin.delete(url),
        "demote": lambda: tenant.admin.patch(url, json={"role": "reporter"}),
        "PATCH inactive": lambda: tenant.admin.patch(url, json={"active": False}),
    }[way]()
    assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
    assert _me(tenant.admin) == before


# --- lists and profiles ----------------------------------------------------------------------------------------------


def test_people_are_listed_by_name_page_by_page_and_by_prefix(found_tenant: Found) -> None:
    tenant = found_tenant()
    names = ["Äpfel Anton", "anna Berg", "Anna Zweig", "Bo", "Zoë"]
    for name in names:
        tenant.invite("agent" if name.startswith("A") else "reporter", name=name)
    assert tenant.admin.patch("/v1/users/me", json={"name": "Zzz Founder"}).status_code == 200

    seen = [user["name"] for page in tenant.admin.pages("/v1/users", limit=2) for user in page]
    assert seen == ["anna Berg", "Anna Zweig", "Bo", "Zoë", "Zzz Founder", "Äpfel Anton"]

    def listed(**params: str) -> list[str]:
        return [user["name"] for user in tenant.admin.get("/v1/users", params=params).json()]

    assert listed(name="ANNA") == ["anna Berg", "Anna Zweig"]
    assert listed(name="anna", role="agent") == ["Anna Zweig"]
    assert listed(role="admin") == ["Zzz Founder"]
    assert listed(active="false") == []
    assert listed(name="nobody") == []


def test_a_profile_is_changed_by_its_owner_alone(tenant: OwnTenant) -> None:
    caller, url = _person(tenant, "reporter")
    before = _me(caller)
    assert before["notifications"] == dict.fromkeys(before["notifications"], True)
    changed = caller.patch(
        "/v1/users/me",
        json={"name": "Rita", "locale": "de-CH", "timeZone": "Europe/Zurich", "notifications": {"resolved": False}},
        if_match=f'"{before["version"]}"',
    )
    assert changed.status_code == 200
    assert changed.json()["notifications"] == before["notifications"] | {"resolved": False}
    assert caller.patch("/v1/users/me", json={"name": "X"}, if_match='"1"').status_code == 412
    shown = tenant.admin.get(url).json()
    assert (shown["name"], shown["locale"], shown["timeZone"]) == ("Rita", "de-CH", "Europe/Zurich")
    assert "notifications" not in shown


# --- tickets name people ---------------------------------------------------------------------------------------------


def test_a_list_names_people_with_one_batch_read(stack: Stack, tenant: OwnTenant) -> None:
    agent, url = _person(tenant, "agent")
    for _ in range(3):
        body = TICKET | {"assignedToId": url.rpartition("/")[2]}
        assert agent.post("/v1/tickets", json=body).status_code == 201
    before = stack.calls.read_text().count('"BatchGetItem"')
    listed = agent.get("/v1/tickets", params={"expand": "reporter,assignedTo", "limit": "3"}).json()
    assert stack.calls.read_text().count('"BatchGetItem"') == before + 1
    me = _me(agent)
    somebody = {"id": me["id"], "name": me["name"], "active": True}
    assert [(each["reporter"], each["assignedTo"]) for each in listed] == [(somebody, somebody)] * 3


@pytest.mark.parametrize("field", ["assignedToId", "reporterId"])
@pytest.mark.parametrize("who", ["nobody", "another tenant's", "deactivated", "reporter"])
def test_a_ticket_names_active_people_of_the_tenant(
    tenant: OwnTenant, found_tenant: Found, field: str, who: str
) -> None:
    match who:
        case "nobody":
            user_id = str(uuid4())
        case "another tenant's":
            user_id = _me(found_tenant().admin)["id"]
        case "deactivated":
            user_id = tenant.invite("agent")["id"]
            assert tenant.admin.delete(f"/v1/users/{user_id}").status_code == 204
        case _:
            user_id = tenant.invite("reporter")["id"]
    made = tenant.admin.post("/v1/tickets", json=TICKET | {field: user_id})
    if (who, field) == ("reporter", "reporterId"):
        assert made.status_code == 201
        return
    assert (made.status_code, made.json()["code"]) == (422, "invalid_reference")
    assert made.json()["details"][0].startswith(f"{field}: ")
    ticket = tenant.admin.post("/v1/tickets", json=TICKET)
    url = ticket.headers["Location"]
    for change in ({field: user_id}, {field: user_id, "status": "OPEN"}):
        answer = tenant.admin.patch(url, json=change)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_reference")
    assert tenant.admin.get(url).json() == ticket.json()
