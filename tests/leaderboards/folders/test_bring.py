"""Archives that are fetched from where their submitter says they are: over TLS, of the stated size and hash, or not."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import build_opener

import pytest

from i2vbench.leaderboards.folders import bring as bringing
from i2vbench.leaderboards.folders.bring import NotHere, bring
from i2vbench.leaderboards.folders.card import Source
from i2vbench.weights import http
from tests.leaderboards.conftest import Submitted
from tests.leaderboards.folders.conftest import Hold

FILES: dict[str, bytes] = {}
MOVED: dict[str, str] = {}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        contents = FILES.get(self.path)
        if self.path in MOVED:
            self.send_response(302)
            self.send_header("Location", MOVED[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200 if contents is not None else 404)
        self.send_header("Content-Length", str(len(contents or b"")))
        self.end_headers()
        self.wfile.write(contents or b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of localhost that signs itself, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "own.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    (folder / "both.pem").write_text((folder / "key.pem").read_text() + (folder / "own.pem").read_text())
    return folder / "both.pem"


@pytest.fixture
def site(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a TLS server whose certificate this process trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_name("own.pem")))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(
        http, "_OPENER", build_opener(http._SafeRedirects)
    )  # it may have looked for certificates before
    monkeypatch.setattr(http, "ATTEMPTS", 1)
    yield f"https://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    FILES.clear()
    MOVED.clear()


def source(contents: bytes, url: str) -> Source:
    return Source(sha256=hashlib.sha256(contents).hexdigest(), bytes=len(contents), url=url)


def test_a_folder_is_held_to_an_archive_that_is_fetched(
    folder: Path, submitted: Submitted, hold: Hold, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    FILES["/whole.zip"] = submitted.archive.read_bytes()
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    report = hold(folder, f"{site}/whole.zip")
    assert report.faults == []
    assert "3 clips are, to the byte, what the archive's videos make" in report.passed


def test_what_is_fetched_has_the_stated_size_and_hash(site: str, tmp_path: Path) -> None:
    FILES["/a.zip"] = b"contents"
    assert bring(source(b"contents", f"{site}/a.zip"), None, "", tmp_path / "a").read_bytes() == b"contents"
    for number, (wanted, path, said) in enumerate(
        (
            (b"Contents", "a.zip", "has the SHA-256 .*; entry.toml states"),
            (b"more contents", "a.zip", r"a\.zip \(13 bytes\): has 8 bytes there, expected 13"),
            (b"contents", "b.zip", "answered 404"),
        )
    ):
        with pytest.raises(NotHere, match=said):
            bring(source(wanted, f"{site}/{path}"), None, "", tmp_path / str(number))


def test_a_server_that_nobody_vouches_for_is_not_asked(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FILES["/a.zip"] = b"contents"
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setattr(http, "_OPENER", build_opener(http._SafeRedirects))
    with pytest.raises(NotHere, match="CERTIFICATE_VERIFY_FAILED"):
        bring(source(b"contents", f"{site}/a.zip"), None, "", tmp_path)


def test_a_server_that_drips_is_given_up(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FILES["/a.zip"] = b"contents"
    monkeypatch.setattr(bringing, "GRACE_SECONDS", -(10**6))  # as if it had begun eleven days ago
    with pytest.raises(NotHere, match=r"a\.zip \(8 bytes\): is too slow: 8 bytes in 0 s"):
        bring(source(b"contents", f"{site}/a.zip"), None, "", tmp_path)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("http://example.org/a.zip", "redirects from https to http"),
        ("ftp://example.org/a.zip", "redirects from https to ftp"),
        ("file:///etc/passwd", "answered 302"),
    ],
)
def test_a_redirect_to_anything_less_is_not_followed(target: str, said: str, site: str, tmp_path: Path) -> None:
    MOVED["/a.zip"] = target
    with pytest.raises(NotHere, match=said):
        bring(source(b"contents", f"{site}/a.zip"), None, "", tmp_path)


def test_what_lies_here_is_not_fetched(tmp_path: Path) -> None:
    for name in ("inside.zip", "given.zip"):
        (tmp_path / name).write_bytes(b"contents")
    stated = source(b"contents", "https://example.org/a.zip")
    given = str(tmp_path / "given.zip")
    assert bring(stated, tmp_path / "inside.zip", given, tmp_path) == tmp_path / "given.zip"
    assert bring(stated, tmp_path / "inside.zip", "", tmp_path) == tmp_path / "inside.zip"
    (tmp_path / "given.zip").write_bytes(b"Contents")
    with pytest.raises(NotHere, match="given.zip has the SHA-256"):
        bring(stated, None, given, tmp_path)
