"""What the metrics of training loops refuse, and what they import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from i2vbench.weights import MissingCheckpoint

pytest.importorskip("torchmetrics")

from i2vbench.metrics import (
    CLIPSimilarity,
    FrechetFrameDistance,
    FrechetVideoDistance,
    VideoInceptionScore,
)
from tests.metrics.training_loops.given import (
    GENERATED,
    METRICS,
    REAL,
    SmallVideoDistance,
    Videos,
    Words,
    numbers,
    prompts,
    take,
)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (GENERATED.float(), r"videos: expected uint8 \[N, T, H, W, 3\] .* got float32 \[7, 16, 10, 12, 3\]"),
        (GENERATED[0], r"got uint8 \[16, 10, 12, 3\]"),
        (GENERATED.movedim(-1, 2), r"got uint8 \[7, 16, 3, 10, 12\]"),
        (GENERATED[:0], r"got uint8 \[0, 16, 10, 12, 3\]"),
        (GENERATED.numpy(), "expected a tensor, .* got ndarray"),
    ],
)
def test_other_videos_are_refused_and_leave_no_trace(name: str, wrong: Any, sentence: str) -> None:
    metric = METRICS[name]()
    take(metric, GENERATED, REAL)
    expected = numbers(metric)
    arguments = metric._filter_kwargs(real=False, prompts=prompts(len(wrong)))
    with pytest.raises(ValueError, match=sentence):
        metric.update(wrong, **arguments)
    assert numbers(metric) == expected


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["a dog"], "expected a list of 2, one for each video, got 1"),
        ("a dog", "expected a list of 2, .* got one text"),
        (["a dog", ""], "number 1 of 2 is empty"),
    ],
)
def test_other_prompts_are_refused(texts: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        CLIPSimilarity(Words()).update(GENERATED[:2], texts)


def test_features_that_are_not_finite_or_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected numbers \[n, 400\], got float32 \[7, 6\]"):
        FrechetVideoDistance(Videos(6)).update(GENERATED, real=True)
    network = Videos(6)
    network.scale.fill_(torch.nan)
    metric = SmallVideoDistance(network)
    with pytest.raises(ValueError, match="NaN or infinity in row 0 of 7"):
        metric.update(GENERATED, real=True)
    assert not metric.real.any()


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("fvd", "at least two features on each side, got 0 real and 1 generated"),
        ("inception score", "got 1 rows and 2 splits"),
        ("clipsim", "no video was taken in"),
    ],
)
def test_too_few_videos_are_refused(name: str, sentence: str) -> None:
    metric = METRICS[name]()
    if name != "clipsim":
        take(metric, GENERATED[:1], REAL[:0])
    with pytest.raises(ValueError, match=sentence):
        metric.compute()


def test_a_missing_checkpoint_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for make, name in [
        (FrechetVideoDistance, "i3d_tats"),
        (lambda: FrechetVideoDistance(variant="stylegan-v"), "i3d_torchscript"),
        (FrechetFrameDistance, "inception_2015_12_05"),
        (VideoInceptionScore, "c3d_ucf"),
        (CLIPSimilarity, "clip_vit_b32"),
    ]:
        with pytest.raises(MissingCheckpoint, match=f"`i2vbench weights fetch {name}` gets it"):
            make()


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_heavy_is_imported_before_it_is_asked_for() -> None:
    said = run_python(
        "import sys, i2vbench.metrics\n"
        "print(sorted({'torch', 'torchmetrics', 'numpy'} & set(sys.modules)))\n"
        "from i2vbench.metrics import FrechetVideoDistance\n"
        "print('torchmetrics' in sys.modules, hasattr(i2vbench.metrics, 'FrechetDistances'))"
    )
    assert said == "[]\nTrue False\n"


def test_without_torchmetrics_one_sentence_says_what_to_do() -> None:
    said = run_python(
        "import sys\n"
        "sys.modules['torchmetrics'] = None\n"
        "try:\n"
        "    from i2vbench.metrics import FrechetVideoDistance\n"
        "except ImportError as error:\n"
        "    print(error)"
    )
    assert said == "a metric for training loops needs torchmetrics: pip install 'i2vbench[torchmetrics]'\n"
