"""The worker processes: what hangs is ended, and nothing of the user's is written."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from i2vbench.datasets.download.faults import SiteFault
from i2vbench.datasets.download.site import Site, Stopped
from i2vbench.errors import UserError
from tests.datasets.download.asking import QUICK
from tests.site import Answer, Request, good
from tests.site import Site as Web


def workers() -> set[int]:
    """Descendants of this process that run the worker or its ffmpeg."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    mine = {os.getpid()}
    rows = [line.split(None, 2) for line in listed.splitlines()[1:]]
    for _ in range(3):
        mine |= {int(pid) for pid, parent, _ in rows if int(parent) in mine}
    return {int(pid) for pid, _, args in rows if int(pid) in mine and ("worker.py" in args or "ffmpeg" in args)}


def endless(contents: bytes) -> Answer:
    """A byte now and then, so that no timeout of a socket ends it."""

    def answer(request: Request) -> None:
        request.head(200, Content_Length=len(contents), Content_Type="video/mp4")
        for i in range(2000):
            request.body(contents[i : i + 1])
            if request.site.closing.wait(0.05):
                return

    return answer


@pytest.mark.parametrize("section", [None, (1.0, 2.0)])
def test_a_worker_that_hangs_is_ended_with_its_ffmpeg(
    web: Web, film: bytes, target: Path, section: tuple[float, float] | None
) -> None:
    web.answers["/film.mp4"] = endless(film)
    before = workers()
    with Site(dataclasses.replace(QUICK, download_seconds=2.5)) as short:
        with pytest.raises(SiteFault, match="did not end within 2.5 s") as caught:
            short.fetch(f"{web.url}/film.mp4", target, section)
        assert caught.value.kind == "network"
        assert workers() <= before
        web.answers["/film.mp4"] = good(film)  # the next one has a worker of its own
        assert short.fetch(f"{web.url}/film.mp4", target.with_name("next")).path.read_bytes() == film


def test_closing_ends_what_is_under_way(web: Web, film: bytes, target: Path) -> None:
    web.answers["/film.mp4"] = endless(film)
    site, ends = Site(QUICK), []

    def fetch() -> None:
        try:
            site.fetch(f"{web.url}/film.mp4", target)
        except Stopped as error:
            ends.append(error)

    thread = threading.Thread(target=fetch)
    thread.start()
    deadline = time.monotonic() + 20
    while not web.asked and time.monotonic() < deadline:
        time.sleep(0.02)
    site.close()
    thread.join(10)
    assert len(ends) == 1
    with pytest.raises(Stopped):
        site.describe(f"{web.url}/film.mp4")


def test_cookies_are_sent_and_their_file_is_only_read(web: Web, clip: bytes, target: Path, tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.txt"
    text = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsession\tabc\n"
    cookies.write_text(text)
    seen = []

    def answer(request: Request) -> None:
        seen.append(request.handler.headers.get("Cookie"))
        good(clip, kind="video/mp4")(request)

    web.answers["/clip.mp4"] = answer
    with Site(dataclasses.replace(QUICK, cookies=cookies)) as site:
        site.fetch(f"{web.url}/clip.mp4", target)
    assert set(seen) == {"session=abc"}
    assert cookies.read_text() == text
    cookies.write_text("session=abc\n")
    with pytest.raises(UserError, match="Netscape"):
        Site(dataclasses.replace(QUICK, cookies=cookies))
    with pytest.raises(UserError, match="cannot be read"):
        Site(dataclasses.replace(QUICK, cookies=tmp_path / "none.txt"))
