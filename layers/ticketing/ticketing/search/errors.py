"""The errors of search."""

from ticketing.errors import ServiceUnavailableError


class SearchUnavailableError(ServiceUnavailableError):
    """The tenant's index can't be read. It is being built again."""

    code = "search_unavailable"
    retry_after = 30

    def __init__(self) -> None:
        super().__init__("The search index is damaged. It is being built again from the tickets, which are all there.")
