"""What object and scene consistency have in common: in how many of sixteen frames is seen what was asked for.

Matches VBench 0.1.5, `object_class` and `scene` (commit 45e79ec): a clip's number is the share of its frames that
succeed, a data set's all successful frames over all frames. Every cell of Tables 10 and 11 is such a quotient.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from i2vbench.metrics.base import NetworkMetric
from i2vbench.metrics.resampled import BySample, Counts, ratios
from i2vbench.metrics.sampling import middle_frame_indices
from i2vbench.metrics.variants import check_variant
from i2vbench.types import Cell, Clip, Measurement, Sample, Video

if TYPE_CHECKING:
    from torch import nn

NUM_FRAMES = 16

_SEEN: WeakKeyDictionary[Clip, WeakKeyDictionary[nn.Module, Sequence[Any]]] = WeakKeyDictionary()
"""What networks say of the clips at hand: both readings of a metric look at a clip once."""


def names_object(words: Collection[str], names: Collection[str]) -> bool:
    """Whether every word is one of the names, to the letter; VBench's rule, which knows one word alone."""
    return set(words) <= set(names)


def tells_scene(words: str, caption: str) -> bool:
    """Whether every word, divided at single blanks, is a part of the caption: "sky" is found in "skyscraper"."""
    return all(word in caption for word in words.split(" "))


class FrameSuccessMetric(NetworkMetric):
    """The share of a clip's frames that succeed, by the published rule or, as a variant, by the corrected one.

    Args:
        argument: The variant.

    Attributes:
        rules: The names of both rules: the published one, and the one that is the variant. `details` has both values.
        variant_title: What the tables call the variant.
        words: What it looks for, as messages call it.
    """

    rules: ClassVar[tuple[str, str]]
    variant_title: ClassVar[str]
    words: ClassVar[str]
    reads_details = frozenset({"frames", "successes"})

    def __init__(self, argument: str = "") -> None:
        published, corrected = self.rules
        check_variant(self.info.id, argument, [corrected])
        super().__init__()
        self.rule = argument or published
        if argument:
            self.info = replace(
                self.info,
                id=f"{self.info.id}_{argument.replace('-', '_')}",
                title=f"{self.info.title} ({self.variant_title})",
                source=f"{self.info.source}, but {self.variant_title}: no published number",
            )

    @abstractmethod
    def look(self, video: Video) -> Sequence[Any]:
        """What the network says of each of the `frame_indices`; each has a `fault`, "" where nothing is wrong."""

    @abstractmethod
    def judge(self, sample: Sample, seen: Sequence[Any]) -> tuple[dict[str, list[bool]], dict[str, Any]]:
        """Which of the frames succeed, by rule; and what else belongs into `details`."""

    @abstractmethod
    def untaught(self, sample: Sample, names: Collection[str]) -> list[str]:
        """Words of the sample, without which no frame succeeds, that a network taught these names alone cannot say."""

    def doubts(self, sample: Sample) -> list[str]:
        words = self.untaught(sample, names) if (names := self._names()) else []
        listing = ", ".join(f"'{word}'" for word in words)
        return [f"{self.words} that the small network was never taught: {listing}"] if words else []

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        return [self._not_applicable(clip) or self._measure(clip) for clip in clips]

    def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
        """All successful frames over all frames; the spread is that of clips."""
        done = list(generated)
        frames = sum(measurement.details["frames"] for measurement in done)
        if not frames:
            return Cell(None, 0, note="no clip was measured")
        successes = sum(measurement.details["successes"] for measurement in done)
        return replace(super().aggregate(done), value=successes / frames)

    def replicates(self, generated: BySample, reference: BySample | None, counts: Counts) -> Iterable[float]:
        successes, frames = (
            [sum(m.details[name] for m in some) for some in generated] for name in ("successes", "frames")
        )
        return ratios(successes, frames, counts)

    def _names(self) -> tuple[str, ...]:
        """What the catalogue says its network was taught; none of a published one, which is taken as it is."""
        from i2vbench import weights

        return weights.entry(self.info.checkpoints[0]).names

    def _not_applicable(self, clip: Clip) -> Measurement | None:
        """A small network's 0 for words that it never had would say nothing of the video."""
        names = self._names()
        if not names or not self.untaught(clip.sample, names):
            return None
        reason = f"the sample has {self.words} that are not among the {len(names)} which the small network was taught"
        return Measurement(clip.sample.id, self.info.id, not_applicable=reason)

    def _measure(self, clip: Clip) -> Measurement:
        seen = self._seen(clip)
        indices = frame_indices(clip.video)
        faults = [f"frame {i}: {frame.fault}" for i, frame in zip(indices, seen, strict=True) if frame.fault]
        if faults:
            # VBench takes such a frame for one that shows nothing.
            error = f"{len(faults)} of {len(seen)} frames cannot be judged (first: {faults[0]})"
            return Measurement(clip.sample.id, self.info.id, error=error)
        succeeded, details = self.judge(clip.sample, seen)
        counts = {rule: sum(frames) for rule, frames in succeeded.items()}
        details |= {
            "rule": self.rule,
            "frames": len(seen),
            "successes": counts[self.rule],
            **{f"value_{rule}": count / len(seen) for rule, count in counts.items()},
            "frame_indices": indices,
            "succeeded": succeeded,
            "fps": clip.video.fps,
            "frame_size": [clip.video.height, clip.video.width],
        }
        if doubts := self.doubts(clip.sample):
            details["doubts"] = doubts
        return Measurement(clip.sample.id, self.info.id, value=counts[self.rule] / len(seen), details=details)

    def _seen(self, clip: Clip) -> Sequence[Any]:
        known = _SEEN.setdefault(clip, WeakKeyDictionary())
        if self._network not in known:
            known[self._network] = self.look(clip.video)
        return known[self._network]


def frame_indices(video: Video) -> list[int]:
    """The sixteen frames that are looked at; of a shorter video the last one several times."""
    return middle_frame_indices(video.num_frames, NUM_FRAMES)
