"""The tiny profile as a user meets it: its data, its metrics, and what everything it prints says."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path

import pytest

from i2vbench.create import create_metrics
from i2vbench.names import FORMATS
from i2vbench.profiles import load_profile
from i2vbench.settings import RunConfig
from i2vbench.weights.needs import lacking
from tests.conftest import Cli

NOTE = "These numbers are not comparable with published ones."
TWELVE = {
    "fvd", "fid", "inception_score", "clipsim", "background_consistency", "subject_consistency", "temporal_flickering",
    "motion_smoothness", "dynamic_degree", "object_consistency", "scene_consistency", "overall_consistency",
}  # fmt: skip

needs_packages = pytest.mark.skipif(
    any(importlib.util.find_spec(package) is None for package in ("skvideo", "skimage")),
    reason="needs scikit-video and scikit-image",
)


def test_all_metrics_look_through_what_comes_with_i2vbench() -> None:
    profile = load_profile("tiny")
    metrics = create_metrics(RunConfig(models=("static",), metrics=("all",)), profile)
    assert set(metrics) >= TWELVE
    assert lacking({id_: metric.info for id_, (metric, _) in metrics.items()}, skip=False) == {}


@needs_packages
def test_everything_it_prints_says_that_it_is_not_comparable(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path / "cache"))
    done = cli("run", "--model", "static", "--metrics", "temporal_flickering", "--profile", "tiny", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run/run.json").read_text())["dataset"]["name"] == "tiny"
    assert f"note: profile tiny: {NOTE}" in done.stderr
    assert "Data set tiny, 33 samples" in done.stdout
    assert NOTE in done.stdout
    assert f"profile tiny: {NOTE}" in cli("show", "run").stdout
    made = cli("table", "run", "--format", ",".join(FORMATS), "--out", "again")
    assert NOTE in made.stdout
    for file in (tmp_path / "again").iterdir():
        if file.is_file():
            assert NOTE in file.read_text(encoding="utf-8"), file.name
    for name in ("summary", "clips", "temporal_flickering"):
        with open(tmp_path / "again" / f"{name}.csv", newline="", encoding="utf-8") as file:
            assert {row["profile"] for row in csv.DictReader(file)} == {f"tiny: {NOTE}"}
    refused = cli("leaderboard", "check", "run")
    assert refused.returncode == 1
    assert f"It was made under the profile tiny. {NOTE}" in refused.stdout
