"""What the document promises of searches: every answer that a request can provoke."""

from urllib.parse import quote

from tests.contract.attempts import SOMEBODY, Attempt, Valid, World


def search(_: World) -> str:
    return "/v1/search/tickets"


def suggestions(_: World) -> str:
    return "/v1/search/suggestions?q=vp"


def suggestions_of_much(_: World) -> str:
    return f"/v1/search/suggestions?q={'x' * 51}"


def suggestions_of_nothing(_: World) -> str:
    return "/v1/search/suggestions"


VALID = {
    "searchTickets": Valid("GET", search),
    "suggestSearch": Valid("GET", suggestions),
}

ANSWERED = (
    "?q=vpn",
    "?q=VPN+drops&sort=relevance&facets=status,priority,type,tag,assignee&highlight=true&limit=100",
    "?facets=tag&expand=reporter,assignedTo&sort=-priority",
    f"?q={quote('status:NEW,OPEN -tag:vpn assignee:none reporter:me #12 created:>-7d has:attachment')}",
    f"?q={quote('(a|b)+ [a-z]{2} ^.$ \\d ~1 ? !')}",
    f"?q={quote('日本語 отчёт مرحبا')}",
    f"?q={quote('é' * 500)}",
)
"""Searches that are good, however odd."""

REFUSED = (
    "x" * 501,
    "\U0001f600" * 501,
    " ".join(["word"] * 17),
    '"no end',
    "colour:red",
    "*",
    "-",
    "status:",
    "status:DONE",
    "status:NEW,,OPEN",
    "created:someday",
    "created:created:>2026-01-01",
    "created:>>2026-01-01",
    "created:2026-13-01",
    "number:many",
    "reporter:none",
    "has:wings",
)
"""Searches that nobody can mean."""

ATTEMPTS = [
    *(Attempt("searchTickets", 200, query=query) for query in ANSWERED),
    *(
        Attempt("searchTickets", 200, by=by, query="?q=vpn&highlight=true&facets=status")
        for by in ("agent", "reporter")
    ),
    *(Attempt("searchTickets", 400, query=f"?q={quote(q)}") for q in REFUSED),
    *(
        Attempt("searchTickets", 400, query=query)
        for query in ("?sort=title", "?facets=title", "?highlight=yes", "?cursor=abc", "?q=a&q=b", "?expand=owner")
    ),
    Attempt("searchTickets", 404, query=f"?view={SOMEBODY}", code="view_not_found"),
    Attempt("searchTickets", 400, query=f"?view={SOMEBODY}&q=vpn"),
    Attempt("suggestSearch", 200, by="reporter"),
    *(Attempt("suggestSearch", 400, given=given) for given in (suggestions_of_much, suggestions_of_nothing)),
]

NOT_ON_DEMAND: dict[tuple[str, int], str] = {}
