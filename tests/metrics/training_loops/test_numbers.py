"""The metrics of training loops give the benchmark's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from i2vbench.metrics.base import Metric as BenchmarkMetric
from i2vbench.metrics.clipsim import CLIPSIM
from i2vbench.metrics.fid import FID
from i2vbench.metrics.fvd import FVD
from i2vbench.metrics.inception_score import InceptionScore
from i2vbench.metrics.networks import i3d
from i2vbench.types import Cell, Clip, FrameSource, Sample, Video
from tests.conftest import ROOT
from tests.metrics.networks.states import state

pytest.importorskip("torchmetrics")

from i2vbench.metrics import (
    CLIPSimilarity,
    FrechetFrameDistance,
    FrechetVideoDistance,
    VideoInceptionScore,
)
from tests.metrics.training_loops.given import (
    GENERATED,
    MEAN,
    REAL,
    Frames,
    SmallFrameDistance,
    Videos,
    Words,
    numbers,
    prompts,
    take,
    videos,
)


def benchmark(metric: BenchmarkMetric, generated: Tensor, real: Tensor) -> Cell:
    """The benchmark's cell of the same clips."""

    def measured(some: Tensor) -> list[Any]:
        clips = [
            Clip(Sample(f"s{i}", "Pet", prompt, FrameSource(Path("first.png"))), Video(video.numpy(), 8.0))
            for i, (video, prompt) in enumerate(zip(some, prompts(len(some)), strict=True))
        ]
        return list(metric.measure(clips))

    return metric.aggregate(measured(generated), measured(real))


# The benchmark's numbers.


def test_fvd_with_the_real_network_is_the_benchmarks() -> None:
    network = i3d.load(state("i3d"))
    theirs = FVD()
    theirs._network = network
    ours = FrechetVideoDistance(network)
    real, generated = videos(2, 1)[:, :9], videos(2, 2)[:, :9]
    expected = benchmark(theirs, generated, real).value
    take(ours, generated, real, size=2)
    assert ours.compute().item() == expected, "to the last bit"
    ours.reset()
    take(ours, generated, real, size=1)
    assert ours.compute().item() == pytest.approx(expected, rel=1e-5), "as far as the network rounds alike"


def test_the_other_variant_has_its_own_network_and_covariances() -> None:
    class Script(nn.Module):
        def forward(self, pixels: Tensor, *, rescale: bool, resize: bool, return_features: bool) -> Tensor:
            assert (rescale, resize, return_features) == (True, True, True)
            return pixels[:, :, ::4, ::5, ::5].flatten(1).repeat(1, 6)[:, :400]

    theirs = FVD("stylegan-v")
    theirs._network = Script()
    ours = FrechetVideoDistance(Script(), variant="stylegan-v")
    take(ours, GENERATED, REAL)
    assert ours.compute().item() == benchmark(theirs, GENERATED, REAL).value


@pytest.mark.parametrize(("kind", "count"), [(FrechetFrameDistance, 3), (SmallFrameDistance, 90)])
def test_fid_is_the_benchmarks(kind: type[FrechetFrameDistance], count: int) -> None:
    """12 frames are fewer than 2048 dimensions, 360 more than a block."""
    theirs = FID()
    theirs._network = Frames(kind.dimensions)
    real, generated = videos(count, 1)[:, :4], videos(count + 1, 2)[:, :4]
    ours = kind(Frames(kind.dimensions))
    take(ours, generated, real, size=11)
    assert ours.compute().item() == benchmark(theirs, generated, real).value


def test_the_inception_score_is_the_benchmarks() -> None:
    theirs = InceptionScore()
    theirs._network, theirs._mean = Videos(101, classes=True), MEAN
    generated = videos(23)
    ours = VideoInceptionScore(Videos(101, classes=True), MEAN)
    take(ours, generated, REAL)
    cell = benchmark(theirs, generated, REAL)
    assert numbers(ours) == [cell.value, cell.spread]


def test_clipsim_is_the_benchmarks() -> None:
    theirs = CLIPSIM()
    theirs._network = Words()
    ours = CLIPSimilarity(Words())
    take(ours, GENERATED, REAL)
    assert ours.compute().item() == pytest.approx(benchmark(theirs, GENERATED, REAL).value, rel=1e-14)
    assert ours.compute().dtype == torch.float64


def test_the_example_of_the_docs_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("i2vbench.weights.read", lambda name: {"i3d_tats": state("i3d")}[name])
    text = (ROOT / "docs" / "training-loops.md").read_text()
    exec(text.partition("```python\n")[2].partition("```")[0], {})
    assert capsys.readouterr().out.startswith("FVD ")
