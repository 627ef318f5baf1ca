"""`tables.html`: what is in it, what is not, and what a browser makes of it."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import sqlite3
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import example, given, settings

from i2vbench.names import FORMATS
from i2vbench.profiles import load_profile
from i2vbench.tables import collect, write_tables
from i2vbench.tables.layout import all_tables
from i2vbench.tables.page import render, write_page
from i2vbench.tables.page_clips import seed_places
from i2vbench.tables.previews import Wanted, make_previews, preview_size
from i2vbench.texts import clean
from i2vbench.types import Video
from i2vbench.video import write_video
from tests.conftest import until
from tests.tables.runs import FLICKERING, METRICS_FILE, RunSpec, make_run, moving_square, sample
from tests.tables.test_text import HOSTILE, TEXT, table_of

MODELS = ("static", "pan")
NASTY = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">\n'\"&"


OUR_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "h1", "dl", "div", "dt", "dd", "nav", "a", "main"),
    *("section", "h2", "p", "noscript", "script", "table", "thead", "tbody", "tr", "th", "td", "bdi", "span", "small"),
    *("strong", "u", "button", "ul", "li"),
}


class Page(HTMLParser):
    """The page as a browser would split it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._raw = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._raw = tag in ("script", "style")
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self.text += data
        elif self.scripts:
            self.scripts[-1] += data

    def json(self, id_: str) -> Any:
        scripts = [attrs for tag, attrs in self.tags if tag == "script"]
        return json.loads(self.scripts[[attrs.get("id") for attrs in scripts].index(id_)])


def run_with_videos(folder: Path, **changes: Any) -> Path:
    samples = [
        sample("cat-1", "cats", NASTY, objects=("a cat", "<b>"), scene="a & b"),
        sample("cat-2", "cats", "two cats"),
        sample("car-1", "cars", "a car"),
    ]
    videos = {
        "static": [Video(np.repeat(moving_square(i).frames[:1], 8, axis=0), 8) for i in range(3)],
        "pan": [moving_square(i) for i in range(3)],
    }
    spec: dict[str, Any] = {
        "samples": samples,
        "scores": {
            (FLICKERING, "static"): (1.0, 1.0, 1.0),
            (FLICKERING, "pan"): (0.9, 0.8, 0.7),
            ("warp_error", "static"): (0.0, 0.0, 0.0),
            ("warp_error", "pan"): (0.1, "no <flow>", 0.3),
        },
        "metrics": (FLICKERING, f"{METRICS_FILE}:Error"),
        "videos": videos,
        "lost": {("pan", "car-1"): "model raised ValueError: <i>no</i>"},
    }
    return make_run(folder, RunSpec(**spec | changes))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_with_videos(tmp_path_factory.mktemp("page") / "run")


def write(run: Path, out: Path, **more: Any) -> tuple[str, Page]:
    results = collect([run])
    out.mkdir(exist_ok=True)
    text = write_page(results, all_tables(results), out, **more).read_text(encoding="utf-8")
    return text, Page(text)


def assert_nothing_foreign(page: Page) -> None:
    """Only our scripts, no handlers, no address outside."""
    scripts = [attrs for tag, attrs in page.tags if tag == "script"]
    assert scripts == [{"type": "application/json", "id": i} for i in ("data", "media")] + [{}]
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert {tag for tag, _ in page.tags} <= OUR_TAGS
    for _, attrs in page.tags:
        assert (attrs.get("href") or "#").startswith("#")
        assert "src" not in attrs


def test_a_profile_that_is_not_comparable_is_told_before_anything_else(tmp_path: Path) -> None:
    _, page = write(run_with_videos(tmp_path / "run", changes={"profile": load_profile("tiny").as_dict()}), tmp_path)
    said = "Profile tiny: These numbers are not comparable with published ones."
    assert -1 < page.text.index(said) < page.text.index("Data set")


def test_every_note_stands_on_the_page_once(run: Path, tmp_path: Path) -> None:
    results = collect([run])
    text, _ = write(run, tmp_path)
    shown = re.findall(r"<li>(.*?)</li>", text)
    notes = {note for table in all_tables(results) for note in table.notes}
    assert sorted(map(html.unescape, shown)) == sorted(notes)


def test_each_video_is_in_the_file_once(run: Path, tmp_path: Path) -> None:
    text, page = write(run, tmp_path)
    media = page.json("media")
    videos = [f"clips/{m}/{s}-seed0.mp4" for m in MODELS for s in ("cat-1", "cat-2", "car-1")]
    videos.remove("clips/pan/car-1-seed0.mp4")
    assert sorted(media) == sorted([*videos, *(f"clips/first_frames/{s}.png" for s in ("cat-1", "cat-2", "car-1"))])
    for name in videos:
        assert text.count(media[name]) == 1
        with av.open(io.BytesIO(base64.b64decode(media[name])), mode="r") as container:
            frames = list(container.decode(video=0))
        assert (len(frames), frames[0].format.name) == (8, "yuv420p")
    assert [path.name for path in tmp_path.iterdir()] == ["tables.html"]


def test_the_data_say_scores_states_and_reasons(run: Path, tmp_path: Path) -> None:
    _, page = write(run, tmp_path)
    data = page.json("data")
    assert data["columns"] == ["static", "pan"]
    assert [clip["sample"] for clip in data["clips"]] == ["cat-1", "cat-2", "car-1"]
    first = data["clips"][0]
    assert (first["prompt"], first["objects"], first["scene"]) == (NASTY, ["a cat", "<b>"], "a & b")
    assert data["clips"][2]["videos"][1] == {"why": "model raised ValueError: <i>no</i>"}
    score = data["scores"][0][0][1]
    assert (score["text"], score["value"], score["series"]) == ("90.00", 0.9, {"mae_per_pair": [0.9, 1.8, 0.0]})
    assert (score["facts"], score["threshold"]) == ("threshold 1.5", 1.5)
    assert data["scores"][1][1][1] == {"state": "failed", "why": "no <flow>"}


def test_nothing_foreign_is_in_the_page(run: Path, tmp_path: Path) -> None:
    text, page = write(run, tmp_path)
    assert_nothing_foreign(page)
    assert not re.findall(r"https?:(?!//www\.w3\.org/2000/svg)", text)
    assert "Temporal Flickering" in page.text
    assert "16 frames at 8 fps" in page.text


def test_a_video_that_cannot_be_shown_gives_its_reason(tmp_path: Path) -> None:
    run = run_with_videos(tmp_path / "run")
    (run / "videos/static/cat-1-seed0.mp4").unlink()
    (run / "videos/static/cat-2-seed0.mp4").write_bytes(b"no video")
    (run / "first_frames/cat-1.png").write_bytes(b"no picture")
    _, page = write(run, tmp_path / "out")
    clips = page.json("data")["clips"]
    assert clips[0]["videos"][0] == {"why": "videos/static/cat-1-seed0.mp4: no such file"}
    assert clips[1]["videos"][0]["why"].startswith("videos/static/cat-2-seed0.mp4: is not a video")
    assert clips[0]["frame"]["why"].startswith("first_frames/cat-1.png: is not a picture")
    assert str(tmp_path) not in json.dumps(clips)


def test_a_large_run_keeps_its_previews_beside_the_page(run: Path, tmp_path: Path) -> None:
    _, page = write(run, tmp_path / "large", embed_bytes=3000)
    assert page.json("media") == {}
    embedded = write(run, tmp_path / "small")[1].json("media")
    files = {p.relative_to(tmp_path / "large").as_posix(): p for p in (tmp_path / "large/clips").rglob("*.*")}
    assert {name: base64.b64encode(path.read_bytes()).decode() for name, path in files.items()} == embedded
    addresses = [v["at"] for clip in page.json("data")["clips"] for v in [clip["frame"], *clip["videos"]] if "at" in v]
    assert sorted(addresses) == sorted(files)


def test_previews_are_small_and_stay_in_the_run(tmp_path: Path) -> None:
    assert preview_size(720, 1280) == (256, 455)
    assert preview_size(1280, 720) == (455, 256)
    assert preview_size(100, 200) == (100, 200)
    write_video(tmp_path / "outside.mp4", moving_square())
    (tmp_path / "run").mkdir()
    wanted = {"clips/x.mp4": Wanted("clips/x.mp4", tmp_path / "run", "../outside.mp4", "video")}
    previews = make_previews(wanted, tmp_path / "out")
    assert previews.reasons == {"clips/x.mp4": "the store names a file outside of the run"}
    assert not previews.embedded


def test_clips_of_two_runs_stand_together(tmp_path: Path) -> None:
    runs = [run_with_videos(tmp_path / name) for name in "ab"]
    results = collect(runs)
    (out := tmp_path / "out").mkdir()
    page = Page(write_page(results, all_tables(results), out).read_text(encoding="utf-8"))
    clips = page.json("data")["clips"]
    assert len(clips) == 3
    assert clips[0]["videos"][2]["at"] == "clips/static-2-" + clips[0]["videos"][2]["at"].split("-2-")[1]
    assert all(v["at"] in page.json("media") for v in clips[0]["videos"])
    assert len({v["at"] for v in clips[0]["videos"]}) == 4


def test_clips_of_other_seeds_stand_beside_each_other(tmp_path: Path) -> None:
    runs = [run_with_videos(tmp_path / name) for name in "ab"]
    settings = json.loads((runs[1] / "run.json").read_text())
    (runs[1] / "run.json").write_text(json.dumps(settings | {"seeds": [7]}))
    with sqlite3.connect(runs[1] / "run.sqlite") as db:
        for table in ("clip", "measurement"):
            db.execute(f"UPDATE {table} SET seed = 7")
    db.close()
    results = collect(runs)
    (out := tmp_path / "out").mkdir()
    page = Page(write_page(results, all_tables(results), out).read_text(encoding="utf-8"))
    clips = page.json("data")["clips"]
    assert len(clips) == 3
    assert all(all(clip["videos"]) for clip in clips)
    assert {clip["seed"] for clip in clips} == {"seeds 0, 7"}


def test_equal_seeds_stand_beside_each_other_first() -> None:
    runs = [SimpleNamespace(settings={"seeds": seeds}) for seeds in ([0, 1], [1], [7, 1])]
    assert seed_places(SimpleNamespace(runs=runs)) == [{0: 0, 1: 1}, {1: 1}, {1: 1, 7: 0}]


def test_samples_of_different_data_sets_stand_apart(tmp_path: Path) -> None:
    other = {"name": "other", "samples": 3, "fingerprint": "0" * 64}
    runs = [run_with_videos(tmp_path / "a"), run_with_videos(tmp_path / "b", changes={"dataset": other})]
    results = collect(runs)
    (out := tmp_path / "out").mkdir()
    page = Page(write_page(results, all_tables(results), out).read_text(encoding="utf-8"))
    clips = page.json("data")["clips"]
    assert [[v is not None for v in clip["videos"]] for clip in clips] == [[True] * 2 + [False] * 2] * 3 + [
        [False] * 2 + [True] * 2
    ] * 3
    assert "DIFFERENT DATA SETS" in page.text


def test_equal_results_give_equal_bytes(tmp_path: Path) -> None:
    outs = []
    for name in ("one", "another/deep"):
        run = run_with_videos(tmp_path / name, changes={"batch_size": len(name)})
        out = run / "tables"
        write_tables(collect([run]), out, FORMATS)
        outs.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert outs[0] == outs[1]
    assert len(outs[0]) == 3 * 3 + 2
    assert not [name for name, data in outs[0].items() if str(tmp_path).encode() in data]


@settings(max_examples=60, deadline=None)
@given(text=TEXT)
@example(text=" ".join(HOSTILE))
def test_hostile_text_is_only_text(run: Path, text: str) -> None:
    table = table_of(text, text)
    results = collect([run])
    page = Page(render(results, [table, table], {"prompt": clean(text)}, {}))
    assert_nothing_foreign(page)
    assert page.json("data") == {"prompt": clean(text)}
    expected = clean(text).replace("\r\n", "\n").replace("\r", "\n")
    assert expected in page.text.replace("\r\n", "\n").replace("\r", "\n")


def test_hostile_names_of_everything(tmp_path: Path) -> None:
    names = [text for text in HOSTILE if text.strip()]
    samples = [sample(f"s{i}", name, name, objects=(name,), scene=name) for i, name in enumerate(names)]
    models = [name for name in names if name.strip()]
    spec = RunSpec(
        samples,
        {(FLICKERING, model): names for model in models},
        models=models,
        titles={model: model for model in models},
        changes={"dataset": {"name": NASTY, "samples": 1, "fingerprint": NASTY}},
    )
    results = collect([make_run(tmp_path / "run", spec)])
    write_tables(results, tmp_path / "out", FORMATS)
    assert_nothing_foreign(Page((tmp_path / "out/tables.html").read_text(encoding="utf-8")))


# -- a browser ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("embed_bytes", [10**7, 0], ids=["embedded", "folder"])
def test_a_row_unfolds_to_playing_videos(browser: Any, run: Path, tmp_path: Path, embed_bytes: int) -> None:
    write(run, tmp_path, embed_bytes=embed_bytes)
    browser.get((tmp_path / "tables.html").as_uri())
    assert browser.title == "I2V-Bench"
    button = browser.find_element("css selector", "button.unfold")
    assert button.get_attribute("aria-expanded") == "false"
    button.click()
    assert button.get_attribute("aria-expanded") == "true"
    until(browser, "document.querySelectorAll('video').length == 4")
    until(browser, "[...document.querySelectorAll('video')].every(v => v.readyState >= 2 && v.muted)")
    browser.execute_script("document.querySelector('.clip').scrollIntoView()")
    until(browser, "[...document.querySelectorAll('.clip')[0].querySelectorAll('video')].every(v => !v.paused)")
    until(browser, "[...document.images].every(i => i.naturalWidth == 32)")
    # the worst first: pan scores 80 on cat-2 and 90 on cat-1
    prompts = [p.get_property("textContent") for p in browser.find_elements("css selector", ".prompt")]
    assert prompts == ["two cats", NASTY]
    assert browser.title == "I2V-Bench"
    assert browser.find_elements("css selector", ".series svg title")
    line = browser.find_element("css selector", ".series svg .threshold")
    # 1.5 on the common scale, from 0 to the 2 of the still clip, drawn from 22 up to 2
    assert [line.get_attribute(end) for end in ("x1", "x2", "y1", "y2")] == ["0", "100", "7.00", "7.00"]
    browser.find_element("css selector", ".controls button").click()
    assert browser.find_element("css selector", ".prompt").get_property("textContent") == NASTY
    button.click()
    assert not browser.find_elements("css selector", "video")
    assert browser.get_log("browser") == []


def test_videos_of_a_clip_run_in_step_and_again(browser: Any, run: Path, tmp_path: Path) -> None:
    write(run, tmp_path)
    browser.get((tmp_path / "tables.html").as_uri())
    browser.find_element("css selector", "button.unfold").click()
    browser.execute_script("document.querySelector('.clip').scrollIntoView()")
    videos = "[...document.querySelectorAll('.clip')[0].querySelectorAll('video')]"
    until(browser, f"{videos}.every(v => v.currentTime > 0.7)")
    until(browser, f"{videos}.every(v => v.currentTime > 0 && v.currentTime < 0.5)")  # they last one second
    times = browser.execute_script(f"return {videos}.map(v => v.currentTime)")
    assert max(times) - min(times) < 0.15
    browser.find_element("css selector", ".play").click()
    until(browser, f"{videos}.every(v => v.paused)")
    assert browser.find_element("css selector", ".play").text == "Play"


def test_reasons_stand_where_videos_would(browser: Any, run: Path, tmp_path: Path) -> None:
    write(run, tmp_path)
    browser.get((tmp_path / "tables.html").as_uri())
    browser.find_elements("css selector", "button.unfold")[1].click()
    assert "model raised ValueError: <i>no</i>" in browser.find_element("css selector", ".missing.failed").text
    assert "failed" in browser.find_element("css selector", ".why").text
