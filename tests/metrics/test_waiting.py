"""On a GPU a metric reads its numbers once, when all is under way: shown on a GPU that computes nothing."""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from i2vbench import transfer
from i2vbench.metrics import clipsim, consistency, fid, flow, motion_smoothness, overall_consistency
from i2vbench.metrics.base import Metric
from i2vbench.metrics.networks import frames, grit
from i2vbench.profiles import load_profile
from i2vbench.registry import METRICS
from i2vbench.types import Clip, Frames
from tests.metrics.looking import make_clip
from tests.waits import GPU, on_gpu, pretended_gpu

READS = {
    "subject_consistency": 1,
    "background_consistency": 1,
    "fid": 1,
    "fvd": 1,
    "inception_score": 1,
    "clipsim": 2,  # of pictures and of words
    "motion_smoothness": 1,
    "dynamic_degree": 1,
    "overall_consistency": 2,
}
"""How often a metric waits for the GPU, however many clips and chunks there are."""

COUNTING = ("object_consistency", "scene_consistency")
"""What has boxes and words is waited for at each step: a copy to the GPU need not be."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (consistency, fid, clipsim):
        monkeypatch.setattr(module, "FRAMES_AT_ONCE", 4)
    monkeypatch.setattr(flow, "PIXELS_AT_ONCE_ELSEWHERE", 4 * 128**2)
    monkeypatch.setattr(motion_smoothness, "BYTES_AT_ONCE_ELSEWHERE", 1)
    monkeypatch.setattr(overall_consistency, "CLIPS_AT_ONCE", 1)
    monkeypatch.setattr(frames, "PIXELS_AT_ONCE", 3 * 128**2)
    monkeypatch.setattr(grit, "PIXELS_AT_ONCE_ON_GPU", 4 * 128**2)


def on_pretended_gpu(name: str) -> tuple[Metric, Any]:
    """A metric with the tiny profile's network, on the CPU; and itself once more, to be given a GPU's."""
    here, there = METRICS.create(name), METRICS.create(name)
    for metric in (here, there):
        metric.prepare(load_profile("tiny"))
    here.load("cpu", "float32")
    return here, there


def waits(name: str, clips: Sequence[Clip], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    here, there = on_pretended_gpu(name)
    with pretended_gpu(monkeypatch) as gpu:
        there._network, there._device = on_gpu(here._network), GPU  # type: ignore[attr-defined]
        if hasattr(here, "_mean"):
            there._mean = torch.empty_like(here._mean, device=GPU)
        assert len(there.measure(clips)) == len(clips)
        return gpu.places


def clips(count: int, num_frames: int = 5) -> list[Clip]:
    return [make_clip(seed, num_frames, size=128) for seed in range(count)]


def noted(monkeypatch: pytest.MonkeyPatch) -> list[Frames]:
    """What is copied to the pretended GPU from now on."""
    copied, copies = transfer._copied, []

    def note(frames: Frames, device: str) -> torch.Tensor:
        copies.append(frames)
        return copied(frames, device)

    monkeypatch.setattr(transfer, "_copied", note)
    return copies


@pytest.mark.parametrize("name", READS)
def test_a_metric_waits_for_a_gpu_once_however_much_there_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    num_frames = 16 if name in ("fvd", "inception_score") else 5
    for count in (1, 2):
        places = waits(name, clips(count, num_frames), monkeypatch)
        assert [place.split(" ", 1)[1] for place in places] == ["copy from the GPU"] * READS[name], places


@pytest.mark.parametrize("name", COUNTING)
def test_what_must_count_waits_for_no_copy_to_the_gpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    places = waits(name, clips(1), monkeypatch)
    # Line 114 of proposals.py is torchvision's own, in its suppression of boxes.
    ours = [place for place in places if "to the GPU" in place or "index on the CPU" in place]
    assert {re.sub(r":\d+ .*", "", place) for place in ours} <= {"metrics/networks/grit/proposals.py"}, ours
    assert any("nonzero" in place for place in places), "the pretended GPU no longer tells who counts"


def test_frames_are_brought_to_a_gpu_once_for_all_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    given = clips(2)
    metrics = [on_pretended_gpu(name) for name in ("subject_consistency", "fid", "clipsim", "overall_consistency")]
    with pretended_gpu(monkeypatch):
        copies = noted(monkeypatch)
        for here, there in metrics:
            there._network, there._device = on_gpu(here._network), GPU  # type: ignore[attr-defined]
            there.measure(given)
    assert [id(frames) for frames in copies] == [id(clip.video.frames) for clip in given]


def test_frames_leave_the_gpu_with_their_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    (clip,) = clips(1)
    with pretended_gpu(monkeypatch):
        there = weakref.ref(transfer.take([(clip.video.frames, 3)], GPU))
        kept = weakref.ref(transfer._KEPT[id(clip.video.frames), GPU])
        assert there() is None
        assert kept() is not None
        del clip
        assert kept() is None


def test_frames_that_would_fill_a_gpu_are_copied_as_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = make_clip(0, num_frames=2), make_clip(1, num_frames=4)
    places = [(small.video.frames, 1), (large.video.frames, 2)]
    with pretended_gpu(monkeypatch):
        copies = noted(monkeypatch)
        monkeypatch.setattr(transfer, "_free_bytes", lambda device: transfer.KEPT_OF_FREE * small.video.frames.nbytes)
        assert transfer.take(places, GPU).shape == (2, 32, 32, 3)
    assert [len(frames) for frames in copies] == [2, 2], "the small clip, and what was asked for of both"


def test_on_a_cpu_the_frames_are_those_asked_for() -> None:
    one, other = make_clip(0), make_clip(1)
    taken = transfer.take([(one.video.frames, 2), (other.video.frames, 0), (one.video.frames, 2)], "cpu")
    expected = [one.video.frames[2], other.video.frames[0], one.video.frames[2]]
    assert np.array_equal(taken.numpy(), np.stack(expected))


def test_the_stream_that_computes_waits_for_the_one_that_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a network would read frames that are still on their way, or a copy write over those it reads."""
    done: list[object] = []

    class Stream:
        def __init__(self, name: str) -> None:
            self.name = name

        def wait_stream(self, other: Stream) -> None:
            done.append(f"{self.name} waits for {other.name}")

        def __enter__(self) -> None:
            done.append("copying")

        def __exit__(self, *error: object) -> None:
            done.append("copied")

    there = SimpleNamespace(record_stream=lambda stream: done.append(f"held for {stream.name}"))
    staged = SimpleNamespace(to=lambda device, non_blocking: done.append((device, non_blocking)) or there)
    copying, computing = Stream("copying"), Stream("computing")
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: computing)
    monkeypatch.setattr(transfer, "_copy_stream", lambda device: copying)
    monkeypatch.setattr(transfer, "_staged", lambda frames: staged)
    assert transfer._copied(np.zeros((1, 2, 2, 3), np.uint8), "cuda:1") is there
    assert done == [
        "copying",
        ("cuda:1", True),
        "copied",
        "computing waits for copying",
        "held for computing",
    ]
