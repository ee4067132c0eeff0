"""What can go wrong with webhooks: answers of the contract."""

from ticketing.errors import ApiError


class WebhookNotFoundError(ApiError):
    """The tenant does not have this webhook."""

    status = 404
    code = "webhook_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such webhook.")


class DeliveryNotFoundError(ApiError):
    """The webhook does not have this delivery, or not any more."""

    status = 404
    code = "delivery_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such delivery.")


class TooManyWebhooksError(ApiError):
    """The tenant has the maximum number of webhooks, or of those to one host."""

    status = 409
    code = "too_many_webhooks"


class WebhookInactiveError(ApiError):
    """The webhook is switched off, so nothing is delivered to it."""

    status = 409
    code = "webhook_inactive"

    def __init__(self) -> None:
        super().__init__("The webhook is switched off. Switch it on, then repeat the request.")


class WebhookTargetNotAllowedError(ApiError):
    """The webhook's URL is not allowed; details say why as `url: what`."""

    status = 422
    code = "webhook_target_not_allowed"

    def __init__(self, reason: str) -> None:
        super().__init__("Nothing may be sent to this address.", [f"url: {reason}"])
        self.reason = reason
