"""Models, metrics and data sets for tests, good ones and bad ones, named as users name theirs: FILE.py:Class.

What they were called with goes to the file that the environment names.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from i2vbench.datasets.base import Dataset
from i2vbench.errors import NotApplicable
from i2vbench.metrics.base import Metric
from i2vbench.models.base import Model
from i2vbench.types import Clip, Frames, FrameSource, Measurement, MetricInfo, ModelInfo, Request, Sample, Video

LOG = "I2VBENCH_TEST_CALLS"


def note(what: str, ids: Sequence[str]) -> None:
    with open(os.environ[LOG], "a") as file:
        file.write(json.dumps([what, list(ids)]) + "\n")


class Noise(Model):
    """Noise by seed."""

    info = ModelInfo(name="noise", title="", max_batch=4)

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        note("generate", [r.sample_id for r in requests])
        return [self.one(r) for r in requests]

    def one(self, r: Request) -> Video:
        return Video(noise(r), r.fps)


def noise(r: Request) -> Frames:
    return np.random.default_rng(r.seed).integers(0, 256, (r.num_frames, r.height, r.width, 3), dtype=np.uint8)


class FailsOnOne(Noise):
    def one(self, r: Request) -> Video:
        if r.sample_id == "clip-1":
            raise MemoryError("CUDA out of memory")
        return super().one(r)


class WrongShape(Noise):
    def one(self, r: Request) -> Video:
        return Video(noise(r)[: 2 if r.sample_id == "clip-1" else None], r.fps)


class NotANumber(Noise):
    def one(self, r: Request) -> Video:
        frames = noise(r)
        return Video(frames if r.sample_id != "clip-1" else np.full(frames.shape, np.nan), r.fps)


class Warns(Noise):
    def one(self, r: Request) -> Video:
        warnings.warn(f"the prompt of {r.sample_id} was cut off", stacklevel=1)
        return super().one(r)


class OnlyMultiplesOf64(Noise):
    info = ModelInfo(name="sixty-four", title="", size_multiple=64)


class DoesNotLoad(Noise):
    def load(self, device: str, dtype: str) -> None:
        raise RuntimeError("weights are missing")


class NothingForImages(Noise):
    def one(self, r: Request) -> Video:
        if r.sample_id.startswith("image"):
            raise NotApplicable("a still picture")
        return super().one(r)


class LeavesInGenerate(Noise):
    def one(self, r: Request) -> Video:
        raise SystemExit("weights not found")


class TooWide(Noise):
    """Makes a video that no H.264 encoder takes."""

    info = ModelInfo(name="noise", title="", max_batch=4, any_output=True)

    def one(self, r: Request) -> Video:
        video = super().one(r)
        return Video(np.zeros((4, 16, 20_000, 3), np.uint8), 8.0) if r.sample_id == "clip-1" else video


class WritesIntoItsRequest(Noise):
    def one(self, r: Request) -> Video:
        r.first_frame[:] = 0
        return super().one(r)


class Holds(Noise):
    """Notes when it is loaded and let go; letting go without having loaded is an error."""

    def load(self, device: str, dtype: str) -> None:
        note("load", [device, dtype])
        self.weights = 1

    def unload(self) -> None:
        note("unload", [])
        del self.weights


class Kept(Holds):
    """May be taken over by other runs."""

    info = ModelInfo(name="kept", title="", max_batch=4)
    kept_over_runs = True


class FromKept(Kept):
    """Says nothing of that itself."""


class KeptOneByOne(Kept):
    """Makes another video where it is asked for several at once, which fails here."""

    kept_over_runs = True

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        if len(requests) > 1:
            raise MemoryError("CUDA out of memory")
        return super().generate(requests)


class KeptButForOne(FailsOnOne):
    info = ModelInfo(name="kept", title="", max_batch=4)
    kept_over_runs = True


class Paid(Noise):
    """Keeps a record that no other process may hold."""

    one_holder = True


class Short(Noise):
    info = ModelInfo(name="short", title="", num_frames=3, fps=24)


class Slow(Noise):
    info = ModelInfo(name="slow", title="", num_frames=2, fps=4)


class Wide(Noise):
    """Has a native size, length and rate of its own."""

    info = ModelInfo(name="wide", title="", max_batch=2, height=64, width=80, num_frames=12, fps=16)


class One(Metric):
    """One for every clip."""

    info = MetricInfo(id="one", title="One", direction="higher", range=(0, 10))

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        note("measure", [c.sample.id for c in clips])
        return [self.of(c) for c in clips]

    def of(self, clip: Clip) -> Measurement:
        return Measurement(clip.sample.id, "one", value=1.0)


class Looking(One):
    """Stands for a metric with a network, whose measurements may be taken over by other runs."""

    info = replace(One.info, id="looking", range=None, checkpoints=("tiny_c3d_mean",))
    kept_over_runs = True

    def of(self, clip: Clip) -> Measurement:
        mean = float(clip.video.frames.mean()) / 3
        return Measurement(clip.sample.id, self.info.id, value=mean, details={"thirds": [mean / 3, 1 / 3]})


class LookingAgain(Looking):
    """Features, and two clips that it does not judge."""

    info = replace(Looking.info, id="again")
    kept_over_runs = True

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        note("again", [c.sample.id for c in clips])
        return [self.of(c) for c in clips]

    def of(self, clip: Clip) -> Measurement:
        if clip.sample.id in ("clip-1", "clip-3"):
            return Measurement(clip.sample.id, "again", not_applicable="odd", details={"pixels": 1.5})
        return Measurement(clip.sample.id, "again", features=clip.video.frames.mean((0, 1, 2), dtype=np.float32))


class FromLooking(Looking):
    """Says nothing of that itself."""


class LookingOneByOne(Looking):
    kept_over_runs = True

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        if len(clips) > 1:
            raise MemoryError("CUDA out of memory")
        return super().measure(clips)


class LookingFailsOnOne(Looking):
    kept_over_runs = True

    def of(self, clip: Clip) -> Measurement:
        if clip.sample.id == "clip-1":
            raise ZeroDivisionError("no pixels")
        return super().of(clip)


class NotForTwoClips(One):
    info = MetricInfo(id="picky", title="Picky", direction="higher")

    def of(self, clip: Clip) -> Measurement:
        if clip.sample.id in ("clip-1", "clip-3"):
            why = f"it moves: by {clip.sample.id[-1]} pixels"
            return Measurement(clip.sample.id, "picky", not_applicable=why, details={"pixels": 1.0})
        return Measurement(clip.sample.id, "picky", value=1.0)


class FailsOnOneClipToo(Metric):
    info = MetricInfo(id="other", title="Other", direction="higher")

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        if any(clip.sample.id == "clip-1" for clip in clips):
            raise ZeroDivisionError
        return [Measurement(clip.sample.id, "other", value=1.0) for clip in clips]


class Doubled(Dataset):
    name = "doubled"

    def samples(self) -> list[Sample]:
        return [Sample("same", "Pet", "", FrameSource(Path("x"))) for _ in range(2)]


class TwoSpellings(Doubled):
    def samples(self) -> list[Sample]:
        return [Sample(id_, category, "", FrameSource(Path("x"))) for id_, category in (("a", "Pet"), ("b", "pet"))]


class FailsOnOneClip(One):
    def of(self, clip: Clip) -> Measurement:
        if clip.sample.id == "clip-1":
            raise ZeroDivisionError("no pixels")
        return super().of(clip)


class OutOfRange(One):
    def of(self, clip: Clip) -> Measurement:
        return Measurement(clip.sample.id, "one", value=11.0)


class MixesUpClips(One):
    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        return super().measure(clips)[::-1]


class Shapes(One):
    """The size of what it is shown."""

    info = replace(One.info, range=None)

    def of(self, clip: Clip) -> Measurement:
        t, h, w, _ = clip.video.frames.shape
        return Measurement(clip.sample.id, "one", value=t * 1e6 + h * 1e3 + w, details={"fps": clip.video.fps})


class Colours(Metric):
    """Features, compared with the real clips'."""

    info = MetricInfo(id="colours", title="Colours", direction="lower", reads=frozenset({"video", "reference"}))

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        return [Measurement(c.sample.id, "colours", features=c.video.frames.mean((0, 1, 2))) for c in clips]


class WritesIntoItsClips(One):
    """Tries to, as careless preprocessing does."""

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        for clip in clips:
            clip.video.frames[:] = 0
        return super().measure(clips)


class NumpyNumbers(One):
    def of(self, clip: Clip) -> Measurement:
        details = {"array": np.arange(3), "number": np.float32(0.5), "flag": np.bool_(True)}
        return Measurement(clip.sample.id, "one", value=np.float32(0.5), details=details)  # type: ignore[arg-type]


class NotANumberInDetails(One):
    def of(self, clip: Clip) -> Measurement:
        return Measurement(clip.sample.id, "one", value=1.0, details={"x": float("nan")})


class Leaves(One):
    def of(self, clip: Clip) -> Measurement:
        raise SystemExit(0)


class ByGroup(One):
    """Depends on what it is batched with, as a network's rounding does."""

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        return [Measurement(c.sample.id, "one", value=float(len(clips))) for c in clips]


class FailsOnce(One):
    """Until somebody has mended what was wrong."""

    def of(self, clip: Clip) -> Measurement:
        if not Path(os.environ[LOG]).with_name("mended").exists():
            raise RuntimeError("not mended")
        return super().of(clip)


class NeedsObjects(One):
    info = replace(One.info, reads=frozenset({"video", "objects"}))
