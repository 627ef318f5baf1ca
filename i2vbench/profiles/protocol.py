"""A protocol: which frames of a clip a metric sees, and at which size."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from dataclasses import fields as fields_of
from typing import Any, Literal, get_args

Interpolation = Literal["lanczos", "bicubic", "bilinear"]
Sampling = Literal["nearest", "first"]
OtherVideos = Literal["bring", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What every clip is brought to before a metric sees it.

    Attributes:
        name: As `--protocol` calls it; "" for one that a profile states itself.
        num_frames: Frames per clip.
        fps: Frames per second.
        height: Pixels.
        width: Pixels.
        interpolation: How frames are resized; the shorter side is fitted, the rest centre-cropped.
        sampling: "nearest" takes the frames nearest in time to 0, 1/fps, 2/fps, ...; "first" takes the first
            `num_frames` frames as they come, whatever the clip's rate.
        other_videos: What becomes of a model's video of another size, length or rate: "bring" brings it to the
            protocol, by `interpolation` and `sampling`, and the tables say so; "refuse" leaves it without a number.
        metrics: Ids of the metrics that it is for; none names them all.
        note: What a reader of its numbers must know; stands under every table.
    """

    name: str = ""
    num_frames: int
    fps: float
    height: int
    width: int
    interpolation: Interpolation
    sampling: Sampling
    other_videos: OtherVideos = "bring"
    metrics: tuple[str, ...] = ()
    note: str = ""

    def frame_indices(self, times: Sequence[float], fps: float) -> list[int]:
        """Which frames of a clip the protocol takes.

        Args:
            times: Seconds of each frame, ascending, the first one at 0.
            fps: The clip's own rate.

        Raises:
            ValueError: If the clip is too short, with the reason.
        """
        if self.sampling == "first":
            if len(times) < self.num_frames:
                raise ValueError(f"has {len(times)} frames; the protocol takes {self.num_frames}")
            return list(range(self.num_frames))
        wanted = [i / self.fps for i in range(self.num_frames)]
        # A frame is shown until the next one comes: the last one reaches half a frame beyond its own time.
        reach = times[-1] + 0.5 / fps
        if wanted[-1] > reach + 1e-6:
            raise ValueError(
                f"lasts {times[-1]:.3f} s from its first to its last frame ({len(times)} frames at {fps:g} fps); "
                f"the protocol takes {self.num_frames} frames at {self.fps:g} fps, up to {wanted[-1]:.3f} s"
            )
        return [_nearest(times, t) for t in wanted]

    def describe(self) -> str:
        """The protocol in one line, as it stands under every table."""
        how = "nearest in time" if self.sampling == "nearest" else "the first ones"
        return (
            f"{self.num_frames} frames at {self.fps:g} fps ({how}), {self.height} x {self.width} pixels "
            f"({self.interpolation}, shorter side fitted, centre crop)"
        )


def parse_protocol(given: Any) -> Protocol:
    """The protocol that a TOML table, or a run's record of it, holds.

    Raises:
        ValueError: If a field is missing, unknown or impossible.
    """
    if not isinstance(given, dict):
        raise ValueError("protocol: expected a table, [protocol]")
    check_names("protocol.", given, Protocol)
    if not isinstance(given.get("metrics", []), list | tuple):
        raise ValueError(f"protocol.metrics: expected a list of ids, got {given['metrics']!r}")
    protocol = Protocol(**{**given, "metrics": tuple(given.get("metrics", ()))})
    for name in ("num_frames", "height", "width", "fps"):
        value = getattr(protocol, name)
        kind = (int, float) if name == "fps" else int
        if isinstance(value, bool) or not isinstance(value, kind) or not 0 < value < math.inf:
            raise ValueError(f"protocol.{name}: expected a positive number, got {value!r}")
    choices = {"interpolation": Interpolation, "sampling": Sampling, "other_videos": OtherVideos}
    for name, literal in choices.items():
        allowed = get_args(literal)
        if getattr(protocol, name) not in allowed:
            raise ValueError(f"protocol.{name}: expected one of {', '.join(allowed)}, got {getattr(protocol, name)!r}")
    for name, value in (("name", protocol.name), ("note", protocol.note), *(("metrics", m) for m in protocol.metrics)):
        if not isinstance(value, str):
            raise ValueError(f"protocol.{name}: expected text, got {value!r}")
    return protocol


def check_names(prefix: str, given: dict[str, Any], kind: type) -> None:
    """Hold the names of a table to the fields of a dataclass.

    Raises:
        ValueError: Naming those that are missing or unknown.
    """
    known = {field.name: field.default is MISSING and field.default_factory is MISSING for field in fields_of(kind)}
    missing = [prefix + name for name, needed in known.items() if needed and name not in given]
    unknown = [prefix + name for name in given if name not in known]
    if missing or unknown:
        parts = [f"{word} {', '.join(names)}" for word, names in (("missing", missing), ("unknown", unknown)) if names]
        raise ValueError("; ".join(parts))


def _nearest(times: Sequence[float], wanted: float) -> int:
    """Index of the time nearest to `wanted`; of two equally near ones the earlier."""
    right = bisect.bisect_left(times, wanted)
    if right == 0:
        return 0
    if right == len(times):
        return len(times) - 1
    return right if times[right] - wanted < wanted - times[right - 1] - 1e-9 else right - 1
