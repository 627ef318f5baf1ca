"""Who is answered, and that no answer tells which model is which."""

from __future__ import annotations

import html
import json
import re
import socket
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from i2vbench.human import guard
from i2vbench.human.assignment import total
from i2vbench.human.guard import Links
from i2vbench.pages import policy_hash
from i2vbench.web import HEADERS, MOST_BYTES
from tests.asking import Answer
from tests.human.conftest import Serve
from tests.human.raters import ADMIN, Serving, serving
from tests.human.studies import MODELS, make_study

GOOD = {"chosen": {"appearance": [0], "motion": [1]}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    folder = tmp_path_factory.mktemp("study")
    with serving(folder, make_study(folder), invited=2, enrol=1000) as one:
        yield one


@pytest.fixture(scope="module")
def address(server: Serving) -> str:
    """Of a rater who has been shown a task."""
    made = server.enrol()
    server.get(f"{made}tasks/1")
    return made


def raw(server: Serving, *pieces: bytes) -> bytes:
    """What the server answers to these bytes, until it ends the connection or says nothing for a while."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=1) as connection:
        answer = b""
        try:
            for piece in pieces:
                connection.sendall(piece)
            while piece := connection.recv(65536):
                answer += piece
        except OSError:
            pass
        return answer


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example", "[::1]", ""])
def test_a_host_that_is_none_of_ours_is_refused(server: Serving, address: str, host: str) -> None:
    for path in ("/", f"{address}state", f"{server.admin}progress", "/nothing"):
        answer = server.ask(path, headers={"Host": host})
        assert answer.status in (400, 403)
        assert b"dog" not in answer.body
    assert server.ask("/enrol", {}, headers={"Host": host}).status in (400, 403)


def test_more_than_one_host_is_refused(server: Serving) -> None:
    ours = f"Host: 127.0.0.1:{server.port}\r\n"
    for lines in (f"{ours}Host: evil.example\r\n", f"Host: evil.example\r\n{ours}", ours * 2):
        assert raw(server, f"GET / HTTP/1.1\r\n{lines}\r\n".encode()).split()[1] in (b"400", b"403")
    assert server.ask("/", headers={"Host": f"LOCALHOST:{server.port}"}).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": ""}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Length": "", "Transfer-Encoding": "chunked"}, 411),
        ({"Content-Length": str(MOST_BYTES + 1)}, 413),
        ({"Content-Length": "999999999999"}, 411),
    ],
)
def test_only_our_page_changes_anything(server: Serving, address: str, headers: dict[str, str], status: int) -> None:
    given = {name: value.format(port=server.port) for name, value in headers.items()}
    raters = len(server.votes.raters())
    for path, body in (
        ("/enrol", {}),
        (f"{address}tasks/1", GOOD),
        (f"{address}consent", {"nickname": "x", "agree": True}),
    ):
        answer = server.ask(path, body, headers=given)
        assert answer.status == status
        assert answer.json["why"]
    assert len(server.votes.raters()) == raters
    assert server.get(f"{address}state")["answered"] == 0


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"{}", b'{"chosen": NaN}', b"[" * 60_000, b'{"a":' * 10_000,
        b'{"chosen": {"appearance": [0], "motion": [1]}, "more": 1}', b'{"chosen": [[0], [1]]}',
        b'{"chosen": {"appearance": [' + b"9" * 5000 + b'], "motion": [1]}}',
    ],
)  # fmt: skip
def test_bodies_that_the_page_does_not_send(server: Serving, address: str, body: bytes) -> None:
    for path in (f"{address}tasks/1", f"{address}consent"):
        answer = server.ask(path, body)
        assert answer.status in (400, 422)
        assert answer.json["why"]
    assert server.get(f"{address}state")["answered"] == 0


def test_a_length_that_lies_and_a_body_that_does_not_come(
    server: Serving, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.2)
    body = json.dumps(GOOD).encode()
    head = (
        f"POST {address}tasks/1 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: {server.origin}\r\n"
        "Content-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
    )
    slow = raw(server, (head % (len(body) + 10, "")).encode() + body)
    assert slow.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in slow.lower()
    short = raw(server, (head % (5, "Connection: close\r\n")).encode() + body)
    assert short.split()[1] in (b"400", b"422")
    both = raw(
        server,
        (head % (len(body), "Transfer-Encoding: chunked\r\nConnection: close\r\n")).encode() + b"1\r\n{\r\n0\r\n\r\n",
    )
    assert both.split()[1] == b"411"
    assert server.get(f"{address}state")["answered"] == 0


@pytest.mark.parametrize("line", ["Transfer-Encoding: chunked", "Content-Length: 40"])
def test_no_request_can_hide_in_the_body_of_another(server: Serving, address: str, line: str) -> None:
    for method, lines in (("GET", f"{line}\r\n"), ("POST", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")):
        head = f"{method} {address}state HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: {server.origin}\r\n"
        answer = raw(server, f"{head}Content-Type: application/json\r\n{lines}\r\n0\r\n\r\n{head}\r\n".encode())
        assert answer.split()[1] in (b"411", b"413")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "CONNECT"])
def test_other_methods_are_refused(server: Serving, address: str, method: str) -> None:
    for path in ("/", f"{address}tasks/1", f"{server.admin}progress"):
        assert server.ask(path, method=method).status in (400, 403, 404, 405)
        assert server.ask(path, {}, method=method).status in (400, 403, 404, 405, 413)
    assert not any(name.startswith("access-control") for name in server.ask("/").headers)


def test_addresses_that_are_none(server: Serving, address: str, serve: Serve) -> None:
    token = address.split("/")[2]
    (folder := server.folder / "outside").write_bytes(b"secret file")
    paths = [
        "//", "/..", "/%2e%2e/study.json", "/study.json", "/votes.sqlite", "/media/0/0.mp4", "/docs", "/openapi.json",
        "/redoc", "/r/", "/r//state", f"/r/{token[:-1]}/state", f"/r/{token}x/state", f"/r/{token}%00/state",
        f"/r/{token.swapcase()}/state", "/r/%C3%A9/state", "/r/%FF/state", f"/admin/{token}/progress", "/admin//",
        f"/admin/{ADMIN[:-1]}/", f"/admin/{ADMIN}x/progress", f"/r/{ADMIN}/state", "/admin/%C3%A9/",
        *(f"{address}tasks/{x}" for x in ("-1", "0", "2", "+1", "1.0", "1e0", "%31%30", "x", "1/../1", "9" * 60)),
        *(f"{address}tasks/1/videos/{x}" for x in ("-1", "5", "9" * 60, "..", "..%2f..%2fstudy.json", "%2e%2e/first")),
        f"{address}tasks/1/videos/0/../../../../../outside", f"{address}..%2f..%2foutside", f"{address}tasks/2/first",
    ]  # fmt: skip
    for path in paths:
        server_answer = server.ask(path)
        assert server_answer.status in (404, 429), path
        assert not re.search(rb"dog|secret file|sample-", server_answer.body), path
    assert server.ask("/" + "a" * 300).status == 414
    assert server.ask(f"{address}tasks/" + "9" * 4400).status == 414
    assert raw(server, b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n").split()[1] == b"403"
    folder.unlink()


def test_a_rater_reaches_nothing_of_another(server: Serving, address: str) -> None:
    other = server.enrol()
    assert server.ask(f"{other}tasks/1", GOOD).status == 404, "not shown yet, whatever others were shown"
    server.get(f"{other}tasks/1")
    assert server.ask(f"{other}tasks/1", GOOD).status == 200
    assert server.get(f"{address}tasks/1")["chosen"] is None


# -- what is told -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["choice", "pairs"])
def test_no_answer_names_a_model_or_orders_them(serve: Serve, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    from i2vbench.human import server as module

    apps: list[Any] = []
    monkeypatch.setattr(module, "Guard", lambda app, access: apps.append(app) or guard.Guard(app, access))
    serving_ = serve(mode=mode, invited=1, per_rater=6, checks=0.4, items=6)
    seen: list[tuple[str, str, Answer]] = []
    ask = serving_.ask

    def noting(path: str, body: object = None, **more: Any) -> Answer:
        answer = ask(path, body, **more)
        seen.append(("GET" if body is None else "POST", path, answer))
        return answer

    monkeypatch.setattr(serving_, "ask", noting)
    _ask_everything(serving_)
    for route in apps[0].routes:
        for method in route.methods - {"HEAD"}:
            answered = [
                a for m, path, a in seen if m == method and route.path_regex.match(path) and a.status in (200, 307)
            ]
            assert answered, f"{method} {route.path} was not asked"

    names = {form for name in MODELS for form in _forms(name)}
    for _, path, answer in seen:
        said = (answer.body + repr(answer.headers).encode()).decode("utf-8", "replace").lower()
        assert not [name for name in names if name in said], path
        assert {*answer.headers} >= {name.lower() for name in HEADERS}
        assert not {*answer.headers} & {"etag", "last-modified", "content-disposition", "server", "set-cookie"}
    constant = {
        tuple((name, value) for name, value in answer.headers.items() if name not in ("date", "content-length"))
        for _, path, answer in seen
        if "/videos/" in path and answer.status == 200
    }
    assert len(constant) == 1, "no header of a video differs from another's"
    assert not [path for _, path, a in seen if "/tasks/" in path and b"broken" in a.body and "/videos/" not in path]
    assert not [path for _, path, a in seen if re.search(r"/tasks/\d+$", path) and b"kind" in a.body]


def _ask_everything(server: Serving) -> None:
    (rater,) = server.votes.raters()
    address = f"/r/{rater.token}/"
    server.enrol()
    for path in ("/", "/robots.txt", "/nothing", address[:-1], address, f"{address}tasks/1"):
        server.ask(path)
    server.ask(f"{address}consent", {"nickname": "Ada", "agree": True})
    for number in range(1, total(server.study) + 2):
        for rest in ("", "/first", *(f"/videos/{place}" for place in range(6))):
            server.ask(f"{address}tasks/{number}{rest}")
        server.ask(f"{address}tasks/{number}", {"chosen": {}})
        server.ask(f"{address}tasks/{number}", GOOD)
    server.ask(f"{address}state")
    for rest in ("", "progress", "votes.csv", "links.csv", "nothing"):
        server.ask(server.admin + rest)


def _forms(name: str) -> set[str]:
    forms = {name, html.escape(name), json.dumps(name)[1:-1], urllib.parse.quote(name), f"'{name}", repr(name)[1:-1]}
    return {form.lower() for form in forms} | {part.lower() for part in re.split(r"[^\w]+", name) if len(part) > 4}


def test_pages_run_one_script_and_ask_nobody_else(server: Serving, address: str) -> None:
    texts = {}
    for path in ("/", address, server.admin):
        answer = server.ask(path)
        assert answer.headers["cache-control"] == "no-store"
        policy = answer.headers["content-security-policy"]
        text = texts[path] = answer.body.decode()
        scripts, styles = (
            re.findall(r"<script>(.*?)</script>", text, re.S),
            re.findall(r"<style>(.*?)</style>", text, re.S),
        )
        assert f"script-src '{policy_hash(scripts[0])}'; style-src '{policy_hash(styles[0])}'; " in policy
        assert len(scripts) == len(styles) == 1
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert not re.search(r"https?://(?!www\.w3\.org/)", text)
    assert texts[address] == server.ask(server.enrol()).body.decode(), "the same for every rater"
    media = server.ask(f"{address}tasks/1/videos/0").headers
    assert media["cache-control"].startswith("private")


def test_links_that_are_known() -> None:
    links = Links(["one", "two"])
    links.add("three")
    assert [token in links for token in ("one", "three", "One", "", "on", "four")] == [True, True, *[False] * 4]


def test_every_write_is_on_the_disk_when_it_returns(server: Serving) -> None:
    with server.votes._database.told() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
