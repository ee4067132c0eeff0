"""What the document promises of the operations on saved views: every answer that one can provoke."""

from typing import Any
from uuid import uuid4

from tests.contract.attempts import SOMEBODY, Attempt, Valid, World
from ticketing.views.models import MOST_OWN


def a_body(_: World) -> dict[str, Any]:
    """A view with a name of its own."""
    return {"name": str(uuid4()), "query": "status:OPEN printer", "sort": "-priority"}


def shared_body(world: World) -> dict[str, Any]:
    return a_body(world) | {"shared": True, "position": 1}


def views(world: World) -> str:
    """Make room for another view: an admin of the tenant has few of their own, and shares few."""
    for view in world.own.admin.get("/v1/views").json():
        world.own.admin.delete(f"/v1/views/{view['id']}")
    return "/v1/views"


def a_view(world: World) -> str:
    """Make a view of the admin's own."""
    return str(world.own.admin.post(views(world), json=a_body(world)).headers["Location"])


def a_shared_view(world: World) -> str:
    return str(world.own.admin.post(views(world), json=shared_body(world)).headers["Location"])


def many_views(world: World) -> str:
    """Make as many views of the admin's own as there may be."""
    for _ in range(MOST_OWN):
        world.crowded.admin.post("/v1/views", json=a_body(world))
    return "/v1/views"


def a_view_beside_one_with_the_name(world: World) -> str:
    place = a_view(world)
    world.own.admin.post("/v1/views", json={"name": "Mine", "query": ""})
    return place


def places_with_the_name(world: World) -> str:
    world.own.admin.post(views(world), json={"name": "Mine", "query": ""})
    return "/v1/views"


def no_view(_: World) -> str:
    return f"/v1/views/{SOMEBODY}"


def counts(_: World) -> str:
    return "/v1/views/counts"


def used_key(world: World) -> str:
    world.own.admin.post(views(world), json={"name": "By a key", "query": ""}, key="contract")
    return "/v1/views"


def key_of_a_deleted_view(world: World) -> str:
    body = {"name": "Deleted", "query": ""}
    made = world.own.admin.post(views(world), json=body, key="contract-deleted").headers["Location"]
    world.own.admin.delete(made)
    return "/v1/views"


VALID = {
    "createView": Valid("POST", views, a_body, "owner", status=201),
    "listViews": Valid("GET", views, by="owner"),
    "countViews": Valid("GET", counts, by="owner", suffix=f"?ids={SOMEBODY}"),
    "getView": Valid("GET", a_view, by="owner"),
    "updateView": Valid("PATCH", a_view, {"query": "", "sort": None, "position": 3}, "owner"),
    "deleteView": Valid("DELETE", a_view, by="owner", status=204),
}

OPERATIONS = list(VALID)
ATTEMPTS = [
    *(Attempt(name, 403, by="newcomer") for name in OPERATIONS),
    Attempt("createView", 201, by="member", body=a_body),
    Attempt("createView", 201, by="key", body=shared_body),
    Attempt("createView", 400, body={"name": "Bad", "query": "stauts:NEW"}),
    Attempt("createView", 403, by="member", body=shared_body),
    Attempt("createView", 404, by="ghost", body=a_body, code="tenant_not_found"),
    Attempt("createView", 409, given=places_with_the_name, body={"name": "MINE", "query": ""}, code="view_name_taken"),
    Attempt("createView", 409, "crowd", many_views, a_body, code="too_many_views"),
    Attempt(
        "createView",
        409,
        given=key_of_a_deleted_view,
        body={"name": "Deleted", "query": ""},
        headers={"Idempotency-Key": "contract-deleted"},
        code="conflict",
    ),
    Attempt(
        "createView",
        422,
        given=used_key,
        body=a_body,
        headers={"Idempotency-Key": "contract"},
        code="idempotency_key_reused",
    ),
    Attempt("listViews", 200, by="key"),
    Attempt("listViews", 400, query="?limit=1"),
    Attempt("getView", 304, headers={"If-None-Match": "*"}),
    Attempt("getView", 404, given=no_view, code="view_not_found"),
    Attempt("getView", 404, by="member", code="view_not_found"),
    Attempt("updateView", 200, body={"shared": True}),
    Attempt("updateView", 403, by="colleague", given=a_shared_view),
    Attempt("updateView", 404, given=no_view, code="view_not_found"),
    Attempt("updateView", 409, given=a_view_beside_one_with_the_name, body={"name": " mine "}, code="view_name_taken"),
    Attempt("deleteView", 204, given=a_shared_view),
    Attempt("deleteView", 403, by="colleague", given=a_shared_view),
    Attempt("deleteView", 404, given=no_view, code="view_not_found"),
]

LOST_RACES = "it takes ten lost races in a row; the unit tests have them"
NOT_ON_DEMAND = {("deleteView", 409): LOST_RACES}
