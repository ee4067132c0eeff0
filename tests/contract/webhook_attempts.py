"""What the document promises of the operations on webhooks and deliveries: every answer that one can provoke."""

from tests.contract.attempts import SOMEBODY, Attempt, Valid, World

NEW = {"url": "https://1.1.1.1/in", "eventTypes": ["TicketRestored", "CommentAdded"], "active": False}
"""A webhook that nothing is sent to."""

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def webhooks(world: World) -> str:
    """Make room for another webhook: a tenant has twenty at most, and five to one host."""
    for webhook in world.own.admin.get("/v1/webhooks").json():
        if not webhook["active"]:
            world.own.admin.delete(f"/v1/webhooks/{webhook['id']}")
    return "/v1/webhooks"


def a_webhook(world: World) -> str:
    webhooks(world)
    return str(world.own.admin.post("/v1/webhooks", json=NEW).headers["Location"])


def many_webhooks(world: World) -> str:
    for number in range(20):
        world.crowded.admin.post("/v1/webhooks", json=NEW | {"url": f"https://1.1.1.{1 + number // 5}/in"})
    return "/v1/webhooks"


def one_of_many_webhooks(world: World) -> str:
    many_webhooks(world)
    webhooks = world.crowded.admin.get("/v1/webhooks").json()
    return f"/v1/webhooks/{next(each['id'] for each in webhooks if each['url'] != NEW['url'])}"


def no_webhook(_: World) -> str:
    return f"/v1/webhooks/{SOMEBODY}"


def secret(world: World) -> str:
    return f"{a_webhook(world)}/secret"


def no_secret(world: World) -> str:
    return f"{no_webhook(world)}/secret"


def deliveries(world: World) -> str:
    return f"{a_delivery(world).rpartition('/')[0]}"


def no_deliveries(world: World) -> str:
    return f"{no_webhook(world)}/deliveries"


def a_delivery(world: World) -> str:
    return world.delivery


def no_delivery(world: World) -> str:
    return f"{a_webhook(world)}/deliveries/{SOMEBODY}"


def a_delivery_to_no_webhook(world: World) -> str:
    return f"{no_deliveries(world)}/{SOMEBODY}"


def redelivery(world: World) -> str:
    return f"{a_delivery(world)}/redeliver"


def no_redelivery(world: World) -> str:
    return f"{no_delivery(world)}/redeliver"


def redelivery_to_one_switched_off(world: World) -> str:
    delivery = world.tell_a_webhook()
    world.own.admin.patch(delivery.partition("/deliveries")[0], json={"active": False})
    return f"{delivery}/redeliver"


VALID = {
    "createWebhook": Valid("POST", webhooks, NEW, "owner", status=201),
    "listWebhooks": Valid("GET", webhooks, by="owner"),
    "getWebhook": Valid("GET", a_webhook, by="owner"),
    "updateWebhook": Valid("PATCH", a_webhook, {"internalComments": True, "description": None}, "owner"),
    "deleteWebhook": Valid("DELETE", a_webhook, by="owner", status=204),
    "rotateSecret": Valid("POST", secret, {"secret": SECRET}, "owner"),
    "listDeliveries": Valid("GET", deliveries, by="owner"),
    "getDelivery": Valid("GET", a_delivery, by="owner"),
    "redeliver": Valid("POST", redelivery, by="owner", status=202),
}

OPERATIONS = list(VALID)
FOR_PEOPLE = ("createWebhook", "updateWebhook", "rotateSecret")
ATTEMPTS = [
    *(Attempt(name, 403, by=role) for name in OPERATIONS for role in ("member", "newcomer")),
    *(Attempt(name, 403, by="key") for name in FOR_PEOPLE),
    Attempt("createWebhook", 201, body=NEW | {"secret": SECRET}),
    Attempt("createWebhook", 400, body=NEW | {"eventTypes": []}),
    Attempt("createWebhook", 400, body=NEW | {"secret": "whsec_"}),
    Attempt("createWebhook", 404, by="ghost", code="tenant_not_found"),
    Attempt("createWebhook", 409, "crowd", many_webhooks, code="too_many_webhooks"),
    Attempt("createWebhook", 422, body=NEW | {"url": "https://10.0.0.1/"}, code="webhook_target_not_allowed"),
    Attempt("listWebhooks", 200, by="key"),
    Attempt("listWebhooks", 400, query="?limit=1"),
    Attempt("getWebhook", 304, headers={"If-None-Match": "*"}),
    Attempt("getWebhook", 404, given=no_webhook, code="webhook_not_found"),
    Attempt("updateWebhook", 409, "crowd", one_of_many_webhooks, {"url": NEW["url"]}, code="too_many_webhooks"),
    Attempt("updateWebhook", 404, given=no_webhook, code="webhook_not_found"),
    Attempt("updateWebhook", 422, body={"url": "http://example.com/"}, code="webhook_target_not_allowed"),
    Attempt("deleteWebhook", 404, given=no_webhook, code="webhook_not_found"),
    Attempt("rotateSecret", 404, given=no_secret, code="webhook_not_found"),
    Attempt("rotateSecret", 200, body={}),
    Attempt("listDeliveries", 200, query="?state=FAILED&limit=1"),
    Attempt("listDeliveries", 400, query="?state=DONE"),
    Attempt("listDeliveries", 400, query="?cursor=AAAA"),
    Attempt("listDeliveries", 404, given=no_deliveries, code="webhook_not_found"),
    Attempt("getDelivery", 404, given=no_delivery, code="delivery_not_found"),
    Attempt("getDelivery", 404, given=a_delivery_to_no_webhook, code="webhook_not_found"),
    Attempt("redeliver", 404, given=no_redelivery, code="delivery_not_found"),
    Attempt("redeliver", 409, given=redelivery_to_one_switched_off, code="webhook_inactive"),
]

LOST_RACES = "it takes five lost races in a row; the unit tests have them"
NOT_ON_DEMAND = {(name, 409): LOST_RACES for name in ("deleteWebhook", "rotateSecret")}
