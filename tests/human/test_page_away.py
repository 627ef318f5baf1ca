"""The rater's page where something is amiss: a server that is gone, a video that cannot be shown, a low window."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from i2vbench.human.study import video_path
from i2vbench.human.votes import Votes
from i2vbench.web import listen
from tests.conftest import ROOT, environment, until
from tests.human.browsing import agree, answers, click, enrolled, pick, text, until_task, window
from tests.human.conftest import Serve
from tests.human.studies import make_study


@contextmanager
def process(folder: Path, port: int) -> Iterator[Any]:
    """A server that can be killed."""
    command = [sys.executable, "-m", "tests.human.start", str(folder), str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "serving\n"
        try:
            yield started
        finally:
            started.kill()


def test_a_server_that_is_gone_for_a_while_loses_and_doubles_nothing(browser: Any, tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    folder = tmp_path / "study"
    make_study(folder, real=True, items=3, models=2, per_rater=3, checks=0)
    with listen(0) as free:
        port = free.getsockname()[1]
    with process(folder, port):
        browser.get(f"http://127.0.0.1:{port}/")
        click(browser, "go")
        until(browser, "location.pathname.startsWith('/r/')")
        agree(browser, browser.current_url)
        pick(browser, "appearance", 0)
        pick(browser, "motion", 1)
        click(browser, "save")
        until_task(browser, 2)
        assert text(browser, "saved") == "Saved ✓"
        pick(browser, "appearance", 0)
        pick(browser, "motion", 1)
    click(browser, "save")
    until(browser, "document.getElementById('trouble-text').textContent.includes('it is not saved yet')")
    assert not browser.find_element("id", "saved").is_displayed(), "it was the task before"
    assert [one.is_selected() for one in browser.find_elements("name", "motion")] == [False, True]
    assert text(browser, "count") == "1 of 3 done"
    with process(folder, port):
        if browser.find_element("id", "trouble").is_displayed():
            browser.execute_script("document.getElementById('retry').click()")
        until_task(browser, 3)
        assert not browser.find_element("id", "trouble").is_displayed()
    with Votes(folder, read_only=True) as votes:
        assert answers(votes) == [{"appearance": (0,), "motion": (1,)}] * 2
        assert [response.changes for response in votes.responses()] == [0, 0]


def test_a_task_fits_the_window_and_a_bad_video_is_fetched_again(browser: Any, serve: Serve) -> None:
    served = serve(real=True, items=2, models=3, per_rater=2, checks=0, height=48)
    bad = [served.folder / video_path(item, 1) for item in (0, 1)]
    good = [path.read_bytes() for path in bad]
    for path in bad:
        path.write_bytes(b"nothing that a browser shows")
    browser.get(enrolled(served))
    until(browser, "document.getElementById('consents')?.offsetParent")
    click(browser, "consents")
    until(browser, "document.getElementById('trouble-text').textContent.includes('cannot show one of the videos')")
    assert not browser.find_element("id", "save").is_enabled()
    for path, kept in zip(bad, good, strict=True):
        path.write_bytes(kept)
    browser.refresh()  # the browser has kept the bad one, too
    until(browser, "!document.getElementById('retry').hidden")
    browser.execute_script("document.getElementById('retry').click()")
    until_task(browser, 1)
    assert not browser.find_element("id", "trouble").is_displayed()
    for width, height in ((1366, 650), (1440, 780), (1920, 950)):
        with window(browser, width, height):
            assert browser.execute_script("return [innerWidth, innerHeight]") == [width, height]
            bar = browser.find_element("id", "keep").rect["y"]
            boxes = browser.find_elements("css selector", ".pick")
            assert max(box.rect["y"] + box.rect["height"] for box in boxes) <= bar, (width, height)
            videos = browser.find_elements("css selector", "video")
            (shape,) = {(one.size["width"], one.size["height"]) for one in videos}
            assert shape[0] == shape[1] >= 176
