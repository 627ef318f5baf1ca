"""A local server that plays Google Drive, well and badly; and the way there for gdown's own code."""

from __future__ import annotations

import html
import importlib
import importlib.util
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from i2vbench.datasets.i2v_bench import released
from i2vbench.datasets.i2v_bench.drive import FOLDER_ID
from i2vbench.datasets.i2v_bench.report import Outcome
from tests.datasets.i2v_bench.conftest import Place
from tests.site import Answer, Request, Site

QUOTA = (
    "Too many users have viewed or downloaded this file recently. Please try accessing the file again later. If the "
    "file you are trying to access is particularly large, it may take up to 24 hours."
)


class ToLocal(HTTPAdapter):
    """Sends what is meant for a host of Google's to the local server, as /HOST/PATH where it is not drive's own."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        asked = urlsplit(request.url or "")
        assert asked.hostname is not None
        if not (request.url or "").startswith(self.url):  # that is a redirect within the server
            assert asked.hostname.endswith("google.com"), asked
            host = "" if asked.hostname == "drive.google.com" else f"/{asked.hostname}"
            request.url = f"{self.url}{host}{asked.path}?{asked.query}"
        return super().send(request, **options)


def gdown_module() -> Any:
    """The module gdown.download, whose name in the package is the function's."""
    return importlib.import_module("gdown.download")


def ident(name: str) -> str:
    """An id as Drive's are."""
    return (name.replace(".", "_").replace("/", "-") + "_" * 33)[:33]


def page(title: str, links: list[tuple[str, str]]) -> Answer:
    """Drive's embedded view of a folder: (address, name) of each entry."""
    entries = "".join(
        f'<div class="flip-entry"><a href="{href}"><div class="flip-entry-title">{html.escape(name)}</div></a></div>'
        for href, name in links
    )
    text = f"<html><head><title>{html.escape(title)}</title></head><body>{entries}</body></html>"
    return text_of(text)


def text_of(text: str, code: int = 200) -> Answer:
    def answer(request: Request) -> None:
        request.head(code, Content_Type="text/html; charset=utf-8", Content_Length=len(text.encode()))
        request.body(text.encode())

    return answer


def file_of(name: str, contents: bytes, *, cut_after: int = 0, ranges: bool = True, kind: str = "video/mp4") -> Answer:
    """A file as Drive gives it; the first answers of one break off after so many bytes."""

    def answer(request: Request) -> None:
        start = request.start if ranges else 0
        facts = {
            "Content_Type": kind,
            "Content_Disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}",
            "Content_Length": len(contents) - start,
            "Last_Modified": "Tue, 26 Mar 2024 10:10:10 GMT",
            "Accept_Ranges": "bytes",
        }
        if start:
            facts["Content_Range"] = f"bytes {start}-{len(contents) - 1}/{len(contents)}"
        request.head(206 if start else 200, **facts)
        request.body(contents[start : start + cut_after if cut_after else None])

    return answer


def confirm(file_id: str) -> Answer:
    """The page that asks whether a large file, too large to be scanned for viruses, is wanted all the same."""
    return text_of(
        '<html><body><form id="download-form" action="https://drive.usercontent.google.com/download" method="get">'
        f'<input type="hidden" name="id" value="{file_id}"><input type="hidden" name="confirm" value="t">'
        "</form></body></html>"
    )


def refusal(text: str = QUOTA) -> Answer:
    return text_of(f'<html><body>\n<p class="uc-error-subcaption">{text}</p>\n</body></html>')


class Drive:
    """The server's folder."""

    def __init__(self, site: Site, place: Place) -> None:
        self.site, self.place = site, place
        self.folder("", [])

    def folder(self, name: str, names: list[str]) -> None:
        """A folder and what is in it; a name that ends with "/" is a folder."""
        folder_id = ident(name) if name else FOLDER_ID
        links = []
        for entry in names:
            path = f"{name}/{entry}".strip("/")
            if entry.endswith("/"):
                links.append((f"https://drive.google.com/drive/folders/{ident(path)}", entry[:-1]))
            else:
                links.append((f"https://drive.google.com/file/d/{ident(path)}/view?usp=drive_web", entry))
        self.site.answers[f"/embeddedfolderview?id={folder_id}"] = page(name or "I2V-Bench", links)

    def file(self, path: str, answer: Answer | bytes) -> str:
        if isinstance(answer, bytes):
            answer = file_of(path.rpartition("/")[2], answer)
        self.site.answers[f"/uc?id={ident(path)}"] = answer
        return f"/uc?id={ident(path)}"

    def usual(self) -> dict[str, bytes]:
        """Two categories with a video each, and the prompts."""
        contents = {
            "Pet/a.mp4": self.place.videos[0].read_bytes(),
            "Food/b.mp4": self.place.videos[1].read_bytes(),
            "prompts.csv": b"file,prompt\nPet/a.mp4,a dog.\nFood/b.mp4,tea.\n",
        }
        self.folder("", ["Pet/", "Food/", "prompts.csv", "cover.png"])
        self.folder("Pet", ["a.mp4"])
        self.folder("Food", ["b.mp4"])
        for path, data in contents.items():
            self.file(path, data)
        return contents

    def bring(self) -> Outcome:
        self.place.told.clear()
        return released.bring(None, self.place.out, self.place.told.append)

    def asked(self, path: str) -> list[str]:
        """The Range headers with which a file was asked for."""
        return self.site.ranges(f"/uc?id={ident(path)}")
