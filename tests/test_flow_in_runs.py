"""Motion smoothness, dynamic degree and the static filter in a whole run, with checkpoints of the published layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.progress import Quiet
from i2vbench.run import Outcome, run
from i2vbench.settings import RunConfig
from i2vbench.store import Store
from i2vbench.tables import collect
from tests.conftest import Cli, make_dataset
from tests.metrics.looking import lay_out, recipe_state

PROFILE = """
name = "five"
title = "clips of five frames"

[protocol]
num_frames = {frames}
fps = 8
height = {side}
width = {side}
interpolation = "bilinear"
sampling = "nearest"
"""


@pytest.fixture(scope="module", params=[0.0, 1.0], ids=["still", "moving"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, bool]]:
    """Two pictures and checkpoints; RAFT's flow is 0, or far over every threshold, as the recipe has it."""
    folder = tmp_path_factory.mktemp("flow")
    make_dataset(folder / "data", num_clips=0, num_images=2)
    raft = recipe_state("raft")
    for name in ("weight", "bias"):
        raft[f"module.update_block.flow_head.conv2.{name}"] *= request.param
    with pytest.MonkeyPatch.context() as patch:
        lay_out(folder / "cache", patch, {"raft_things": raft, "amt_s": {"state_dict": recipe_state("amt_s")}})  # type: ignore[dict-item]
        yield folder, bool(request.param)


def go(folder: Path, out: str, metrics: str, *, frames: int = 5, side: int = 128, static_only: bool = False) -> Outcome:
    (folder / f"{out}.toml").write_text(PROFILE.format(frames=frames, side=side))
    config = RunConfig(
        models=("pan",),
        metrics=tuple(metrics.split(",")),
        static_only=static_only,
        dataset=f"folder:{folder / 'data'}",
        profile=str(folder / f"{out}.toml"),
        device="cpu",
        out=folder / out,
    )
    return run(config, Quiet())


def test_motion_and_stillness_are_told_apart(place: tuple[Path, bool]) -> None:
    folder, moving = place
    metrics = "temporal_flickering,motion_smoothness,dynamic_degree"
    outcome = go(folder, "all", metrics, static_only=True)
    assert outcome.failed == 0
    with Store.open(outcome.folder) as store:
        rows = {row.metric: row for row in store.measurements(model="pan")}
    dynamic = rows["dynamic_degree"]
    assert dynamic.value == float(moving)
    assert dynamic.details["pairs_above"] == (4 if moving else 0)
    assert len(rows["motion_smoothness"].details["mae_per_dropped_frame"]) == 2
    assert "temporal_flickering" not in rows, "the narrowed one stands in its place"
    flickering = rows["temporal_flickering_static"]
    assert flickering.state == ("not_applicable" if moving else "done")
    results = collect([outcome.folder])
    note = "; ".join(results.notes[[info.id for info in results.metrics].index("temporal_flickering_static")])
    assert ("pan: 2 of 2 clips not applicable (the clip is not static; first: image-0: 4 pairs" in note) == moving


def test_what_vbench_says_nothing_of_has_a_reason(place: tuple[Path, bool]) -> None:
    folder, _ = place
    outcome = go(folder, "small", "motion_smoothness,dynamic_degree", side=96)
    with Store.open(outcome.folder) as store:
        assert all("128 pixels" in str(row.reason) for row in store.measurements(model="pan"))
    assert outcome.failed == 4
    outcome = go(folder, "short", "dynamic_degree", frames=2)
    with Store.open(outcome.folder) as store:
        assert all("VBench calls any clip dynamic" in str(row.reason) for row in store.measurements(model="pan"))


def test_static_only_needs_the_metric_that_it_narrows(place: tuple[Path, bool]) -> None:
    with pytest.raises(UserError, match="--static-only is about temporal_flickering"):
        go(place[0], "none", "dynamic_degree", static_only=True)


def test_static_only_on_the_command_line_needs_its_checkpoint(cli: Cli) -> None:
    done = cli("run", "--model", "static", "--metrics", "temporal_flickering", "--dataset", "demo", "--static-only")
    assert done.returncode == 2
    assert "raft_things" in done.stderr
    assert "i2vbench weights fetch" in done.stderr
