"""Known damage to clips, in grades: what `validate-metrics` shows the metrics.

Sizes are in shares of the shorter side and of the frames, so a grade means the same under every profile. Whatever is
random is drawn from the clip's id. Grade 0 is always the clip as it is. What is done, how strongly, and how every
metric is to answer stands in expected.toml.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFilter

from i2vbench.files import write_bytes
from i2vbench.parsing import parse_toml
from i2vbench.types import Frames, Sample, Video
from i2vbench.validate.subjects import Subject
from i2vbench.video import read_video
from i2vbench.video.write import encode_for_players

EXPECTED_FILE = Path(__file__).with_name("expected.toml")

Answer = Literal["worse", "better", "blind"]
"""worse: the number says that the clips are worse. better: that they are better, so damage fools it. blind: neither."""


Open = Literal["open"]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What a metric is shown: a video, and the sample that it is held to."""

    video: Video
    sample: Sample


@dataclass(frozen=True, slots=True)
class Expected:
    """How a metric is to answer, and why.

    Attributes:
        answer: "open" where a network is not held to anything.
        why: The reason.
        in_general: What is stated of the metric, where this is an exception of a network; else None.
    """

    answer: Answer | Open
    why: str
    in_general: Answer | Open | None = None


@dataclass(frozen=True, slots=True)
class Damage:
    """One kind of damage.

    Attributes:
        name: What it is called in tables.
        what: What is done, with what a grade counts; a sentence for the docs.
        grades: From weak to strong.
        apply: The clip under a grade; None if the subject has nothing for it.
        answers: How metrics are to answer, by id, where that was stated beforehand.
        exceptions: By checkpoint, how metrics that look through it are to answer, where that network is too small for
            the general answer.
    """

    name: str
    what: str
    grades: tuple[float, ...]
    apply: Callable[[Subject, float], Shown | None]
    answers: Mapping[str, Expected]
    exceptions: Mapping[str, Mapping[str, Expected]] = field(default_factory=dict)

    def strongest(self) -> Damage:
        """The same, in its strongest grade alone."""
        return replace(self, grades=self.grades[-1:])

    def expected(self, metric: str, checkpoints: Iterable[str] = ()) -> Expected | None:
        """What a metric is held to that looks through these; None where nothing was stated."""
        own = (self.exceptions.get(checkpoint, {}).get(metric) for checkpoint in checkpoints)
        return next(filter(None, own), self.answers.get(metric))


def flicker(frames: Frames, strength: float, _random: np.random.Generator) -> Frames:
    signs = (-1.0) ** np.arange(len(frames))
    return _rounded(frames * (1 + strength * signs[:, None, None, None]))


def blur(frames: Frames, share: float, _random: np.random.Generator) -> Frames:
    kernel = ImageFilter.GaussianBlur(share * min(frames.shape[1:3]))
    return np.stack([np.asarray(Pillow.fromarray(frame).filter(kernel)) for frame in frames])


def jitter(frames: Frames, share: float, random: np.random.Generator) -> Frames:
    most = max(1, round(share * min(frames.shape[1:3])))
    padded = np.pad(frames, ((0, 0), (most, most), (most, most), (0, 0)), mode="edge")
    height, width = frames.shape[1:3]
    shifts = random.integers(0, 2 * most + 1, (len(frames), 2))
    return np.stack([frame[y : y + height, x : x + width] for frame, (y, x) in zip(padded, shifts, strict=True)])


def drop_frames(frames: Frames, share: float, random: np.random.Generator) -> Frames:
    source = np.arange(len(frames))
    for i in sorted(random.permutation(len(frames) - 1)[: round(share * (len(frames) - 1))] + 1):
        source[i] = source[i - 1]
    return frames[source]


def swap_frames(frames: Frames, share: float, random: np.random.Generator) -> Frames:
    source, pairs = np.arange(len(frames)), len(frames) // 2
    for pair in random.permutation(pairs)[: round(share * pairs)]:
        source[[2 * pair, 2 * pair + 1]] = source[[2 * pair + 1, 2 * pair]]
    return frames[source]


def freeze(frames: Frames, share: float, _random: np.random.Generator) -> Frames:
    last = round((1 - share) * (len(frames) - 1))
    return frames[np.minimum(np.arange(len(frames)), last)]


def rescale(frames: Frames, factor: float, _random: np.random.Generator) -> Frames:
    height, width = frames.shape[1:3]
    small = (max(1, round(width / factor)), max(1, round(height / factor)))
    pictures = [Pillow.fromarray(frame).resize(small, Pillow.Resampling.BICUBIC) for frame in frames]
    return np.stack([np.asarray(p.resize((width, height), Pillow.Resampling.BICUBIC)) for p in pictures])


def hold_frames(frames: Frames, times: float, _random: np.random.Generator) -> Frames:
    return frames[np.arange(len(frames)) // int(times) * int(times)]


def _compress(subject: Subject, crf: float) -> Shown:
    video = subject.video()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clip.mp4"
        write_bytes(file, encode_for_players(video, crf=int(crf), preset="medium"))
        size = (video.height, video.width)
        decoded = read_video(file, list(range(video.num_frames)), size=size)
    return Shown(Video(decoded.frames, video.fps), subject.sample)


def _drift(subject: Subject, weight: float) -> Shown | None:
    other = subject.with_another_object()
    if other is None:
        return None
    video = subject.video()
    over = weight * np.linspace(0, 1, video.num_frames)[:, None, None, None]
    return Shown(Video(_rounded((1 - over) * video.frames + over * other.frames), video.fps), subject.sample)


def _swap_end(other: Callable[[Subject], Video | None]) -> Callable[[Subject, float], Shown | None]:
    """The last frames from another video."""

    def apply(subject: Subject, share: float) -> Shown | None:
        video, instead = subject.video(), other(subject)
        if instead is None:
            return None
        own = round((1 - share) * video.num_frames)
        return Shown(Video(np.concatenate((video.frames[:own], instead.frames[own:])), video.fps), subject.sample)

    return apply


def _faster(subject: Subject, factor: float) -> Shown | None:
    video = subject.faster(factor)
    return None if video is None else Shown(video, subject.sample)


def _wrong_caption(subject: Subject, share: float) -> Shown | None:
    caption = subject.wrong_caption(share)
    return None if caption is None else Shown(subject.video(), replace(subject.sample, prompt=caption))


def _on_frames(change: Callable[[Frames, float, np.random.Generator], Frames]) -> Callable[[Subject, float], Shown]:
    """Damage that only needs the frames."""

    def apply(subject: Subject, grade: float) -> Shown:
        video = subject.video()
        digest = hashlib.sha256(f"{change.__name__} {subject.sample.id}".encode()).digest()
        random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        return Shown(Video(np.ascontiguousarray(change(video.frames, grade, random)), video.fps), subject.sample)

    return apply


def _rounded(frames: np.ndarray) -> Frames:
    return frames.clip(0, 255).round().astype(np.uint8)


_HOW: Mapping[str, Callable[[Subject, float], Shown | None]] = {
    "flicker": _on_frames(flicker),
    "blur": _on_frames(blur),
    "jitter": _on_frames(jitter),
    "frame drops": _on_frames(drop_frames),
    "frame swaps": _on_frames(swap_frames),
    "identity drift": _drift,
    "object swap": _swap_end(lambda subject: subject.with_another_object()),
    "scene swap": _swap_end(lambda subject: subject.with_another_scene()),
    "freeze": _on_frames(freeze),
    "speed-up": _faster,
    "wrong caption": _wrong_caption,
    "compression": _compress,
    "rescaling": _on_frames(rescale),
    "fps change": _on_frames(hold_frames),
}


def _read() -> Iterator[Damage]:
    for name, table in parse_toml(EXPECTED_FILE.read_text(encoding="utf-8")).items():
        answers = {metric: Expected(answer, why) for metric, (answer, why) in table["answers"].items()}
        exceptions = {
            checkpoint: {
                metric: Expected(answer, why, answers[metric].answer) for metric, (answer, why) in some.items()
            }
            for checkpoint, some in table.get("exceptions", {}).items()
        }
        yield Damage(name, table["what"], tuple(table["grades"]), _HOW[name], answers, exceptions)


DAMAGES: Mapping[str, Damage] = {damage.name: damage for damage in _read()}
"""By name, in the order of expected.toml."""
