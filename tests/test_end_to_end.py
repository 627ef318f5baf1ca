"""The whole of it, as one person uses it: from a skeleton of an adapter to a vote in a browser.

Each chapter takes up what the one before has left on the disk, and asks for what a person would see.
"""

from __future__ import annotations

import csv
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import INTERRUPTED, Cli, command, environment, until
from tests.human.browsing import agree, click, pick, text

DATA = ("--profile", "tiny", "--dataset", "demo", "--limit", 6, "--device", "cpu")
CLIPS = 6 * 2
"""Samples under two seeds."""


@dataclass
class Desk:
    """A folder, and the command line in it."""

    folder: Path
    cli: Cli

    def does(self, *arguments: object, code: int = 0) -> str:
        """Run a command that ends with this code, and give what it said."""
        done = self.cli(*arguments, cwd=self.folder)
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{said}"
        assert "Traceback" not in said
        return said

    def begins(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command that is to be interfered with."""
        return subprocess.Popen(
            command(*arguments), cwd=self.folder, env=environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def mean(self, metric: str, run: str = "runs/mine") -> float:
        """What a metric's table says of my model over all clips."""
        with open(self.folder / run / "tables" / f"{metric}.csv", encoding="utf-8", newline="") as file:
            (total,) = (row for row in csv.DictReader(file) if row["category"] == "All")
        return float(total["my_model"])


def test_from_a_skeleton_to_a_vote(tmp_path: Path, cli: Cli, request: pytest.FixtureRequest) -> None:
    desk = Desk(tmp_path, cli)
    a_skeleton_is_an_adapter_that_keeps_the_contract(desk)
    a_run_with_two_seeds_is_killed_and_goes_on(desk)
    a_metric_is_added_to_the_finished_run(desk)
    it_is_compared_with_a_baseline(desk)
    it_stands_in_table_2_among_the_published_models(desk)
    it_is_submitted_and_verified(desk)
    boards_are_built_of_it(desk)
    browser = request.getfixturevalue("browser")  # without one, what comes before has been seen
    the_board_shows_it(desk, browser)
    a_person_votes_on_its_videos(desk, browser)


def a_skeleton_is_an_adapter_that_keeps_the_contract(desk: Desk) -> None:
    assert "next: i2vbench adapter check my_model.py:MyModel" in desk.does("adapter", "new", "my_model")
    assert "my_model.py:MyModel keeps the contract" in desk.does("adapter", "check", "my_model.py:MyModel")


def a_run_with_two_seeds_is_killed_and_goes_on(desk: Desk) -> None:
    adapter = desk.folder / "my_model.py"
    slow = "import time\n\n        time.sleep(0.2)\n        rng = "
    adapter.write_text(adapter.read_text().replace("rng = ", slow, 1))
    made = ("run", "--model", "my_model.py:MyModel", "--seed", 0, "--seed", 1, "--metrics", "temporal_flickering")
    process = desk.begins(*made, *DATA, "--out", "runs/mine")
    videos = desk.folder / "runs" / "mine" / "videos" / "my_model"
    while len(list(videos.glob("*.mp4"))) < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL

    before = {path.name: path.read_bytes() for path in videos.glob("*.mp4")}
    (generated,) = re.findall(r"generate my_model +(\d+) +(\d+) +0 +0\n", desk.does("show", "runs/mine"))
    done, owed = map(int, generated)
    assert done + owed == CLIPS
    assert owed > 0
    assert done <= len(before) < CLIPS
    desk.does("run", "--resume", "--out", "runs/mine")
    assert re.search(rf"generate my_model +{CLIPS} +0 +0 +0\n", desk.does("show", "runs/mine"))
    after = {path.name: path.read_bytes() for path in videos.glob("*.mp4")}
    assert len(after) == CLIPS
    assert {name: after[name] for name in before} == before
    assert after["astronaut-seed0.mp4"] != after["astronaut-seed1.mp4"]


def a_metric_is_added_to_the_finished_run(desk: Desk) -> None:
    before = desk.mean("temporal_flickering")
    said = desk.does("run", "--resume", "--out", "runs/mine", "--metrics", "dynamic_degree")
    assert "Dynamic Degree (%) ↑" in said
    assert "These numbers are not comparable with published ones." in said
    assert desk.mean("temporal_flickering") == before
    assert 0 <= desk.mean("dynamic_degree") <= 100
    worst = desk.does("clips", "runs/mine", "temporal_flickering", "--limit", 1).split()
    numbers = re.findall(r"^temporal_flickering,.*,done,([\d.]+)", _clips_csv(desk), re.MULTILINE)
    assert len(numbers) == CLIPS
    assert worst[0] == f"{100 * min(map(float, numbers)):.2f}"
    assert f"{100 * sum(map(float, numbers)) / CLIPS:.2f}" == f"{before:.2f}", "the table is the mean of its clips"


def _clips_csv(desk: Desk) -> str:
    return (desk.folder / "runs" / "mine" / "tables" / "clips.csv").read_text(encoding="utf-8")


def it_is_compared_with_a_baseline(desk: Desk) -> None:
    metrics = ("--metrics", "temporal_flickering,dynamic_degree")
    desk.does("run", "--model", "static", "--model", "pan", *metrics, *DATA, "--out", "runs/baselines")
    said = desk.does(
        "compare", "runs/mine", "runs/baselines", "--model-b", "static", "--metrics", "temporal_flickering"
    )
    assert "my_model and static, sample by sample" in said
    assert re.search(r"Temporal Flickering: static is better by .* on all 6 samples", said)
    assert "A still clip scores 100" in said


def it_stands_in_table_2_among_the_published_models(desk: Desk) -> None:
    said = desk.does("table", "runs/mine", "--table", 2, "--with-published", "--out", "paper")
    row = next(line for line in said.splitlines() if line.startswith("my_model"))
    mark = re.search(rf" {desk.mean('temporal_flickering'):.2f}\^(\w)", row)
    assert mark is not None, row
    assert re.search(rf"^- {mark[1]}: .*demo.*tiny", said, re.MULTILINE), "the letter says why it does not compare"
    assert re.search(r"^ConsistI2V +_96\.65_ +97\.77 +37\.48 ", said, re.MULTILINE)
    latex = (desk.folder / "paper" / "table-02.tex").read_text(encoding="utf-8")
    assert rf"my\_model & {desk.mean('temporal_flickering'):.2f}\textsuperscript{{{mark[1]}}} & " in latex


def it_is_submitted_and_verified(desk: Desk) -> None:
    refused = desk.does("submit", "runs/mine", "--with-videos", code=2)
    assert "Its data set is demo" in refused
    assert "profile" in refused
    said = desk.does("submit", "runs/mine", "--with-videos", "--anyway", "--contact", "A. Author, a@example.org")
    assert "Next: i2vbench leaderboard verify mine.zip --anyway" in said
    verified = desk.does("leaderboard", "verify", "mine.zip", "--anyway", "--clips", 2, "--out", "looked")
    assert verified.endswith("Verified.\n")
    assert "are, to the byte, what its measurements make" in verified
    assert (desk.folder / "looked" / "tables" / "clips.csv").read_text() == _clips_csv(desk)

    forged = bytearray((desk.folder / "mine.zip").read_bytes())
    forged[len(forged) // 2] ^= 1
    (desk.folder / "forged.zip").write_bytes(forged)
    assert "Verified." not in desk.does("leaderboard", "verify", "forged.zip", "--anyway", code=2)


def boards_are_built_of_it(desk: Desk) -> None:
    added = (
        "leaderboard",
        "add",
        "mine.zip",
        "--board",
        "i2v-bench",
        "--out",
        "boards",
        "--recompute-only",
        "--anyway",
    )
    assert "Next: fill in boards/i2v-bench/my-model/entry.toml" in desk.does(*added)
    entry = desk.folder / "boards" / "i2v-bench" / "my-model"
    card = (entry / "entry.toml").read_text()
    card = card.replace("authors = []", 'authors = ["A. Author"]').replace('contact = ""', 'contact = "a@example.org"')
    (entry / "entry.toml").write_text(card)
    (desk.folder / "mine.zip").rename(entry / "archive.zip")
    desk.does("leaderboard", "build", "--submissions", "boards", "--out", "site", "--anyway")


def the_board_shows_it(desk: Desk, browser: Any) -> None:
    browser.get((desk.folder / "site" / "i2v-bench.html").as_uri())
    row = next(row for row in browser.find_elements("css selector", "tbody tr") if "my_model" in row.text)
    assert f"{desk.mean('temporal_flickering'):.2f}" in row.text
    assert "trial" in row.text
    row.find_element("css selector", "th a").click()
    until(browser, "document.querySelector('h1')?.textContent.includes('my_model')")
    until(browser, "document.querySelector('video')")
    browser.execute_script("document.querySelector('video').scrollIntoView(); document.querySelector('video').load()")
    until(browser, "document.querySelector('video').videoWidth == 128")
    assert browser.get_log("browser") == []


def a_person_votes_on_its_videos(desk: Desk, browser: Any) -> None:
    pytest.importorskip("fastapi")
    process = desk.begins(
        *("human", "serve", "runs/mine", "runs/baselines", "--model", "my_model", "--model", "pan", "--out", "study"),
        *("--limit", 1, "--per-rater", 1, "--checks", 0, "--port", 0),
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        (link,) = re.findall(r"Rater .* at (http://\S+)", "".join(lines))
        agree(browser, link)
        assert len(browser.find_elements("css selector", ".video")) == 2
        assert "my_model" not in browser.page_source
        for question in ("appearance", "motion"):
            pick(browser, question, 1)
        click(browser, "save")
        until(browser, "document.title == 'Thank you!'")
        assert "answer" in text(browser, "done-text")
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode in INTERRUPTED, errors
    assert "1 responses of 1 raters" in said
    report = desk.does("human", "report", "study")
    assert re.search(r"my_model|pan", report)
    assert "100" in report, "one of the two has all votes"
