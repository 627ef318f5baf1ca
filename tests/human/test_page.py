"""The pages in a browser: studies by mouse, by keyboard and by finger, and what happens when the server is gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from i2vbench.human.study import Question
from tests.conftest import until
from tests.human.browsing import (
    agree,
    answers,
    assert_nothing_told,
    click,
    enrolled,
    keys,
    pick,
    text,
    until_playing,
    until_task,
    window,
)  # fmt: skip
from tests.human.conftest import Serve

FPS = 8
NASTY = "<img src=x onerror=\"document.title='owned'\"> & <b>bold</b>?"


COUNT_BLOBS = """
window.blobs = new Set();
window.made = 0;
const [create, revoke] = [URL.createObjectURL, URL.revokeObjectURL];
URL.createObjectURL = (blob) => {
  const url = create.call(URL, blob);
  made++;
  blobs.add(url);
  return url;
};
URL.revokeObjectURL = (url) => (blobs.delete(url), revoke.call(URL, url));
"""


@pytest.fixture(autouse=True)
def _as_before(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the device asks for is the next test's own."""
    yield
    browser = request.getfixturevalue("browser")
    browser.get("about:blank")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.get_log("browser")


def test_a_study_by_mouse(browser: Any, serve: Serve) -> None:
    served = serve(real=True, items=3, per_rater=3, checks=0, access={"enrol": 1})
    browser.get(f"{served.origin}/")
    click(browser, "go")
    until(browser, "location.pathname.startsWith('/r/')")
    agree(browser, browser.current_url, "<i>Ann</i>")
    assert len(browser.find_elements("css selector", ".video")) == 5
    until(browser, "document.querySelector('#first img')?.naturalWidth == 48")
    assert text(browser, "missing") == "Not answered yet: Appearance, Motion"
    assert not browser.find_element("id", "save").is_enabled()
    for place in (4, 0, 1):
        pick(browser, "appearance", place)
    pick(browser, "appearance", 1)
    assert text(browser, "missing") == "Not answered yet: Motion"
    keys(browser, " ")
    assert text(browser, "play") == "Play", "the space bar pauses; it does not undo the last click"
    pick(browser, "motion", 2)
    click(browser, "save")
    until_task(browser, 2)
    assert answers(served.votes) == [{"appearance": (0, 4), "motion": (2,)}]
    assert (text(browser, "saved"), text(browser, "count")) == ("Saved ✓", "1 of 3 done")

    browser.refresh()
    until_task(browser, 2)
    browser.execute_script(COUNT_BLOBS)
    browser.back()
    until_task(browser, 1)
    assert [one.is_selected() for one in browser.find_elements("name", "appearance")] == [True, *[False] * 3, True]
    pick(browser, "motion", 3)
    click(browser, "forward")
    until_task(browser, 2)
    assert answers(served.votes)[0]["motion"] == (2,), "what was not saved does not count"
    click(browser, "back")
    until_task(browser, 1)
    click(browser, "save")
    until_task(browser, 2)
    assert answers(served.votes) == [{"appearance": (0, 4), "motion": (2, 3)}]
    for number in (2, 3):
        until_task(browser, number)
        for question in ("appearance", "motion"):
            pick(browser, question, number)
        assert text(browser, "save") == ("Save and go on" if number == 2 else "Save and finish")
        click(browser, "save")
    until(browser, "document.title == 'Thank you!'")
    assert "All your 3 answers are saved" in text(browser, "done-text")
    assert [answer["motion"] for answer in answers(served.votes)] == [(2, 3), (2,), (3,)]
    assert browser.execute_script("return [made > 0, blobs.size]") == [True, 0]
    click(browser, "again")
    until_task(browser, 3)
    assert_nothing_told(browser, served)

    browser.back()
    until(browser, "document.title == 'Thank you!'")
    browser.back()
    until_task(browser, 3)
    browser.get(f"{served.origin}/")
    assert "Nobody new can take part" in text(browser, "closed")
    browser.get(f"{served.origin}{served.admin}")
    until(browser, "document.querySelector('#raters tr')")
    row = text(browser, "raters")
    assert "<i>Ann</i>" in row
    assert "3 of 3" in row
    assert_nothing_told(browser, served)


def test_videos_play_in_step_for_many_rounds(browser: Any, serve: Serve) -> None:
    served = serve(real=True, items=1, per_rater=1, checks=0, num_frames=8)
    agree(browser, enrolled(served))
    until_playing(browser)
    apart, begun, later = browser.execute_async_script(
        """
        const [done, videos, apart] = [arguments[0], [...document.querySelectorAll("video")], []];
        let begun = 0;
        videos[0].addEventListener("seeked", () => begun++);
        const look = () => {
          const times = videos.filter((video) => !video.ended && !video.seeking).map((video) => video.currentTime);
          if (times.length === videos.length) apart.push(Math.max(...times) - Math.min(...times));
          if (begun < 4) return requestAnimationFrame(look);
          videos[1].currentTime += 0.3; // as a browser that was busy
          setTimeout(() => done([apart, begun, Math.abs(videos[1].currentTime - videos[0].currentTime)]), 300);
        };
        look();
        """
    )
    assert begun == 4
    assert len(apart) > 4
    assert max(apart) < 1 / FPS
    assert later < 1 / FPS
    facts = "[v.muted, v.playsInline, v.clientWidth, v.clientHeight]"
    shown = browser.execute_script(f"return [...document.querySelectorAll('video')].map((v) => {facts})")
    assert len({tuple(one) for one in shown}) == 1
    assert shown[0][:2] == [True, True]


def test_a_study_by_keyboard_alone_and_without_motion(browser: Any, serve: Serve) -> None:
    from selenium.webdriver import Keys

    served = serve(real=True, items=2, models=3, per_rater=2, checks=0, invited=1)
    features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    (rater,) = served.votes.raters()
    browser.get(f"{served.origin}/r/{rater.token}/")
    until(browser, "document.activeElement.id == 'consent-heading'")
    keys(browser, Keys.TAB, "key 12", Keys.ENTER)
    until_task(browser, 1)
    assert served.votes.raters()[0].nickname == "key 12"
    assert browser.execute_script("return document.activeElement.id") == "heading"
    until(browser, "document.getElementById('hint').textContent.includes('press Play')")
    assert browser.execute_script("return [...document.querySelectorAll('video')].every((video) => video.paused)")
    keys(browser, " ")
    until_playing(browser)
    keys(browser, " ")
    assert text(browser, "play") == "Play"
    keys(browser, "13", "3", Keys.ENTER)
    assert browser.execute_script("return document.getElementById('live').textContent") == "Not answered yet: Motion"
    keys(browser, "29", Keys.ENTER, Keys.ENTER)
    until_task(browser, 2)
    asked = "performance.getEntriesByType('resource').filter((entry) => entry.name.endsWith('/tasks/1')).length"
    assert browser.execute_script(f"return {asked}") == 2, "shown once, saved once"
    assert answers(served.votes) == [{"appearance": (0,), "motion": (1,)}]
    # Tab and the space bar reach the boxes: two for each video, after the two buttons.
    keys(browser, *[Keys.TAB] * 3, " ", Keys.TAB, " ", Keys.BACKSPACE)
    until_task(browser, 1)
    keys(browser, Keys.ARROW_DOWN, "3", Keys.ENTER)
    until_task(browser, 2)
    keys(browser, Keys.ENTER)  # what was chosen before going back was kept
    until(browser, "document.title == 'Thank you!'")
    assert answers(served.votes) == [{"appearance": (0,), "motion": (1, 2)}, {"appearance": (0,), "motion": (0,)}]
    assert_nothing_told(browser, served)


def test_pairs_on_a_phone_and_text_stays_text(browser: Any, serve: Serve) -> None:
    asked = (Question("appearance", "A", NASTY), Question("motion", "M", "W" * 120))
    served = serve(real=True, mode="pairs", questions=asked, consent=(NASTY,), items=3, per_rater=2, checks=0)
    with window(browser, 360, 740, phone=True):
        agree(browser, enrolled(served))
        until_playing(browser)
        assert NASTY in text(browser, "pairs")
        assert browser.execute_script("return document.documentElement.scrollWidth") == 360
        first, second = browser.find_elements("css selector", ".video")
        assert first.rect["y"] == second.rect["y"]
        targets = browser.find_elements("css selector", ".pick, button")
        assert all(target.rect["height"] >= 40 for target in targets if target.is_displayed())
        save = browser.find_element("id", "save")
        assert save.rect["y"] + save.rect["height"] <= 740, "without scrolling"
        pick(browser, "appearance", 1)
        pick(browser, "motion", 2)
        save.click()
        until_task(browser, 2)
        assert answers(served.votes) == [{"appearance": (), "motion": (1,)}]
        keys(browser, "0")
        click(browser, "back")
        until_task(browser, 1)
        assert [one.is_selected() for one in browser.find_elements("name", "appearance")] == [False, True, False]
        assert_nothing_told(browser, served)
