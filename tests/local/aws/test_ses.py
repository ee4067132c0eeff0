"""SES's templates: what they render, and what is a file of what was sent by one."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ministack.services import ses, ses_v2
from ministack.services.cloudformation import provisioners

from local.aws import ses as patched
from local.aws.ses import TemplateError, render
from local.emulator.loading import EmulatorError, MiniStack
from local.settings import Settings
from local.stack.mails import mails_in, print_mails

# --- rendering -------------------------------------------------------------------------------------------------------

IF = "{{#if name}}Dear {{name}}{{else}}Hello{{/if}}!"
ON_LINES = "a\n{{#if name}}\n{{name}}\n{{else}}\n-\n{{/if}}\nb\n"


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        pytest.param("", {}, "", id="nothing"),
        pytest.param("Hi {{name}}, {{name}}", {"name": "Ada"}, "Hi Ada, Ada", id="a name, twice"),
        pytest.param("{{ name }}", {"name": "Ada"}, "Ada", id="spaces"),
        pytest.param("#{{number}}", {"number": 7}, "#7", id="a number"),
        pytest.param("{{html.name}} {{name}}", {"name": "<", "html": {"name": "&lt;"}}, "&lt; <", id="nested"),
        pytest.param("{name} }} {{name}}}", {"name": "Ada"}, "{name} }} Ada}", id="single braces"),
        pytest.param(IF, {"name": "Ada"}, "Dear Ada!", id="if"),
        pytest.param(IF, {"name": ""}, "Hello!", id="else"),
        pytest.param("{{#if html.name}}x{{/if}}", {"html": {"name": ""}}, "", id="if, nested name"),
        pytest.param("{{#if a}}1{{#if b}}2{{else}}3{{/if}}4{{/if}}5", {"a": "x", "b": ""}, "1345", id="an if in an if"),
        pytest.param(
            "{{#if a}}1{{#if b}}2{{else}}3{{/if}}4{{/if}}5", {"a": "", "b": "x"}, "5", id="an if in what is left out"
        ),
        pytest.param(ON_LINES, {"name": "Ada"}, "a\nAda\nb\n", id="conditions on lines of their own"),
        pytest.param(ON_LINES, {"name": ""}, "a\n-\nb\n", id="else on a line of its own"),
    ],
)
def test_what_a_template_renders(template: str, values: Mapping[str, Any], expected: str) -> None:
    assert render(template, values) == expected


@pytest.mark.parametrize(
    "value", ["<b>&\"'", "{{name}}", "{{other}}", "{{#if x}}", "{{/if}}", "{{", "\\1 \\g<0>", "a\n{{else}}\nb"]
)
def test_values_are_put_in_as_they_are(value: str) -> None:
    assert render("[{{name}}|{{other}}]", {"name": value, "other": "my-secret"}) == f"[{value}|my-secret]"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        pytest.param("{{nowhere}}", "nowhere", id="unknown name"),
        pytest.param("{{#if nowhere}}x{{/if}}", "nowhere", id="condition on an unknown name"),
        pytest.param("{{#if none}}{{nowhere}}{{/if}}", "nowhere", id="unknown name in what is left out"),
        pytest.param("{{name.first}}", "name.first", id="a part of a text"),
        pytest.param("{{html.nowhere}}", "html.nowhere", id="unknown nested name"),
        pytest.param("{{}}", "is no name", id="no name"),
        pytest.param("{{#if name}}x", "does not end", id="if without an end"),
        pytest.param("x{{/if}}", "/if", id="end without an if"),
        pytest.param("x{{else}}", "else", id="else without an if"),
        pytest.param("{{#each name}}x{{/each}}", "#each name", id="a loop"),
        pytest.param("{{#unless name}}x{{/unless}}", "#unless name", id="unless"),
        pytest.param("{{> partial}}", "> partial", id="a partial"),
        pytest.param("{{! note }}", "! note", id="a comment"),
    ],
)
def test_what_is_no_template_of_these_values_is_refused(template: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        render(template, {"name": "Ada", "none": "", "html": {}})


# --- in the emulator, without a stack --------------------------------------------------------------------------------

TEMPLATE = {"SubjectPart": "About {{name}}", "TextPart": "Plain {{name}}", "HtmlPart": "<b>{{html.name}}</b>"}
VALUES = {"name": "Füße & {{x}}", "html": {"name": "Füße &amp; {{x}}"}}
HEADERS = [
    {"Name": "List-Unsubscribe", "Value": f"<https://api.example.com/v1/unsubscribe?token=acme.{'x' * 90}>"},
    {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
]


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[MiniStack]:
    """Yield the parts of the emulator that have to do with mails, as they are again after the test."""
    for service, names in (
        (ses, ("_render_template", "_smtp_relay", "_templates")),
        (ses_v2, ("_render_template", "_smtp_relay", "_message_rejection", "handle_request")),
    ):
        for name in names:
            monkeypatch.setattr(service, name, getattr(service, name))
    monkeypatch.setattr(provisioners, "_RESOURCE_HANDLERS", dict(provisioners._RESOURCE_HANDLERS))
    yield cast("MiniStack", SimpleNamespace(ses=ses, ses_v2=ses_v2, provisioners=provisioners))
    ses._templates.clear()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings whose mails are in a folder of the test's own."""
    return cast("Settings", SimpleNamespace(mails=tmp_path / "mails"))


def made(emulator: MiniStack, template: dict[str, str], **rest: str) -> str:
    """Make a template as CloudFormation does and return its name."""
    handlers = emulator.provisioners._RESOURCE_HANDLERS["AWS::SES::Template"]
    name, _ = handlers["create"]("SomeMail", {"Template": template | rest}, "tickets")
    return cast("str", name)


def sent(name: str, values: Mapping[str, Any] = VALUES) -> dict[str, Any]:
    """Send a mail by a template, by SES's API of today, and return the answer."""
    content = {"TemplateName": name, "TemplateData": json.dumps(values), "Headers": HEADERS}
    request = {
        "FromEmailAddress": "anybody@nowhere.example",
        "Destination": {"ToAddresses": ["ada@acme.example"]},
        "Content": {"Template": content},
    }
    path = "/v2/email/outbound-emails"
    status, _, body = asyncio.run(ses_v2.handle_request("POST", path, {}, json.dumps(request).encode(), {}))
    return {"status": status, **json.loads(body)}


def test_a_mail_by_a_template_is_a_file_with_both_parts_and_its_headers(
    emulator: MiniStack, settings: Settings
) -> None:
    patched.patch(emulator, settings)
    answer = sent(made(emulator, TEMPLATE, TemplateName="tickets-some"))
    assert (answer["status"], "MessageId" in answer) == (200, True)
    (mail,) = mails_in(settings.mails)
    assert (mail.to, mail.subject) == ("ada@acme.example", "About Füße & {{x}}")
    assert (mail.text, mail.html) == ("Plain Füße & {{x}}", "<b>Füße &amp; {{x}}</b>")
    assert {each["Name"]: mail.headers[each["Name"]] for each in HEADERS} == {
        each["Name"]: each["Value"] for each in HEADERS
    }


def test_the_plain_part_is_what_is_printed(
    emulator: MiniStack, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    patched.patch(emulator, settings)
    sent(made(emulator, TEMPLATE))
    assert print_mails(settings) == 0
    printed = capsys.readouterr().out
    assert "to ada@acme.example: About Füße & {{x}}\n\nPlain Füße & {{x}}\n" in printed
    assert "<b>" not in printed


def test_without_a_value_nothing_is_sent(emulator: MiniStack, settings: Settings) -> None:
    patched.patch(emulator, settings)
    name = made(emulator, TEMPLATE)
    with pytest.raises(TemplateError, match=r"html\.name"):
        sent(name, {"name": "Ada", "html": {}})
    assert mails_in(settings.mails) == []


def test_a_stacks_templates_are_made_changed_and_deleted(emulator: MiniStack, settings: Settings) -> None:
    patched.patch(emulator, settings)
    handlers = emulator.provisioners._RESOURCE_HANDLERS["AWS::SES::Template"]
    name, attributes = handlers["create"]("SomeMail", {"Template": {"SubjectPart": "Old"}}, "tickets")
    assert attributes == {"Id": name}
    assert name.startswith("tickets-SomeMail-")
    assert handlers["update"](name, {}, {"Template": {"SubjectPart": "New"}}, "tickets") == (name, {"Id": name})
    assert sent(name)["status"] == 200
    assert [mail.subject for mail in mails_in(settings.mails)] == ["New"]
    for _ in range(2):
        handlers["delete"](name, {})
    assert sent(name)["status"] == 404


@pytest.mark.parametrize(
    ("service", "name"),
    [("ses", "_render_template"), ("ses_v2", "_render_template"), ("ses_v2", "_message_rejection")],
)
def test_an_emulator_that_sends_in_another_way_is_refused(
    emulator: MiniStack, settings: Settings, monkeypatch: pytest.MonkeyPatch, service: str, name: str
) -> None:
    monkeypatch.setattr(getattr(emulator, service), name, lambda: None)
    with pytest.raises(EmulatorError, match=name):
        patched.patch(emulator, settings)


def test_an_emulator_whose_sending_is_rewritten_is_refused(
    emulator: MiniStack, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ses_v2, "handle_request", sent)
    with pytest.raises(EmulatorError, match="handle_request has changed"):
        patched.patch(emulator, settings)


def test_the_newest_mails_are_kept(
    emulator: MiniStack, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(patched, "MAILS_KEPT", 3)
    patched.patch(emulator, settings)
    for number in range(5):
        ses.send_internal_email("us@mail.example", ["../../them@mail.example"], f"Ünï {number}", "Grüße & <b>")
    kept = mails_in(settings.mails)
    assert [mail.subject for mail in kept] == ["Ünï 2", "Ünï 3", "Ünï 4"]
    assert {mail.text for mail in kept} == {"Grüße & <b>"}
    assert {path.parent for path in tmp_path.rglob("*.eml")} == {settings.mails}
