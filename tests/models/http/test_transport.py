"""Connections: certificates, proxies, redirects."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest

from i2vbench.models.http.context import ClipError
from i2vbench.models.http.transport import Broken, NotSent, exchange, get, origin, read
from tests.models.http.api import KEY, Api, bomb, redirects, says
from tests.models.http.conftest import Make, videos


def test_a_server_whose_certificate_is_not_trusted_is_sent_nothing(tmp_path: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
         "-days", "1", "-subj", "/CN=localhost"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    got: list[bytes] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            connection, _ = server.accept()
            try:
                with context.wrap_socket(connection, server_side=True) as secure:
                    got.append(secure.recv(1000))
            except OSError:
                pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        begun: list[int] = []
        url = f"https://localhost:{server.getsockname()[1]}/"
        with (
            pytest.raises(NotSent, match="its certificate is not trusted"),
            exchange("POST", url, {"Authorization": KEY}, b"x", 5, lambda: begun.append(1)),
        ):
            pass
        thread.join(5)
    assert got == begun == []


def test_a_proxy_of_the_environment_is_gone_through(api: Api, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees where to, and nothing of the request where that is encrypted."""
    asked: list[str] = []
    host, port = "127.0.0.1", int(api.url.rpartition(":")[2])

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def serve(server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            asked.append(client.recv(65536).decode())
            target = socket.create_connection((host, port))
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            for pair in ((client, target), (target, client)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        monkeypatch.setenv("http_proxy", f"http://me:pass%20word@127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        api.other_url = "http://videos.example"
        there = {"submit__url": "http://api.example/submit", "poll__url": "http://api.example:81/poll/{id}"}
        videos(make(**there, allow_http=True), 0)
    assert [line.split()[1] for line in asked] == ["api.example:80", "api.example:81", "videos.example:80"]
    assert all("Proxy-Authorization: Basic bWU6cGFzcyB3b3Jk" in line for line in asked)
    assert not any(KEY in line for line in asked)


def test_an_address_that_the_api_names_must_be_https_too(make: Make, api: Api) -> None:
    for address in (
        "http://169.254.169.254/latest",
        "ftp://x/",
        "file:///etc/passwd",
        "/video",
        "http://u:p@127.0.0.1/",
    ):
        api.always["poll"] = says(200, {"status": "succeeded", "output": [address]})
        with pytest.raises(ClipError, match="the address that it names (is n|has a user)"):
            videos(make(limits__tries=1), 0)


def test_redirects_are_followed_a_few_times_and_packed_answers_unpacked(api: Api) -> None:
    import gzip

    api.always["gone"] = redirects(f"{api.url}/there?a=b c")
    api.always["there"] = says(200, gzip.compress(b"x" * 100_000), Content_Encoding="gzip")
    with get(f"{api.url}/gone", {}, {}, 5, lambda host: True) as response:
        assert read(response, 100_000) == b"x" * 100_000
    api.always["circle"] = redirects("/circle")
    with (
        pytest.raises(Broken, match="redirects more than 5 times"),
        get(f"{api.url}/circle", {}, {}, 5, lambda _: True),
    ):
        pass
    assert api.kinds("circle") == 6
    api.always["there"] = bomb
    with (
        pytest.raises(Broken, match="is larger than 1,000,000 bytes"),
        get(f"{api.url}/there", {}, {}, 5, lambda host: True) as response,
    ):
        read(response, 1_000_000)
    assert origin("https://A.example/x") == ("https", "a.example", 443)


def test_an_answer_before_the_whole_request_was_heard_is_heard(make: Make, api: Api) -> None:
    """A server that refuses a key does not wait for megabytes of picture."""
    import socketserver

    class Hasty(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(100)
            self.request.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\ntoo large")
            self.request.shutdown(socket.SHUT_RDWR)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Hasty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        body = {"prompt": "{prompt}", "seed": "{seed}", "image": "{first_frame_data_uri}", "padding": "x" * 1_000_000}
        url = f"http://127.0.0.1:{server.server_address[1]}/submit"
        with pytest.raises(ClipError) as error:
            videos(make(submit__url=url, submit__body=body), 0)
        server.shutdown()
    # Whether the answer outlives the reset is the system's to say; that it was paid for is not said in either case.
    assert "it answered 413: too large (it was refused" in str(error.value) or "is not known" in str(error.value)
    assert api.paid == {}
