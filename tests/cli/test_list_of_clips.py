"""`i2vbench clips`: which clips are behind a cell, and in which order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Cli
from tests.tables.runs import FLICKERING, METRICS_FILE, RunSpec, make_run, sample

ERROR = f"{METRICS_FILE}:Error"
"""Lower is better."""

SAMPLES = [sample("cat-1", "animals"), sample("car-1", "cars"), sample("cat-2", "animals"), sample("cat-3", "animals")]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    scores = {
        (FLICKERING, "static"): (0.9, 0.1, 0.4, "measure raised ValueError: no"),
        (FLICKERING, "pan"): (0.9, 0.1, 0.4, 0.2),
        ("warp_error", "pan"): (0.9, 0.1, 0.4, 0.2),
        ("fid", "pan"): [np.ones((1, 4))] * 4,
    }
    spec = RunSpec(SAMPLES, scores, metrics=(FLICKERING, ERROR, "fid"))
    return make_run(tmp_path / "run", spec)


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ((FLICKERING, "--model", "pan"), ["car-1", "cat-3", "cat-2", "cat-1"]),
        ((FLICKERING, "--model", "pan", "--best", "--limit", 2), ["cat-1", "cat-2"]),
        ((FLICKERING, "--model", "pan", "--categories", "animals"), ["cat-3", "cat-2", "cat-1"]),
        ((FLICKERING, "--model", "static"), ["cat-3", "car-1", "cat-2", "cat-1"]),
        ((FLICKERING, "--model", "static", "--best"), ["cat-1", "cat-2", "car-1", "cat-3"]),
        (("warp_error", "--model", "pan"), ["cat-1", "cat-2", "cat-3", "car-1"]),
    ],
)
def test_worst_first_in_the_metrics_own_direction(
    run: Path, cli: Cli, options: tuple[str, ...], ids: list[str]
) -> None:
    told = json.loads(cli("clips", "run", *options, "--json").stdout)
    assert [clip["sample"] for clip in told] == ids


def test_a_line_says_number_clip_and_place(run: Path, cli: Cli) -> None:
    lines = cli("clips", "run", FLICKERING, "--model", "static", "--limit", 2)
    assert lines.stdout.splitlines() == [
        "    –  animals  static  cat-3  seed 0  failed: measure raised ValueError: no",
        "10.00  cars  static  car-1  seed 0  run/videos/static/car-1-seed0.mp4",
    ]
    assert lines.stderr == "and 2 more; --limit 4 shows all\n"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((FLICKERING, "--model", "pam"), "no model 'pam' in run: did you mean pan?"),
        (("fvd", "--model", "pan"), "no metric 'fvd'"),
        (("fid", "--model", "pan"), "fid has no number of a single clip here"),
        (
            (FLICKERING, "--model", "pan", "--categories", "cats"),
            "unknown category 'cats'; the data set has",
        ),
    ],
)
def test_what_is_not_there_is_said(run: Path, cli: Cli, options: tuple[str, ...], says: str) -> None:
    done = cli("clips", "run", *options)
    assert (done.returncode, says in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr
