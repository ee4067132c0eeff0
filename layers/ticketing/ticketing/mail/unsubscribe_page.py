"""The two pages of the unsubscribe link. They are the same for any link, so they don't tell whether it is valid."""

from typing import Final

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # the page's address is the secret
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 15vh auto; padding: 0 1.5rem;
       color: #1a1a1a; background: #fff }}
button {{ font: inherit; padding: .6rem 1.4rem; border: 0; border-radius: .4rem; background: #14539a; color: #fff;
         cursor: pointer }}
@media (prefers-color-scheme: dark) {{ body {{ color: #eee; background: #1a1a1a }} }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""

# Without an address of its own, a form is sent to the page's: the link, token and all.
ASK: Final = _PAGE.format(
    title="Stop these emails?",
    body="""\
<p>You would get no more emails about tickets. Those about your account, such as codes to sign in, would still come.</p>
<form method="post"><button name="List-Unsubscribe" value="One-Click">Stop the emails</button></form>""",
)
"""What the link shows: a question, because a GET must change nothing. Scanners of emails follow links."""

DONE: Final = _PAGE.format(
    title="Your request has arrived",
    body="""\
<p>If the link was complete, you will get no more emails about tickets. One that is on its way may still come.</p>
<p>If more of them come, use the link in the newest one. To get emails again, switch them on in your profile.</p>""",
)
"""What its button leads to, worded so that it is true of any link."""
