"""Profiles: which sizes, frames and rates (later: which backbones) a run's numbers are made under.

A profile is a TOML file, one of those beside this module or the user's own. A run records it whole; numbers made
under different profiles are never put in one table without saying so.
"""

from __future__ import annotations

import bisect
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any, Literal, get_args

from i2vbench.errors import UserError

Interpolation = Literal["lanczos", "bicubic", "bilinear"]
Sampling = Literal["nearest", "first"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What every clip is brought to before a metric sees it.

    Attributes:
        num_frames: Frames per clip.
        fps: Frames per second.
        height: Pixels.
        width: Pixels.
        interpolation: How frames are resized; the shorter side is fitted, the rest centre-cropped.
        sampling: "nearest" takes the frames nearest in time to 0, 1/fps, 2/fps, ...; "first" takes the first
            `num_frames` frames as they come, whatever the clip's rate.
    """

    num_frames: int
    fps: float
    height: int
    width: int
    interpolation: Interpolation
    sampling: Sampling

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A named set of such decisions."""

    name: str
    title: str
    protocol: Protocol

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def load_profile(name: str) -> Profile:
    """A bundled profile by name, or one from a TOML file by path.

    Raises:
        UserError: For an unknown name, a missing or malformed file, a missing, unknown or impossible field.
    """
    bundled = {p.stem: p for p in sorted(Path(__file__).parent.glob("*.toml"))}
    path = bundled.get(name, Path(name))
    if name not in bundled and path.suffix != ".toml":
        raise UserError(f"unknown profile '{name}': expected one of {', '.join(bundled)}, or a TOML file")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"profile {path}: cannot be read: {error}") from error
    try:
        return parse_profile(data)
    except (TypeError, ValueError) as error:
        raise UserError(f"profile {path}: {error}") from error


def parse_profile(data: dict[str, Any]) -> Profile:
    """The profile that a TOML file, or a run's record of it, holds.

    Raises:
        ValueError, TypeError: If a field is missing, unknown or impossible.
    """
    fields = dict(data)
    given = fields.pop("protocol", {})
    if not isinstance(given, dict):
        raise ValueError("protocol: expected a table, [protocol]")
    _check_names("protocol.", given, Protocol)
    _check_names("", {**fields, "protocol": given}, Profile)
    protocol = Protocol(**given)
    for name in ("num_frames", "height", "width", "fps"):
        value = getattr(protocol, name)
        kind = (int, float) if name == "fps" else int
        if isinstance(value, bool) or not isinstance(value, kind) or value <= 0:
            raise ValueError(f"protocol.{name}: expected a positive number, got {value!r}")
    for name, allowed in (("interpolation", get_args(Interpolation)), ("sampling", get_args(Sampling))):
        if getattr(protocol, name) not in allowed:
            raise ValueError(f"protocol.{name}: expected one of {', '.join(allowed)}, got {getattr(protocol, name)!r}")
    return Profile(protocol=protocol, **fields)


def _check_names(prefix: str, given: dict[str, Any], kind: type) -> None:
    known = [field.name for field in fields_of(kind)]
    missing = [prefix + name for name in known if name not in given]
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
