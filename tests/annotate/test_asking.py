"""The page's server answers to nobody but its own page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from i2vbench.datasets.metadata import METADATA
from tests.annotate.page import PROMPTS, Annotating, Words, shown, words


def test_only_this_machine_is_listened_to(annotating: Annotating) -> None:
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:] + Path("/proc/net/tcp6").read_text().splitlines()[1:]
    port = f"{annotating.port:04X}"
    at = [line.split()[1] for line in listening if line.split()[1].endswith(f":{port}") and line.split()[3] == "0A"]
    assert at == [f"0100007F:{port}"]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "[::1]", "0.0.0.0", ""],
)
def test_a_name_that_was_made_to_lead_here_is_refused(annotating: Annotating, host: str) -> None:
    answer = annotating.ask("clips", headers={"Host": host})
    assert answer.status in (400, 403)
    assert b"clip-0" not in answer.body


def test_an_address_without_the_secret_is_refused(annotating: Annotating) -> None:
    secret = annotating.path.strip("/")
    assert re.fullmatch(r"[\w-]{32}", secret)
    wrong = ("", "clips", secret, f"{secret[:-1]}/clips", f"{secret}x/clips", f"x/{secret}/clips", "%C3%A9/", "/",
             "docs", "openapi.json", f"{secret}/docs", f"{secret}/openapi.json", f"{secret}/redoc")  # fmt: skip
    for path in wrong:
        answer = annotating.ask("", whole_path=f"/{path}")
        assert answer.status == 404, path
        assert b"clip-0" not in answer.body
        assert secret.encode() not in answer.body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Length": ""}, 411),
    ],
)
def test_only_the_page_itself_may_change_anything(annotating: Annotating, headers: dict[str, str], status: int) -> None:
    before = (annotating.folder / METADATA).read_bytes()
    body = {"decision": "annotate", "prompt": "x", "objects": "dog", "scene": "", "before": shown(0)}
    for path in ("clips/0", "finish"):
        assert annotating.ask(path, body, headers=headers).status == status
    assert (annotating.folder / METADATA).read_bytes() == before
    assert annotating.process.poll() is None


def test_localhost_may_be_its_name(annotating: Annotating) -> None:
    host = f"localhost:{annotating.port}"
    assert annotating.ask("clips", headers={"Host": host}).status == 200
    body = {"prompt": "", "objects": "", "scene": ""}
    assert annotating.ask("clips/0/check", body, headers={"Host": host, "Origin": f"http://{host}"}).status == 200


@pytest.mark.parametrize(
    "path",
    ["clips/-1", "clips/4", "clips/../../etc/passwd", "clips/..%2f..%2fetc%2fpasswd/video", "clips/0/video/../x"],
)
def test_clips_go_by_number_alone(annotating: Annotating, path: str) -> None:
    assert annotating.ask(path).status in (404, 422)
    assert annotating.ask(path, {"prompt": "", "objects": "", "scene": ""}).status in (404, 405, 422)


def test_bodies_are_held_to_what_the_page_sends(annotating: Annotating) -> None:
    good = {"decision": "annotate", "prompt": PROMPTS[0], "objects": "dog", "scene": "", "before": shown(0)}
    bad: list[object] = [
        b"", b"{", b"null", b"\xff", b"[" * 5000, {}, good | {"more": 1}, good | {"decision": "delete"},
        good | {"objects": 1}, good | {"before": shown(0) | {"objects": "dog"}}, good | {"prompt": None},
        good | {"before": shown(0, prompt_state="maybe")},
    ]  # fmt: skip
    for body in bad:
        answer = annotating.ask("clips/0", body)
        assert answer.status in (400, 422), body
    assert annotating.ask("clips/0", b" " * 70_000).status == 413
    assert words(annotating.folder)["clip-0"] == Words()


def test_every_answer_has_its_guards(annotating: Annotating) -> None:
    for answer in (
        annotating.ask(""),
        annotating.ask("clips"),
        annotating.ask("x"),
        annotating.ask("", whole_path="/"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers
    page = annotating.ask("")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    text = page.body.decode()
    assert not re.findall(r"https?:", text)
    assert not re.findall(r"\son\w+=|style=|innerHTML|insertAdjacentHTML|document\.write|eval\(", text)
