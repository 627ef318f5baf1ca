"""Clips that can be damaged: drawn ones, of which another thing or place can be shown, and real ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from i2vbench.clips import read_to_protocol
from i2vbench.datasets.synthetic import (
    CAMERAS,
    COLOURS,
    KINDS,
    MOTIONS,
    SCENES,
    SIZES,
    TEXTURES,
    Plan,
    Thing,
    category_of,
    draw_clip,
    plan_clip,
)
from i2vbench.profiles import Protocol
from i2vbench.types import Frames, FrameSource, Sample, Video
from i2vbench.video import VideoError

_LONGER = 2
"""What can be sped up so many times at most."""


class Subject(ABC):
    """A clip as it is, and what can be had of it besides.

    Attributes:
        sample: What metrics hold it to.
    """

    sample: Sample

    @abstractmethod
    def video(self) -> Video:
        """As it is, brought to the protocol."""

    def faster(self, factor: float) -> Video | None:
        """So many times as fast, as long as before; None if it cannot be had."""
        return None

    def with_another_object(self) -> Video | None:
        """The same with another nearest thing that moves in the same way; None if it cannot be had."""
        return None

    def with_another_scene(self) -> Video | None:
        """The same at another place; None if it cannot be had."""
        return None

    @abstractmethod
    def wrong_caption(self, share: float) -> str | None:
        """A caption of which this share is not what is seen."""


class DrawnSubject(Subject):
    """A clip of the synthetic world, at the protocol's size, length and rate: the middle of one twice as long.

    Args:
        seed: Of its plan, of which the nearest thing is taken alone: what is swapped is what is seen.
        protocol: What it is drawn to.
    """

    def __init__(self, seed: int, protocol: Protocol) -> None:
        plan = plan_clip(seed)
        self._plan, self._protocol = replace(plan, things=plan.things[:1]), protocol
        self._other = _all_other(self._plan, np.random.default_rng([seed, 100]))
        self.sample = Sample(
            id=f"drawn-{seed:07d}",
            category=category_of(self._plan.things[0].kind),
            prompt=self._plan.caption,
            first_frame=FrameSource(Path()),  # no metric reads a file
            fps=protocol.fps,
            objects=(self._plan.things[0].kind,),
            scene=self._plan.scene,
        )

    def video(self) -> Video:
        return self._shown(self._frames)

    def faster(self, factor: float) -> Video | None:
        return self._shown(self._frames, factor) if factor <= _LONGER else None

    def with_another_object(self) -> Video:
        thing = replace(self._other.things[0], motion=self._plan.things[0].motion)
        return self._shown(self._draw(replace(self._plan, things=(thing,))))

    def with_another_scene(self) -> Video:
        return self._shown(self._draw(replace(self._plan, scene=self._other.scene)))

    def wrong_caption(self, share: float) -> str:
        """From a quarter on the kind is wrong, from a half on how it looks, then where it is, then what it does."""
        own, other = self._plan.things[0], self._other.things[0]
        thing = replace(own, kind=other.kind)
        if share >= 0.5:
            thing = replace(thing, colour=other.colour, texture=other.texture, size=other.size)
        if share >= 1:
            thing = replace(thing, motion=other.motion)
        return replace(
            self._plan,
            things=(thing,),
            scene=self._other.scene if share >= 0.75 else self._plan.scene,
            camera=self._other.camera if share >= 1 else self._plan.camera,
        ).caption

    @cached_property
    def _frames(self) -> Frames:
        return self._draw(self._plan)

    def _draw(self, plan: Plan) -> Frames:
        """`_LONGER` times as many frames as are shown."""
        p = self._protocol
        return draw_clip(plan, _LONGER * p.num_frames, p.fps, p.height, p.width).frames

    def _shown(self, frames: Frames, factor: float = 1.0) -> Video:
        """Around the middle, every so-manieth frame."""
        count = self._protocol.num_frames
        chosen = (len(frames) / 2 + (np.arange(count) - count / 2) * factor).round().astype(int)
        return Video(np.ascontiguousarray(frames[chosen]), self._protocol.fps)


def _all_other(plan: Plan, random: np.random.Generator) -> Plan:
    """A plan of the same numbers and of other words throughout."""

    def another(words: Iterable[str], word: str) -> str:
        return str(random.choice([other for other in words if other != word]))

    thing = plan.things[0]
    other = Thing(
        another(KINDS, thing.kind),
        another(COLOURS, thing.colour),
        another(TEXTURES, thing.texture),
        another(SIZES, thing.size),
        another(MOTIONS, thing.motion),
    )
    return Plan(plan.seed, (other,), another(SCENES, plan.scene), another(CAMERAS, plan.camera))


class RealSubject(Subject):
    """A real clip of a data set.

    Args:
        sample: With a reference clip.
        others: The whole data set's, for wrong words.
        protocol: What it is brought to.
        reader: The video reader.
    """

    def __init__(self, sample: Sample, others: Sequence[Sample], protocol: Protocol, reader: str = "pyav") -> None:
        self.sample, self._protocol, self._reader = sample, protocol, reader
        self._others = [other for other in others if other.prompt and other.id != sample.id]

    @cached_property
    def _video(self) -> Video:
        assert self.sample.reference
        return read_to_protocol(self.sample.reference, self._protocol, self._reader)

    def video(self) -> Video:
        return self._video

    def faster(self, factor: float) -> Video | None:
        source = self.sample.reference
        assert source
        slow = replace(self._protocol, fps=self._protocol.fps / factor)
        try:
            return Video(read_to_protocol(source, slow, self._reader).frames, self._protocol.fps)
        except VideoError:  # it is too short
            return None

    def wrong_caption(self, share: float) -> str | None:
        """Of so many of its words the last ones are those of another clip."""
        if not self._others or not self.sample.prompt:
            return None
        index = sum(self.sample.id.encode()) % len(self._others)
        own, other = self.sample.prompt.split(), self._others[index].prompt.split()
        kept = round((1 - share) * len(own))
        return " ".join([*own[:kept], *other[len(other) - round(share * len(other)) :]])
