"""The environment variables of a function, typed. No other module reads them.

The template sets those that a function needs. Each is read on demand. No dataclasses here: importing them would double
what the smallest function, which answers preflights, takes to start.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple


class NotConfiguredError(Exception):
    """An environment variable that the function needs is missing in the template."""


class Tables(NamedTuple):
    """The names of the deployment's tables."""

    tickets: str
    users: str
    notifications: str
    search: str


type Engine = Literal["embedded", "opensearch"]
"""What search indexes are written and read by."""


class Deployment:
    """The configuration of a deployment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    # --- data -----------------------------------------------------------------------------------------------------

    @property
    def tables(self) -> Tables:
        """The names of the tables; empty for those that the function's role does not name."""
        names = ("TICKETS_TABLE", "USERS_TABLE", "NOTIFICATIONS_TABLE", "SEARCH_TABLE")
        return Tables(*(self._environment.get(name, "") for name in names))

    @property
    def tenant_role(self) -> str | None:
        """The role to assume for one tenant's data; None without strict isolation."""
        return self._environment.get("TENANT_ROLE") or None

    @property
    def function_name(self) -> str:
        """The name of this function."""
        return self._text("AWS_LAMBDA_FUNCTION_NAME")

    # --- API ------------------------------------------------------------------------------------------------------

    @property
    def cors_origins(self) -> str:
        """Allowed CORS origins, separated by commas, or `*`; empty for none."""
        return self._environment.get("CORS_ORIGINS", "")

    @property
    def usage_plan_name(self) -> str:
        """The name of the usage plan, which throttles tenants."""
        return self._text("USAGE_PLAN_NAME")

    @property
    def newcomers_key(self) -> str:
        """The key of all people without a tenant in a usage plan of their own."""
        return self._text("NEWCOMERS_KEY")

    # --- identity -------------------------------------------------------------------------------------------------

    @property
    def region(self) -> str:
        """The AWS Region."""
        return self._text("AWS_REGION")

    @property
    def endpoint_url(self) -> str | None:
        """The endpoint of the local AWS; None on AWS. The AWS SDKs read the same variable."""
        return self._environment.get("AWS_ENDPOINT_URL") or None

    @property
    def user_pool_id(self) -> str:
        """The id of the Cognito user pool."""
        return self._text("USER_POOL_ID")

    @property
    def client_id(self) -> str:
        """The id of the user pool's app client, the audience of ID tokens."""
        return self._text("CLIENT_ID")

    @property
    def invitation_cooldown(self) -> int:
        """How many seconds an address gets no other email about invitations."""
        return int(self._text("INVITATION_COOLDOWN_SECONDS"))

    @property
    def invitations_per_day(self) -> int:
        """How many invitations a tenant may send in a day, which begins at 00:00 UTC."""
        return int(self._text("INVITATIONS_PER_DAY"))

    @property
    def invitation_seconds(self) -> float:
        """How long inviting takes at least, so that its time does not tell whether the address is known."""
        return float(self._text("INVITATION_SECONDS"))

    # --- state machines and events --------------------------------------------------------------------------------

    @property
    def ticket_lifecycle(self) -> str:
        """The ARN of the state machine that moves tickets."""
        return self._text("TICKET_LIFECYCLE")

    @property
    def tenant_deletion(self) -> str:
        """The ARN of the state machine that erases tenants."""
        return self._text("TENANT_DELETION")

    @property
    def event_bus(self) -> str:
        """The name of the event bus."""
        return self._text("EVENT_BUS")

    @property
    def unpublished_events(self) -> str:
        """The URL of the queue of events that could not be published."""
        return self._text("UNPUBLISHED_EVENTS")

    # --- attachments ----------------------------------------------------------------------------------------------

    @property
    def attachments_bucket(self) -> str:
        """The name of the bucket of attachments."""
        return self._text("ATTACHMENTS_BUCKET")

    @property
    def buckets(self) -> Sequence[str]:
        """The names of the buckets that this function has to do with."""
        names = ("ATTACHMENTS_BUCKET", "SEARCH_BUCKET")
        return [bucket for name in names if (bucket := self._environment.get(name))]

    @property
    def attachment_address(self) -> str | None:
        """The base URL of the addresses at which files are sent and fetched; None on AWS, where it is the bucket's."""
        return self._environment.get("ATTACHMENT_ADDRESS") or None

    @property
    def attachment_max_bytes(self) -> int:
        """How many bytes a file may have."""
        return int(self._text("ATTACHMENT_MAX_BYTES"))

    @property
    def attachment_tenant_bytes(self) -> int:
        """How many bytes the files of a tenant may have together."""
        return int(self._text("ATTACHMENT_TENANT_BYTES"))

    @property
    def scans_attachments(self) -> bool:
        """Whether files are scanned before anybody reads them. Only `none` says that they are not."""
        return self._text("ATTACHMENT_SCAN") != "none"

    # --- search ---------------------------------------------------------------------------------------------------

    @property
    def search_bucket(self) -> str:
        """The name of the bucket of search indexes."""
        return self._text("SEARCH_BUCKET")

    @property
    def search_endpoint(self) -> str:
        """The URL of the OpenSearch cluster, without a slash at its end; empty where there is none."""
        return self._environment.get("SEARCH_ENDPOINT", "")

    @property
    def search_domain(self) -> str | None:
        """The ARN of the OpenSearch domain that the cluster is, for functions that have to do with it."""
        return self._environment.get("SEARCH_DOMAIN") or None

    @property
    def search_engines(self) -> Sequence[Engine]:
        """The engines that are kept up to date: the one that answers, and the one that only follows it, if any."""
        if not self.search_endpoint:
            return ("embedded",)
        standby = self._environment.get("SEARCH_STANDBY", "")
        if standby == "opensearch":
            return ("embedded", "opensearch")
        return ("opensearch", "embedded") if standby == "embedded" else ("opensearch",)

    @property
    def search_indexing(self) -> str:
        """The URL of the queue of passes over search indexes."""
        return self._text("SEARCH_INDEXING")

    # --- live updates, email, webhooks ----------------------------------------------------------------------------

    @property
    def live_endpoint(self) -> str:
        """The endpoint that posts messages to WebSocket connections."""
        return self.endpoint_url or self._text("LIVE_ENDPOINT")

    @property
    def live_connections_per_user(self) -> int:
        """How many WebSocket connections a user may have."""
        return int(self._text("LIVE_CONNECTIONS_PER_USER"))

    @property
    def live_connections_per_tenant(self) -> int:
        """How many WebSocket connections the users of a tenant may have together."""
        return int(self._text("LIVE_CONNECTIONS_PER_TENANT"))

    @property
    def live_messages_per_minute(self) -> int:
        """How many messages a user may send in a minute, on all of their connections."""
        return int(self._text("LIVE_MESSAGES_PER_MINUTE"))

    @property
    def mail_from(self) -> str:
        """The From address of emails about tickets."""
        return self._text("MAIL_FROM")

    @property
    def mail_templates(self) -> str:
        """The prefix of the names of the SES templates, before `-<reason>`."""
        return self._text("MAIL_TEMPLATES")

    @property
    def mail_configuration_set(self) -> str:
        """The SES configuration set, which publishes bounces and complaints."""
        return self._text("MAIL_CONFIGURATION_SET")

    @property
    def mail_events(self) -> str:
        """The URL of the queue of events that people get emails about."""
        return self._text("MAIL_EVENTS")

    @property
    def person_mails_per_minute(self) -> int:
        """How many emails a minute one person's changes may cause before the next ones wait."""
        return int(self._text("PERSON_MAILS_PER_MINUTE"))

    @property
    def tenant_mails_per_minute(self) -> int:
        """How many emails a minute one tenant may cause before the next ones wait."""
        return int(self._text("TENANT_MAILS_PER_MINUTE"))

    @property
    def app_url(self) -> str:
        """The URL of a ticket in the application, with `{number}` or `{id}`; empty for no link."""
        return self._environment.get("APP_URL", "")

    @property
    def api_url(self) -> str:
        """The base URL of unsubscribe links."""
        return self._text("API_URL")

    @property
    def webhook_deliveries(self) -> str:
        """The URL of the queue of deliveries to webhooks."""
        return self._text("WEBHOOK_DELIVERIES")

    @property
    def webhook_retry_seconds(self) -> Sequence[int]:
        """How many seconds to wait before each retry of a delivery, in order."""
        return [int(seconds) for seconds in self._text("WEBHOOK_RETRY_SECONDS").split(",")]

    @property
    def webhook_private_origins(self) -> Sequence[str]:
        """Origins that webhooks may use although they are not public."""
        return self._environment.get("WEBHOOK_PRIVATE_ORIGINS", "").split(",")

    def _text(self, name: str) -> str:
        value = self._environment.get(name)
        if not value:
            message = f"the environment has no {name}"
            raise NotConfiguredError(message)
        return value


DEPLOYMENT: Final = Deployment(os.environ)
"""The deployment of this function."""
