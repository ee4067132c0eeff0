"""All that can become of a file, done once: the part of `everything` that is about attachments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from local.aws.guardduty import TAG
from tests.harness.files import (
    EICAR,
    Objects,
    address,
    announce,
    attach,
    change_row,
    fetched,
    scanner_denied,
    settled,
    sweep,
    upload,
)
from tests.harness.people import TICKET
from tests.harness.postbox import until

if TYPE_CHECKING:
    from tests.harness.client import Client
    from tests.integration.everything import Everything

LONG_AGO: Final = "2026-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class EveryAttachment:
    """The operations on files and the work behind them, on the tenant of `everything`."""

    everything: Everything
    admin: Client
    objects: Objects

    def do(self) -> None:
        """Do all of it; the purge of a ticket with files comes with that of `everything`."""
        self.operate()
        self.tie_to_comments()
        self.upload_too_late()
        self.sweep()

    def operate(self) -> None:
        """Call every operation, announce with a key, upload twice, read, and remove what is clean and what is not."""
        url = self.ticket()
        announce(self.admin, url, key="policies")
        again = announce(self.admin, url, key="policies")
        place = f"{url}/attachments/{again['id']}"
        upload(again).raise_for_status()
        settled(self.admin, place)
        upload(again)  # which a later version of the object is, or S3 refuses
        assert fetched(address(self.admin, place)).is_success
        for path in (place, f"{url}/attachments"):
            self.admin.get(path, expect=200)
        rejected = attach(self.admin, url, EICAR, state="INFECTED", visibility="internal")
        self.remove(url, rejected)
        self.remove(url, again)

    def tie_to_comments(self) -> None:
        """Tie files to comments, one that reopens a ticket among them, and remove files and comments."""
        reporter = self.everything.tenant.join("reporter")
        url = reporter.post("/v1/tickets", json=TICKET, expect=201).headers["Location"]
        one, other, late = attach(self.admin, url), attach(self.admin, url), announce(self.admin, url)
        comment = self.comment(self.admin, url, one, other, late)
        upload(late).raise_for_status()
        settled(self.admin, f"{url}/attachments/{late['id']}")
        self.remove(url, one)
        self.admin.delete(f"{url}/comments/{comment['id']}", expect=204)
        for move in ({"to": "OPEN"}, {"to": "RESOLVED", "resolution": "R"}):
            self.admin.post(f"{url}/transitions", json=move, expect=200)
        self.comment(reporter, url, attach(reporter, url))

    def upload_too_late(self) -> None:
        """Upload files, one of a comment among them, to a ticket in the trash."""
        url = self.ticket()
        loose, tied = announce(self.admin, url), announce(self.admin, url)
        self.comment(self.admin, url, tied)
        self.admin.delete(url, expect=204)
        for file in (loose, tied):
            upload(file).raise_for_status()
        assert self.objects.are_gone(self.key(url, ""))

    def sweep(self) -> None:
        """Leave behind what events were lost for, and what could not be scanned, and have it swept."""
        url, gone = self.ticket(), self.ticket()
        never, tied = announce(self.admin, url), announce(self.admin, url)
        self.comment(self.admin, url, tied)
        late = announce(self.admin, gone)
        self.comment(self.admin, gone, late)
        self.admin.delete(gone, expect=204)
        with scanner_denied(self.everything.stack):
            silent = announce(self.admin, url)
            upload(silent).raise_for_status()
            settled(self.admin, f"{url}/attachments/{silent['id']}", "SCANNING")
            until(lambda: self.objects.tags(self.key(url, silent["id"])), {TAG: "ACCESS_DENIED"}.__eq__)
        clean, infected = attach(self.admin, url), attach(self.admin, url, EICAR, state="INFECTED")
        self.change(url, clean, state="SCANNING", **due(clean))
        for file in (never, tied, silent, infected):
            self.change(url, file, **due(file))
        self.change(gone, late, **due(late))
        unpurged = expired(self.everything, self.admin)["PK"]["S"]
        sweep(self.everything.stack)
        for file in (never, tied):
            self.admin.get(f"{url}/attachments/{file['id']}", expect=404)
        for file in (clean, silent):
            settled(self.admin, f"{url}/attachments/{file['id']}", "CLEAN")
        assert self.objects.under(self.key(unpurged.replace("#", "/"), "")) == []

    def ticket(self) -> str:
        """Make a ticket and return where it is."""
        return self.admin.post("/v1/tickets", json=TICKET, expect=201).headers["Location"]

    def key(self, url: str, attachment_id: str) -> str:
        """Return the key of a file's object."""
        return f"{self.everything.tenant.id}/{url.rpartition('/')[2]}/{attachment_id}"

    def remove(self, url: str, file: dict[str, Any]) -> None:
        """Remove a file."""
        self.admin.delete(f"{url}/attachments/{file['id']}", expect=204)

    def comment(self, by: Client, url: str, *files: dict[str, Any]) -> dict[str, Any]:
        """Write a comment that files belong to."""
        return by.create(f"{url}/comments", {"body": "See there.", "attachmentIds": [file["id"] for file in files]})

    def change(self, url: str, file: dict[str, Any], **values: str) -> None:
        """Change a file's row past the API."""
        change_row(self.everything.stack, self.everything.tenant.id, f"{url}/attachments/{file['id']}", **values)


def due(file: dict[str, Any]) -> dict[str, str]:
    """Return what lets the sweep look at a file at once."""
    return {"listKey": f"{LONG_AGO}#{file['id']}"}


def expired(everything: Everything, admin: Client) -> dict[str, Any]:
    """Return the key of a ticket that has a file, and that is in the table no more: its time in the trash is over."""
    url = admin.post("/v1/tickets", json=TICKET, expect=201).headers["Location"]
    attach(admin, url)
    key: dict[str, Any] = everything.ticket_key(url.rpartition("/")[2])
    everything.stack.client("dynamodb").delete_item(TableName=everything.stack.outputs["TicketsTableName"], Key=key)
    return key
