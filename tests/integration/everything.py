"""All that the system can do, done once: for tests that look at the AWS calls it makes.

What HTTP requests alone do not bring about (what was cut off, changed by hand in Cognito, or has become old) is put
into the tables and the user pool before the function that deals with it is called.
"""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from uuid import uuid4

import httpx

from local.settings import STACK_NAME
from local.stack.mails import Mail
from tests.harness.files import Objects
from tests.harness.people import DOMAIN, TICKET, Accounts, OwnTenant
from tests.harness.postbox import until
from tests.harness.receiver import SECONDS, Receiver, answering, in_turn
from tests.harness.search import Index
from tests.harness.sockets import opened, opened_by_a_browser
from tests.harness.stack import Stack
from tests.integration.every_attachment import EveryAttachment, expired
from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.tables import update_of
from ticketing.live.limits import COUNTED_EVERY
from ticketing.search.port import Changes
from ticketing.webhooks.models import MOST_WAITING, TOO_MANY_WAIT
from ticketing.webhooks.repository import webhook_key

LONG_AGO = "2026-01-01T00:00:00.000Z"
FUTURE = "2999-01-01T00:00:00Z"


@dataclass(frozen=True)
class Everything:
    """The operations and the background work, on a tenant of its own."""

    stack: Stack
    accounts: Accounts
    tenant: OwnTenant
    receiver: Receiver

    def do(self) -> None:
        """Do all of it; the tenant is gone afterwards."""
        agent, reporter = self.person("agent"), self.person("reporter")
        self.operate_on_tickets(agent, reporter)
        self.find_tickets(agent)
        self.report()
        self.operate_on_comments(agent)
        EveryAttachment(self, self.tenant.admin, Objects(self.stack)).do()
        self.operate_on_users()
        self.operate_on_the_tenant()
        self.operate_on_api_keys()
        self.operate_on_webhooks()
        self.operate_on_views()
        self.operate_on_calendars()
        _ok(self.tenant.admin.get("/v1/audit-events"))
        self.mail_and_stop()
        self.finish_what_is_pending()
        self.take_over_what_changed_in_cognito()
        self.resume_a_deletion()
        self.close_what_is_resolved()
        self.index_and_sweep()
        self.purge_what_expired()
        self.publish_and_resend()
        self.tell_live()
        self.leave_invitation(f"{uuid4()}@{DOMAIN}")
        self.tenant.delete()
        self.remove_latecomers()

    def operate_on_tickets(self, agent: str, reporter: str) -> None:
        """Call every operation of tickets, with all fields and all ways to list."""
        admin = self.tenant.admin
        body = TICKET | {"tags": ["a"], "assignedToId": agent, "reporterId": reporter}
        created = admin.post("/v1/tickets", json=body, key="policies")
        url = f"/v1/tickets/{_ok(created)['id']}"
        everything = {
            "title": "T",
            "description": "D",
            "priority": "LOW",
            "type": "QUESTION",
            "reporterId": agent,
            "assignedToId": None,
            "tags": ["b"],
            "resolution": "R",
        }
        _ok(admin.patch(url, json=everything))
        replacement = everything | {"title": "T2", "description": "D2", "priority": "HIGH", "type": "INCIDENT"}
        replacement |= {"tags": [], "reporterId": reporter, "assignedToId": agent, "resolution": None}
        _ok(admin.put(url, json=replacement | {"status": "NEW"}))
        _ok(admin.patch(url, json={"assignedToId": None}))
        _ok(admin.patch(url, json={"assignedToId": agent}))
        _ok(admin.patch(url, json=everything | {"status": "OPEN"}))
        _ok(admin.put(url, json=replacement | {"status": "IN_PROGRESS"}))
        moves = [
            {"to": "RESOLVED", "resolution": "R", "comment": "C"},
            {"to": "OPEN"},
            {"to": "CLOSED"},
            {"to": "OPEN"},
        ]
        for move in moves:
            _ok(admin.post(f"{url}/transitions", json=move))
        _ok(admin.delete(url))
        _ok(admin.post(f"{url}/restore"))
        for query in ({}, {"status": "OPEN"}, {"assignedToId": "me"}, {"reporterId": "me"}, {"expand": "reporter"}):
            _ok(admin.get("/v1/tickets", params=query))
        for query in ({"sort": "number"}, {"sort": "-number", "reporterId": reporter}):
            assert _ok(admin.get("/v1/tickets", params=query))
        _ok(admin.get(url, params={"expand": "reporter,assignedTo"}))
        _ok(admin.get(f"{url}/history", params={"expand": "actor"}))

    def find_tickets(self, agent: str) -> None:
        """Search in every way, once a ticket can be found."""
        admin = self.tenant.admin
        until(lambda: _ok(admin.get("/v1/search/tickets", params={"q": "T2"}))["tickets"], bool)
        query = {"q": f"created>-1d -assignee:{self.tenant.email}", "expand": "assignedTo", "highlight": "true"}
        _ok(admin.get("/v1/search/tickets", params=query | {"facets": "status,assignee"}))
        _ok(admin.get("/v1/search/tickets", params={"q": f"assignee:{agent}"}))
        _ok(admin.get("/v1/search/suggestions", params={"q": "t"}))
        view = _ok(admin.post("/v1/views", json={"name": "Searched by", "query": "T2"}))
        _ok(admin.get("/v1/search/tickets", params={"view": view["id"]}))

    def report(self) -> None:
        """Make a report and open a number, with people, dates and addresses."""
        admin, q = self.tenant.admin, f"created>-1d -assignee:{self.tenant.email}"
        _ok(admin.get("/v1/reports/volume", params={"q": q, "by": "assignee"}))
        query = {"report": "volume", "figure": "created", "q": q}
        assert _ok(admin.get("/v1/reports/tickets", params=query))["tickets"]

    def operate_on_comments(self, agent: str) -> None:
        """Call every operation of comments and watchers, with mentions and a key, and reopen a ticket by a comment."""
        admin, reporter = self.tenant.admin, self.tenant.join("reporter")
        url = reporter.post("/v1/tickets", json=TICKET).headers["Location"]
        mention, key = {"body": f"@[{agent}]"}, {"Idempotency-Key": "policies"}
        made = _ok(admin.post(f"{url}/comments", json=mention, headers=key))
        _ok(admin.post(f"{url}/comments", json=mention, headers=key))
        internal = _ok(admin.post(f"{url}/comments", json=mention | {"visibility": "internal"}))
        for text in ("Nobody", f"@[{agent}]"):
            _ok(admin.patch(f"{url}/comments/{internal['id']}", json={"body": text}))
        comment = f"{url}/comments/{made['id']}"
        for place in (comment, f"{url}/comments"):
            _ok(admin.get(place))
            _ok(reporter.get(place, params={"expand": "author"}))
        for text in ("Nobody", f"@[{agent}]"):
            _ok(admin.patch(comment, json={"body": text}))
        _ok(admin.delete(comment))
        for move in ({"to": "OPEN"}, {"to": "RESOLVED", "resolution": "R"}):
            _ok(admin.post(f"{url}/transitions", json=move))
        _ok(reporter.post(f"{url}/comments", json=mention, headers=key))
        _ok(reporter.get(f"{url}/history"))
        _ok(admin.post(f"{url}/watchers/me"))
        _ok(admin.delete(f"{url}/watchers/me"))
        _ok(admin.get(f"{url}/watchers/me"))

    def operate_on_users(self) -> None:
        """Call every operation of users, also on people whom somebody has changed in Cognito meanwhile."""
        admin = self.tenant.admin
        profile = {"name": "Somebody", "locale": "pt-BR", "timeZone": "America/Sao_Paulo"}
        _ok(admin.patch("/v1/users/me", json=profile | {"notifications": {"assigned": False}}))
        _ok(admin.get("/v1/users/me"))
        for query in ({}, {"name": "S"}, {"email": "a"}, {"role": "agent", "active": "true"}, {"q": "some"}):
            _ok(admin.get("/v1/users", params=query))

        withdrawn = self.tenant.invite("agent")
        _ok(admin.delete(f"/v1/users/{withdrawn['id']}"))
        _ok(admin.post("/v1/users", json={"email": withdrawn["email"], "role": "agent"}))
        moved, address = self.tenant.invite("agent"), f"{uuid4()}@{DOMAIN}"
        self.stack.client("cognito-idp").admin_update_user_attributes(
            UserPoolId=self.stack.outputs["UserPoolId"],
            Username=moved["id"],
            UserAttributes=[{"Name": "email", "Value": address}, {"Name": "email_verified", "Value": "true"}],
        )
        _ok(admin.post("/v1/users", json={"email": address, "role": "agent"}))
        user = self.tenant.invite("agent", name="Invited")
        _ok(admin.post("/v1/users", json={"email": user["email"], "role": "admin", "name": "Invited twice"}))
        url = f"/v1/users/{user['id']}"
        self.put_into_group(user["email"], "reporter")  # by mistake: there is no tenant yet
        self.accounts.choose_password(user["email"])
        invited = self.accounts.caller(user["email"])
        _ok(invited.get("/v1/users/me/invitations"))
        for _ in range(2):  # once more, as if the first answer had been lost
            _ok(invited.post(f"/v1/users/me/invitations/{self.tenant.id}/accept"))
        _ok(admin.get(url))
        for change in ({"role": "agent"}, {"role": "admin"}, {"active": False}, {"active": True}):
            _ok(admin.patch(url, json=change))
        self.put_into_group(user["email"], "reporter", instead_of="admin")
        _ok(admin.delete(url))
        url = f"/v1/users/{self.person('reporter')}"
        _ok(admin.patch(url, json={"role": "agent"}))
        _ok(admin.delete(f"/v1/users/{self.person('reporter')}"))
        _ok(self.tenant.join("reporter").post("/v1/users/me/sign-out"))
        self.invite_whoever_has_an_account()

    def invite_whoever_has_an_account(self) -> None:
        """Invite one with an account in the tenant and no row, one who never confirmed theirs, and one of acme."""
        unused = self.account_by_hand("agent")
        self.disable(unused)
        for email, status in (
            (unused, 409),
            (self.sign_up_without_code(), 201),
            ("agent@acme.example", 201),
        ):
            self.tenant.admin.post("/v1/users", json={"email": email, "role": "reporter"}, expect=status)

    def operate_on_the_tenant(self) -> None:
        """Change everything of the tenant, there and back, and found and delete another."""
        admin = self.tenant.admin
        _ok(admin.get("/v1/tenant"))
        settings = {
            "defaultPriority": "HIGH",
            "whoMayCreate": "AGENTS",
            "allowedEmailDomains": [DOMAIN],
            "autoCloseDays": 3,
            "timeZone": "Europe/Lisbon",
            "targets": {"response": {"HIGH": 60}},
        }
        back: dict[str, Any] = {
            "defaultPriority": "MEDIUM",
            "whoMayCreate": "EVERYBODY",
            "allowedEmailDomains": [],
            "autoCloseDays": None,
            "timeZone": "UTC",
            "targets": {},
        }
        _ok(admin.patch("/v1/tenant", json={"name": f"{self.tenant.name} & Co.", "settings": settings}))
        _ok(admin.patch("/v1/tenant", json={"name": self.tenant.name, "settings": back}))

        email = self.accounts.sign_up()
        self.put_into_group(email, "reporter")  # by mistake: there is no tenant yet
        founder, body = self.accounts.caller(email), {"name": f"Another {uuid4()}", "adminName": "Founder"}
        founded = _ok(founder.post("/v1/tenant", json=body))
        self.mark("TENANT", founded["id"])
        _ok(founder.post("/v1/tenant", json=body))  # as if the first answer had been lost
        doomed = OwnTenant(founded["id"], body["name"], email, self.accounts.member(email), self.accounts)
        _ok(doomed.admin.delete("/v1/tenant", params={"name": body["name"]}))
        doomed.delete()  # once more, as if that answer had been lost; it reads the receipt until all is gone

    def operate_on_api_keys(self) -> None:
        """Make a key, use it, and revoke it."""
        admin = self.tenant.admin
        key = _ok(admin.post("/v1/api-keys", json={"name": "K", "role": "agent", "expiresAt": FUTURE}))
        caller = self.accounts.connect(token=key["key"])
        _ok(caller.get("/v1/tickets"))
        _ok(admin.get("/v1/api-keys"))
        _ok(admin.get(f"/v1/api-keys/{key['id']}"))
        _ok(admin.delete(f"/v1/api-keys/{key['id']}"))

    def operate_on_webhooks(self) -> None:
        """Call every operation of webhooks, and let one fail, succeed, be gone, and be told once more."""
        admin, path = self.tenant.admin, f"/{uuid4()}"
        body = {"url": self.receiver.origin + path, "eventTypes": ["*"], "description": "W"}
        url = f"/v1/webhooks/{_ok(admin.post('/v1/webhooks', json=body))['id']}"
        _ok(admin.get("/v1/webhooks"))
        _ok(admin.patch(url, json={"internalComments": True, "description": None, "eventTypes": ["TicketCreated"]}))
        _ok(admin.post(f"{url}/secret", json={}))
        self.receiver.behaviours[path] = in_turn(answering(500), answering(200), answering(410))
        _ok(admin.post("/v1/tickets", json=TICKET))
        self.receiver.got(path, 2)
        (delivery,) = admin.get(f"{url}/deliveries").json()
        place = f"{url}/deliveries/{delivery['id']}"
        self.settle(place, "DELIVERED")
        _ok(admin.get(f"{url}/deliveries", params={"state": "DELIVERED"}))
        _ok(admin.post(f"{place}/redeliver"))
        self.settle(place, "FAILED")
        deadline = time.monotonic() + SECONDS
        while _ok(admin.get(url))["active"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        _ok(admin.patch(url, json={"active": True, "url": f"{self.receiver.origin}/elsewhere"}))
        _ok(admin.delete(url))
        self.fail_and_fail()

    def operate_on_views(self) -> None:
        """Call every operation of views, on an own one and a shared one, and share one and take it back."""
        admin = self.tenant.admin
        body = {"name": "V", "query": "status:OPEN", "sort": "-created", "position": 1}
        for _ in range(2):  # once more, as if the first answer had been lost
            own = _ok(admin.post("/v1/views", json=body, key="policies"))
        url = f"/v1/views/{own['id']}"
        shared = f"/v1/views/{_ok(admin.post('/v1/views', json=body | {'shared': True}))['id']}"
        for query in ("", "created>-7d", f"assignee:{self.tenant.email}"):
            _ok(admin.patch(url, json={"name": "W", "query": query, "sort": None, "position": None}))
            _ok(admin.get("/v1/views/counts", params={"ids": own["id"]}))
        for change in ({"shared": True, "sort": "number", "position": 2}, {"query": "x"}, {"shared": False}):
            _ok(admin.patch(url, json=change))
        _ok(admin.get("/v1/views"))
        for place in (url, shared):
            _ok(admin.get(place))
            _ok(admin.delete(place))

    def operate_on_calendars(self) -> None:
        """Call every operation of calendars, with and without a time zone."""
        admin, hours = self.tenant.admin, {"monday": [{"from": "09:00", "to": "17:00"}]}
        places: list[str] = []
        for more in ({}, {"timeZone": "Europe/Berlin", "default": True}):
            body = {"name": f"C {len(places)}", "hours": hours} | more
            places.append(f"/v1/calendars/{_ok(admin.post('/v1/calendars', json=body))['id']}")
        _ok(admin.get("/v1/calendars"))
        _ok(admin.patch(places[1], json={"default": False}))
        for place in places:
            _ok(admin.get(place))
            _ok(admin.delete(place))

    def fail_and_fail(self) -> None:
        """Have a delivery given up and another dropped because too many wait, a webhook paused, and the pause ended."""
        admin, path = self.tenant.admin, f"/{uuid4()}"
        body = {"url": self.receiver.origin + path, "eventTypes": ["TicketCreated"]}
        webhook = _ok(admin.post("/v1/webhooks", json=body))
        url = f"/v1/webhooks/{webhook['id']}"

        def fill(request: BaseHTTPRequestHandler) -> None:
            self.write_numbers(webhook["id"], failures=9, waiting=MOST_WAITING)
            answering(500)(request)

        self.receiver.behaviours[path] = fill
        for number in (1, 2):
            _ok(admin.post("/v1/tickets", json=TICKET))
            until(lambda: _given_up(admin.get(f"{url}/deliveries").json()), number.__eq__)
        self.write_numbers(webhook["id"], failures=9, waiting=0)
        self.receiver.behaviours[path] = answering(500)
        _ok(admin.post("/v1/tickets", json=TICKET))
        until(lambda: _ok(admin.get(url)), lambda found: found["pausedUntil"] is not None)
        _ok(admin.patch(url, json={"active": False, "url": "https://1.1.1.1/in"}))
        _ok(admin.delete(url))

    def write_numbers(self, webhook_id: str, **numbers: int) -> None:
        """Write what a webhook counts, past the API."""
        self.stack.client("dynamodb").update_item(
            **update_of(self.stack.outputs["NotificationsTableName"], webhook_key(self.tenant.id, webhook_id), numbers)
        )

    def settle(self, delivery: str, state: str) -> None:
        """Wait until a delivery is in a state."""
        deadline = time.monotonic() + SECONDS
        while (found := _ok(self.tenant.admin.get(delivery))["state"]) != state:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)

    def mail_and_stop(self) -> None:
        """Have mails sent for every reason, stop them by the link in one and by a bounce, and switch them on again."""
        admin, agent, reporter = self.tenant.admin, self.tenant.join("agent"), self.tenant.join("reporter")
        reader, person = _ok(reporter.get("/v1/users/me")), _ok(agent.get("/v1/users/me"))
        url = reporter.post("/v1/tickets", json=TICKET).headers["Location"]
        _ok(admin.patch(url, json={"assignedToId": person["id"]}))
        _ok(admin.post(f"{url}/comments", json={"body": f"@[{person['id']}]"}))
        for move in ({"to": "OPEN"}, {"to": "RESOLVED", "resolution": "R"}, {"to": "OPEN"}):
            _ok(admin.post(f"{url}/transitions", json=move))
        mail = self.mailed(reader["email"], "Resolved")
        for reason in ("Assigned", "mentioned", "Reopened"):
            self.mailed(person["email"], reason)
        link = mail.headers["List-Unsubscribe"].strip("<>")
        reader_of_mails = self.accounts.connect()
        reader_of_mails.get(link, expect=200)
        reader_of_mails.post(link, content="List-Unsubscribe=One-Click", expect=200)
        assert _ok(reporter.get("/v1/users/me"))["notifications"]["mail"] is False
        _ok(reporter.patch("/v1/users/me", json={"notifications": {"mail": True}}))
        bounce = {
            "eventType": "Bounce",
            "bounce": {"bounceType": "Permanent"},
            "mail": {
                "destination": [reader["email"]],
                "tags": {"tenant": [self.tenant.id], "user": [reader["id"]]},
            },
        }
        self.invoke("RecordMailFeedbackFunction", {"detail": bounce})
        assert _ok(reporter.get("/v1/users/me"))["notifications"]["mail"] is False

    def mailed(self, address: str, about: str) -> Mail:
        """Wait for a mail with these words in its subject or text, and return it."""
        deadline = time.monotonic() + SECONDS
        while not (found := [mail for mail in self.stack.mails(address) if about in mail.subject + mail.text]):
            assert time.monotonic() < deadline, about
            time.sleep(0.1)
        return found[0]

    def finish_what_is_pending(self) -> None:
        """Leave changes, the founding and invitations half done, and have them finished."""
        self.mark("TENANT")
        demoted, gone = self.tenant.add("admin"), self.tenant.add("reporter")
        self.disable(demoted["email"])
        self.mark(f"USER#{demoted['id']}", role="agent", tokensValidFrom=1)
        self.mark(f"USER#{gone['id']}", active=False, tokensValidFrom=1)
        for email in (f"{uuid4()}@{DOMAIN}", self.sign_up_without_code(), "agent@acme.example"):
            self.leave_invitation(email)
        self.invoke("ReconcileUsersFunction", {})

    def take_over_what_changed_in_cognito(self) -> None:
        """Make, disable, rename and delete accounts by hand, lose count of the admins, and have all of it noticed."""
        cognito, pool = self.stack.client("cognito-idp"), self.stack.outputs["UserPoolId"]
        self.account_by_hand("admin")
        self.account_by_hand("reporter")
        disabled, promoted, renamed, deleted = (self.tenant.add("agent")["email"] for _ in range(4))
        expired = self.tenant.invite()
        self.change(f"USER#{expired['id']}", invitedUntil=LONG_AGO, taskSince=LONG_AGO)
        unused = f"{uuid4()}@{DOMAIN}"
        invited = [{"Name": "profile", "Value": "invited"}]
        cognito.admin_create_user(UserPoolId=pool, Username=unused, MessageAction="SUPPRESS", UserAttributes=invited)
        self.disable(disabled)
        self.put_into_group(promoted, "admin")
        address = {"email": f"{uuid4()}@{DOMAIN}", "email_verified": "true"}
        attributes = [{"Name": name, "Value": value} for name, value in address.items()]
        cognito.admin_update_user_attributes(UserPoolId=pool, Username=renamed, UserAttributes=attributes)
        cognito.admin_delete_user(UserPoolId=pool, Username=deleted)
        self.change("TENANT", admins=17)
        self.invoke("ReconcileUsersFunction", {"everything": True})

    def resume_a_deletion(self) -> None:
        """Leave the deletion of a tenant behind that has stood still, and whose execution is over."""
        tenant_id = str(uuid4())
        tenant = {
            "id": tenant_id,
            "name": tenant_id,
            "state": "DELETING",
            "settings": {},
            "admins": 0,
            "foundedById": tenant_id,
            "version": 1,
            "createdAt": LONG_AGO,
            "updatedAt": LONG_AGO,
        }
        since = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        receipt = {
            "tenantId": tenant_id,
            "tenantName": tenant_id,
            "requestedById": tenant_id,
            "state": "RUNNING",
            "startedAt": LONG_AGO,
            "tickets": 0,
            "events": 0,
            "users": 0,
            "apiKeys": 0,
            "taskKey": "PENDING",
            "taskSince": since,
        }
        states, machine = self.stack.client("stepfunctions"), self.physical_id("TenantDeletion")
        over = f"{tenant_id}-{int(datetime.fromisoformat(since).timestamp())}"
        states.start_execution(stateMachineArn=machine, name=over, input=json.dumps({"tenantId": "nobody"}))
        self.put("TENANT", tenant, tenant_id)
        self.put("DELETION", receipt, tenant_id)
        self.invoke("ReconcileUsersFunction", {})
        deadline = time.monotonic() + 60
        while self.item("DELETION", tenant_id)["state"] != {"S": "DONE"}:
            assert time.monotonic() < deadline
            time.sleep(0.5)

    def close_what_is_resolved(self) -> None:
        """Let a ticket be resolved for long."""
        admin, tickets = self.tenant.admin, self.stack.outputs["TicketsTableName"]
        _ok(admin.patch("/v1/tenant", json={"settings": {"autoCloseDays": 1}}))
        ticket = _ok(admin.post("/v1/tickets", json=TICKET | {"assignedToId": _ok(admin.get("/v1/users/me"))["id"]}))
        for move in ({"to": "OPEN"}, {"to": "RESOLVED", "resolution": "R"}):
            _ok(admin.post(f"/v1/tickets/{ticket['id']}/transitions", json=move))
        self.stack.client("dynamodb").update_item(
            TableName=tickets,
            Key=self.ticket_key(ticket["id"]),
            UpdateExpression="SET updatedAt = :then, listKey = :place",
            ExpressionAttributeValues={":then": {"S": LONG_AGO}, ":place": {"S": f"{LONG_AGO}#{ticket['id']}"}},
        )
        self.invoke("CloseResolvedTicketsFunction", {})
        assert _ok(admin.get(f"/v1/tickets/{ticket['id']}"))["status"] == "CLOSED"

    def index_and_sweep(self) -> None:
        """Have the indexes built anew, and swept; one is of a tenant that is gone."""
        index = Index(self.stack, self.tenant.id)
        for event in ({"tenantId": self.tenant.id}, {}):
            self.invoke("ReindexTenantsFunction", event)
        gone = Index(self.stack, str(uuid4()))
        bucket = self.stack.outputs["SearchBucketName"]
        self.stack.client("s3").put_object(Bucket=bucket, Key=f"{gone.tenant_id}/{uuid4()}", Body=b"late")
        self.invoke("SweepIndexesFunction", {})
        until(gone.left, lambda left: not left)
        until(index.is_complete, bool)
        # What somebody else has written is fetched.
        ticket = _ok(self.tenant.admin.post("/v1/tickets", json=TICKET | {"title": "Fetched"}))
        index.awaited("Fetched", ids={ticket["id"]})
        index.engine.write(lambda: Changes((), (ticket["id"],), FUTURE, "always UTC"))
        index.awaited("Fetched", ids=set())
        _ok(self.tenant.admin.patch(f"/v1/tickets/{ticket['id']}", json={"title": "Fetched again"}))
        index.awaited("Fetched", ids={ticket["id"]})

    def purge_what_expired(self) -> None:
        """End a ticket's time in the trash. The stream's own part is tests/local/aws/test_dynamodb_streams.py."""
        key = expired(self, self.tenant.admin)
        record = {"eventName": "REMOVE", "dynamodb": {"Keys": key, "SequenceNumber": "1"}}
        self.invoke("PurgeTicketFunction", {"Records": [record]})

    def publish_and_resend(self) -> None:
        """Have what is no event put aside, and that and a part of the stream sent again."""
        dynamodb, table = self.stack.client("dynamodb"), self.stack.outputs["TicketsTableName"]
        key = self.ticket_key(str(uuid4())) | {"SK": {"S": "EVENT#0000000001"}}
        dynamodb.put_item(TableName=table, Item=key)
        streams = self.stack.client("dynamodbstreams")
        arn = streams.list_streams(TableName=table)["Streams"][0]["StreamArn"]
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        part = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        records = streams.get_records(ShardIterator=streams.get_shard_iterator(**part)["ShardIterator"])["Records"]
        first, last = (records[place]["dynamodb"]["SequenceNumber"] for place in (0, -1))
        info = {"streamArn": arn, "shardId": shard["ShardId"], "startSequenceNumber": first, "endSequenceNumber": last}
        sqs, queue = self.stack.client("sqs"), self.stack.outputs["UnpublishedEventsUrl"]
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"DDBStreamBatchInfo": info}))
        event = _ok_list(self.tenant.admin.get("/v1/audit-events"))[0]
        audited = {"PK": f"TENANT#{self.tenant.id}#AUDIT", "SK": f"EVENT#{event['occurredAt']}#{event['id']}"}
        for one in (key, to_item(audited)):
            sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"key": one, "sequenceNumber": "1"}))
        self.invoke("ResendEventsFunction", {})
        dynamodb.delete_item(TableName=table, Key=key)

    def tell_live(self) -> None:
        """Connect, say all that can be said, be told, and lose connections in each way."""
        admin = self.tenant.admin
        token = admin.token
        assert token is not None
        stranger = {"connectionId": "stranger", "userId": "nobody", "topics": {"queue": True}}
        self.put_connection(stranger)
        gone = {"connectionId": "gone", "userId": _ok(admin.get("/v1/users/me"))["id"], "topics": {"queue": True}}
        self.put_connection(gone)
        key = _ok(admin.post("/v1/api-keys", json={"name": "K", "role": "agent"}))["key"]
        with opened(self.stack, token) as socket, opened_by_a_browser(self.stack, key) as other:
            other.say(action="ping")
            ticket = _ok(admin.post("/v1/tickets", json=TICKET))
            for topic in ({"topic": "ticket", "ticketId": ticket["id"]}, {"topic": "mine"}, {"topic": "queue"}):
                socket.say(action="subscribe", **topic)
            socket.say(action="unsubscribe", topic="mine")
            for _ in range(2 * COUNTED_EVERY):  # a minute may end in between
                socket.say(action="ping")
            _ok(admin.patch(f"/v1/tickets/{ticket['id']}", json={"title": "Told"}))
            event = socket.event_of(ticket["id"], 2)
            socket.say(action="catchUp", after=event["id"])
            self.remove_connections()
            socket.wire.send(json.dumps({"action": "subscribe", "topic": "queue"}))
            assert socket.is_closed()

    def put_connection(self, values: dict[str, Any]) -> None:
        """Leave a connection behind as one that ended without a word."""
        key = {
            "PK": f"TENANT#{self.tenant.id}#CONNECTIONS",
            "SK": f"CONNECTION#{values['userId']}#{values['connectionId']}",
        }
        table = self.stack.outputs["NotificationsTableName"]
        self.stack.client("dynamodb").put_item(TableName=table, Item=to_item(key | values))

    def remove_connections(self) -> None:
        """Forget all connections of the tenant, as if they had been open for too long."""
        dynamodb, table = self.stack.client("dynamodb"), self.stack.outputs["NotificationsTableName"]
        partition = to_item({":pk": f"TENANT#{self.tenant.id}#CONNECTIONS"})
        found = dynamodb.query(TableName=table, KeyConditionExpression="PK = :pk", ExpressionAttributeValues=partition)[
            "Items"
        ]
        for item in found:
            dynamodb.delete_item(TableName=table, Key={"PK": item["PK"], "SK": item["SK"]})

    def remove_latecomers(self) -> None:
        """Make an account for the tenant after it is gone."""
        email = self.account_by_hand("reporter")
        self.invoke("ReconcileUsersFunction", {"everything": True})
        cognito = self.stack.client("cognito-idp")
        assert not cognito.list_users(UserPoolId=self.stack.outputs["UserPoolId"], Filter=f'email = "{email}"')["Users"]

    def person(self, role: str) -> str:
        """Invite somebody who accepts, and return their id."""
        return str(self.tenant.add(role)["id"])

    def account_by_hand(self, role: str) -> str:
        """Make an account of the tenant in Cognito alone and return its address."""
        email = f"{uuid4()}@{DOMAIN}"
        attributes = {"email": email, "email_verified": "true", "custom:tenantId": self.tenant.id}
        self.stack.client("cognito-idp").admin_create_user(
            UserPoolId=self.stack.outputs["UserPoolId"],
            Username=email,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
        )
        self.put_into_group(email, role)
        return email

    def sign_up_without_code(self) -> str:
        """Sign somebody up who never proves their address, and return it."""
        email = f"{uuid4()}@{DOMAIN}"
        self.stack.client("cognito-idp").sign_up(
            ClientId=self.stack.outputs["UserPoolClientId"],
            Username=email,
            Password=self.stack.password,
            UserAttributes=[{"Name": "email", "Value": email}],
        )
        return email

    def put_into_group(self, email: str, role: str, *, instead_of: str | None = None) -> None:
        cognito, pool = self.stack.client("cognito-idp"), self.stack.outputs["UserPoolId"]
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=email, GroupName=role)
        if instead_of is not None:
            cognito.admin_remove_user_from_group(UserPoolId=pool, Username=email, GroupName=instead_of)

    def disable(self, email: str) -> None:
        pool = self.stack.outputs["UserPoolId"]
        self.stack.client("cognito-idp").admin_disable_user(UserPoolId=pool, Username=email)

    def leave_invitation(self, email: str) -> None:
        """Leave an invitation behind as somebody does who is cut off."""
        invitation = {
            "email": email,
            "role": "admin",
            "name": "Invited",
            "tenantId": self.tenant.id,
            "invitedById": self.tenant.id,
            "taskKey": "PENDING",
            "taskSince": LONG_AGO,
        }
        self.put(f"INVITATION#{email}", invitation)

    def mark(self, suffix: str, tenant_id: str = "", **values: Any) -> None:
        """Change an item of a tenant as somebody does who then is cut off."""
        self.change(suffix, tenant_id, **values, taskKey="PENDING", taskSince=LONG_AGO)

    def change(self, suffix: str, tenant_id: str = "", **values: Any) -> None:
        self.stack.client("dynamodb").update_item(
            TableName=self.stack.outputs["UsersTableName"],
            Key=_key(tenant_id or self.tenant.id, suffix),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": _attribute(value) for name, value in values.items()},
        )

    def put(self, suffix: str, values: dict[str, Any], tenant_id: str = "") -> None:
        item = {name: _attribute(value) for name, value in values.items()}
        self.stack.client("dynamodb").put_item(
            TableName=self.stack.outputs["UsersTableName"], Item=_key(tenant_id or self.tenant.id, suffix) | item
        )

    def item(self, suffix: str, tenant_id: str) -> dict[str, Any]:
        table = self.stack.outputs["UsersTableName"]
        found: dict[str, Any] = self.stack.client("dynamodb").get_item(TableName=table, Key=_key(tenant_id, suffix))
        item: dict[str, Any] = found["Item"]
        return item

    def ticket_key(self, ticket_id: str) -> dict[str, dict[str, str]]:
        return {"PK": {"S": f"TENANT#{self.tenant.id}#TICKET#{ticket_id}"}, "SK": {"S": "TICKET"}}

    def invoke(self, logical_id: str, event: dict[str, Any]) -> None:
        """Call a function as its schedule or stream does; it must not fail."""
        answer = self.stack.client("lambda").invoke(
            FunctionName=self.physical_id(logical_id), Payload=json.dumps(event).encode()
        )
        assert "FunctionError" not in answer, answer["Payload"].read()

    def physical_id(self, logical_id: str) -> str:
        resource = self.stack.client("cloudformation").describe_stack_resource(
            StackName=STACK_NAME, LogicalResourceId=logical_id
        )
        return str(resource["StackResourceDetail"]["PhysicalResourceId"])


def _given_up(deliveries: list[dict[str, Any]]) -> int:
    return sum(each["failureReason"] == TOO_MANY_WAIT for each in deliveries)


def _ok_list(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.is_success, answer.text
    content: list[dict[str, Any]] = answer.json()
    return content


def _ok(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    content: dict[str, Any] = answer.json() if answer.content else {}
    return content


def _key(tenant_id: str, suffix: str) -> dict[str, Any]:
    return {"PK": {"S": f"TENANT#{tenant_id}#{suffix}"}, "SK": {"S": suffix.split("#", maxsplit=1)[0]}}


def _attribute(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, dict):
        return {"M": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}
