"""Boxes and captions: what the page shows of single frames."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from i2vbench.tables import collect
from i2vbench.tables.layout import all_tables
from i2vbench.tables.page import write_page
from i2vbench.tables.seen import seen_frames
from tests.conftest import until
from tests.tables.runs import RunSpec, make_run, moving_square, sample

NASTY = "<img src=x onerror=\"document.title='owned'\">"

OBJECTS = {
    "words": ["dog"],
    "counted_names": ["dog"],
    "rule": "exact",
    "succeeded": {"exact": [True, False, False, True], "synonyms": [True, True, False, True]},
    "frame_indices": [0, 2, 4, 6],
    "fps": 8.0,
    "frame_size": [32, 32],
    "frames": 4,
    "successes": 2,
    "objects": [
        [{"name": "dog", "score": 0.9, "box": [0, 4, 10, 14]}, {"name": NASTY, "score": 0.8, "box": [20, 20, 32, 32]}],
        [{"name": "puppy", "score": 0.7, "box": [4, 4, 14, 14]}],
        [],
        [{"name": "dog", "score": 0.6, "box": [12, 4, 22, 14]}],
    ],
}
CAPTIONS = {
    "words": ["park"],
    "rule": "published",
    "succeeded": {"published": [True, True, True, False], "own-frames": [True, False, True, True]},
    "frame_indices": [0, 2, 4, 6],
    "fps": 8.0,
    "frame_size": [32, 32],
    "frames": 4,
    "successes": 3,
    "captions": ["a park", "", NASTY, "a park again"],
    "counted_from": [0, 0, 0, 1],
}


def test_boxes_and_captions_are_those_of_the_frames() -> None:
    seen = seen_frames(OBJECTS)
    assert seen is not None
    assert (seen["size"], seen["fps"]) == ([32, 32], 8)
    assert [frame["hit"] for frame in seen["frames"]] == [True, False, False, True]
    assert [frame["seconds"] for frame in seen["frames"]] == [0.0625, 0.3125, 0.5625, 0.8125], "amid frames 0, 2, 4, 6"
    assert seen["frames"][0]["boxes"][0] == ["dog", 0, 4, 10, 14, True]
    assert [frame["text"] for frame in seen["frames"][1:]] == ["puppy", "no object", "dog"]


def test_a_caption_that_counts_for_another_frame_says_so() -> None:
    seen = seen_frames(CAPTIONS)
    assert seen is not None
    texts = [frame["text"] for frame in seen["frames"]]
    # The caption that stands second is that of frame 2.
    assert texts == ["a park", "a park (of frame 0)", "a park (of frame 0)", "(no caption) (of frame 2)"]
    own = seen_frames(CAPTIONS | {"rule": "own-frames", "counted_from": None})
    assert own is not None
    assert [frame["text"] for frame in own["frames"]] == ["a park", "(no caption)", NASTY, "a park again"]


def test_a_name_that_counts_by_another_rule_is_the_wanted_one() -> None:
    seen = seen_frames(OBJECTS | {"rule": "synonyms", "counted_names": ["dog", "puppy"]})
    assert seen is not None
    assert [box[5] for frame in seen["frames"] for box in frame["boxes"]] == [True, False, True, True]


@pytest.mark.parametrize(
    "changes",
    [
        {"succeeded": {}},
        {"frame_indices": [0, "x"]},
        {"objects": [[]]},
        {"objects": [[{"name": "dog"}]] * 4},
        {"fps": 0},
        {"fps": None},
        {"frame_size": [1]},
        {"frame_indices": []},
    ],
)
def test_details_of_another_make_draw_nothing(changes: dict[str, Any]) -> None:
    assert seen_frames(OBJECTS | changes) is None


def page_of(folder: Path, metric: str, details: dict[str, Any]) -> str:
    video = moving_square()
    spec = RunSpec(
        samples=[sample("dog-1", "Pet", objects=("dog",), scene="park")],
        scores={(metric, "pan"): [{"value": 0.5, "details": details}]},
        models=("pan",),
        metrics=(metric,),
        videos={"pan": [video]},
    )
    results = collect([make_run(folder / "run", spec)])
    return write_page(results, all_tables(results), folder).as_uri()


def rectangles(browser: Any) -> list[Any]:
    """Each box of the frame shown: its label, and where it is in units of the video's frame."""
    found: list[Any] = browser.execute_script(
        """
        const stage = document.querySelector('.stage').getBoundingClientRect();
        return [...document.querySelectorAll('.boxes g')].map((g) => {
          const r = g.querySelector('rect').getBoundingClientRect();
          const scale = 32 / stage.width;
          const sides = [r.left - stage.left, r.top - stage.top, r.right - stage.left, r.bottom - stage.top];
          return [g.textContent, g.classList.contains('wanted'), ...sides.map((s) => Math.round(s * scale))];
        });
        """
    )
    return found


def test_boxes_lie_over_the_frame_that_is_shown(browser: Any, tmp_path: Path) -> None:
    browser.get(page_of(tmp_path, "object_consistency", OBJECTS))
    browser.find_element("css selector", "button.unfold").click()
    until(browser, "document.querySelector('video')?.readyState >= 2")
    browser.execute_script("document.querySelector('.clip').scrollIntoView()")
    marks = browser.find_elements("css selector", ".mark")
    assert ["hit" in mark.get_attribute("class") for mark in marks] == [True, False, False, True]
    marks[0].click()
    until(browser, "document.querySelector('video').paused && document.querySelectorAll('.boxes g').length == 2")
    assert rectangles(browser) == [["dog", True, 0, 4, 10, 14], [NASTY, False, 20, 20, 32, 32]]
    marks[3].click()
    until(browser, "Math.abs(document.querySelector('video').currentTime - 0.8125) < 0.01")
    assert rectangles(browser) == [["dog", True, 12, 4, 22, 14]]
    assert browser.find_element("css selector", ".words").text == "6: dog"
    assert [mark.get_attribute("aria-pressed") for mark in marks] == ["false", "false", "false", "true"]
    # The square is where its box is: the preview shows that frame, and no neighbour.
    colour = browser.execute_script(
        """
        const video = document.querySelector('video'), canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
        const context = canvas.getContext('2d');
        context.drawImage(video, 0, 0);
        return [...context.getImageData(20, 9, 5, 1).data];
        """
    )
    assert colour[0] > 180, "inside of the box"
    assert colour[4 * 4] < 120, "right of it"
    marks[2].click()
    until(browser, "document.querySelector('.words').textContent == '4: no object'")
    assert rectangles(browser) == []
    browser.find_element("css selector", ".play").click()
    until(browser, "document.querySelectorAll('.boxes g').length == 2")
    assert browser.title == "I2V-Bench"
    assert browser.get_log("browser") == []


def test_captions_follow_the_video(browser: Any, tmp_path: Path) -> None:
    browser.get(page_of(tmp_path, "scene_consistency", CAPTIONS | {"counted_from": None}))
    browser.find_element("css selector", "button.unfold").click()
    until(browser, "document.querySelector('video')?.readyState >= 2")
    browser.execute_script("document.querySelector('.clip').scrollIntoView()")
    words = "document.querySelector('.words').textContent"
    for text in ("0: a park", "2: (no caption)", "6: a park again", "0: a park"):
        until(browser, f"{words} == '{text}'")
    browser.find_elements("css selector", ".mark")[2].click()
    until(browser, f"{words}.startsWith('4: <img')")
    assert browser.title == "I2V-Bench"
    assert browser.get_log("browser") == []


def test_every_mark_of_a_short_clip_can_be_chosen(browser: Any, tmp_path: Path) -> None:
    short = CAPTIONS | {"frame_indices": [0, 7, 7, 7], "counted_from": [0, 0, 0, 1]}
    browser.get(page_of(tmp_path, "scene_consistency", short))
    browser.find_element("css selector", "button.unfold").click()
    until(browser, "document.querySelector('video')?.readyState >= 2")
    browser.execute_script("document.querySelector('.clip').scrollIntoView()")
    pressed = "[...document.querySelectorAll('.mark')].findIndex((m) => m.getAttribute('aria-pressed') == 'true')"
    for mark in (2, 3, 3, 1, 0, 3):  # the last frame ends the video, which must not begin again
        browser.find_elements("css selector", ".mark")[mark].click()
        until(browser, f"!document.querySelector('video').seeking && {pressed} == {mark}")
        time.sleep(0.2)
        assert browser.execute_script(f"return {pressed}") == mark
        assert browser.execute_script("return document.querySelector('video').currentTime > 0.5") == (mark > 0)
